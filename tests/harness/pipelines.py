"""Specs and rows drawn at random, of all kinds together, and what is done with them by the commands: whatever they
say, no fault of ours shows, the budget holds, and what was done can be verified, replayed and done again."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import Answer, refinec

TOPICS = ("algebra", "geometry", "logic")
PRICE = 'price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }'
TOKENS = {"300k": 300_000, "40k": 40_000, "9k": 9_000}


class Fault(Exception):
    """A command did what none may do. The message says which, and what it printed."""


@dataclass(frozen=True)
class Drawn:
    """tokens, usd: of the budget, None where it has none of them."""

    spec: str
    rows: tuple[dict[str, Any], ...]
    tokens: int | None
    usd: Decimal | None


def draw(seed: int, base_url: str = "") -> Drawn:
    """A spec that may ask for more than it can have, and its rows. base_url: of the endpoint that its models are asked
    at, in place of the simulated one."""
    dice = random.Random(seed)
    task = dice.choice(("qa", "qa", "mcq", "math", "chat"))
    rows = tuple(_draw_rows(dice, task))
    lines = [
        "edition = 1", f"seed = {seed}",
        f'dataset items {{ task = {task}, source = "items.jsonl", fields = {{ topic = column("topic"),'
        ' doubt = column("doubt") } }',
        f"model small {{ {_draw_small(dice, base_url)}, {PRICE},"
        f" limits = {{ concurrency = {dice.choice((1, 7, 50))} }} }}",
        f'model other {{ {_name_provider(base_url)}, id = "other", {PRICE} }}',
        *(("run { retries = 3, backoff = 0.05s }",) if base_url else ()),
    ]  # fmt: skip
    measures, moves = _draw_measures(dice)
    checks, judged = _draw_checks(dice, task, "length" in moves)
    operators = _draw_operators(dice, task, moves, checks, judged)
    tokens, usd = dice.choice((("300k", None), (None, "0.50"), ("40k", "0.05"), ("9k", None)))
    budget = ", ".join(
        each for each in (tokens and f"tokens = {tokens}", usd and f"cost = ${usd}") if each is not None
    )
    kind = dice.choice(("jsonl", "csv", "parquet")) if task in ("qa", "math") else "jsonl"
    count = len(rows)
    lines += [
        *measures, *checks.values(), *operators,
        f"constraints {{ size = {dice.choice(('keep', f'between({count - 4}, {count + 6})', str(count + 3)))},"
        f" max_removed = {dice.choice((20, 50))}%" + dice.choice(("", ", distinct = at_least(60%)"))
        + dice.choice(("", "", ", protect = doubt < 0.1")) + " }",
        f"pilot {{ items = 4, budget = {dice.choice(('$0.50', '200k'))} }}",
        f"budget {{ {budget} }}",
        *dice.choice(((), (), ("solve { replan = 0.3 }",))),
        *([] if base_url else dice.choice(([], [], ["run { on_overload = ignore }"]))),
        f'output refined {{ path = "out/refined.{kind}", provenance = "out/log.jsonl"'
        + dice.choice(("", ", layout = task")) + dice.choice(("", ', quarantine = "out/apart.jsonl"')) + " }",
    ]  # fmt: skip
    return Drawn(
        "\n".join(lines) + "\n", rows, None if tokens is None else TOKENS[tokens], None if usd is None else Decimal(usd)
    )


def drive(drawn: Drawn, folder: Path, seed: int) -> str:
    """Takes what was drawn through the commands in an empty folder; says in a word or a code how it ended.

    Raises:
        Fault: a command did what none may do.
    """
    (folder / ".git").mkdir(parents=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in drawn.rows)
    (folder / "items.jsonl").write_text(text, encoding="utf-8")
    (folder / "spec.refine").write_text(drawn.spec, encoding="utf-8")
    checked = _call(folder, "check", "spec.refine", ends=(ExitCode.DONE, ExitCode.SPEC))
    if checked.code:
        return _name_error(checked)
    planned = ExitCode.DONE, ExitCode.SPEC, ExitCode.INFEASIBLE, ExitCode.BUDGET
    plan = _call(folder, "plan", "spec.refine", "-o", "a.refplan", ends=planned)
    if "RF5142" in plan.err:  # values that only a pilot finds
        _call(folder, "pilot", "spec.refine", "--auto-approve", ends=(ExitCode.DONE, ExitCode.BUDGET))
        plan = _call(folder, "plan", "spec.refine", "-o", "a.refplan", ends=planned)
    if plan.code:
        return _name_error(plan)
    run = _apply(folder, drawn, "a.refplan")
    if run is None:
        return "too small"
    outputs = _read_outputs(folder)
    for command in (("show",), ("logs",), ("replay",)):
        _call(folder, *command, str(run["run"]))
    _call(folder, "verify", "out/log.jsonl")
    _call(folder, "review", str(run["run"]), "-o", "decisions.jsonl")
    if run["status"] != "complete":
        return str(run["status"])
    # What was planned again in the middle may have given up what it wanted first.
    has_all = "legs" not in run and all(each["accepted"] >= each["wanted"] for each in run["operators"].values())
    again = _apply(folder, drawn, "spec.refine", "--auto-approve")
    if has_all and (again is None or again["cost"]["tokens"] or _read_outputs(folder) != outputs):
        raise Fault(f"the same spec again costs {again and again['cost']}, or gives other bytes")
    _decide(folder, seed)
    decided = _apply(folder, drawn, "spec.refine", "--auto-approve", "--decisions", "decisions.jsonl")
    if decided is not None:
        _call(folder, "replay", str(decided["run"]))
        _call(folder, "verify", "out/log.jsonl")
    return "complete"


# ---- drawing ---------------------------------------------------------------------------------------------------------


def _name_provider(base_url: str) -> str:
    return f'provider = openai, base_url = "{base_url}"' if base_url else "provider = simulated"


def _draw_small(dice: random.Random, base_url: str) -> str:
    success, flaws = dice.choice((60, 80, 95)), dice.choice(("", ", flaws = [duplicate, answer, schema]"))
    params = "" if base_url else f", params = {{ success = {success}%{flaws} }}"
    return f'{_name_provider(base_url)}, id = "small"{params}'


def _draw_rows(dice: random.Random, task: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in range(dice.randint(12, 30)):
        topic = dice.choice(("algebra", "geometry", "geometry", "logic"))
        question = f"In {topic}, what is {number} plus 3" + dice.choice(("?", ", and why is it so in the end?"))
        question += dice.choice(("", "", "", f" Write to user{number}@example.com or +1 212 555 01{number:02d}."))
        question = dice.choice(("", "", "", "Ünïcödé 東京 \u202e")) + question
        row: dict[str, Any] = {"id": f"q{number}", "topic": topic, "doubt": round(dice.random(), 3)}
        match task:
            case "mcq":
                row |= {"question": question, "choices": [str(number + more) for more in range(4)], "answer": "D"}
            case "chat":
                said = {"role": "user", "content": question}, {"role": "assistant", "content": f"It is {number + 3}."}
                row["messages"] = list(said)
            case _:
                row |= {"question": question, "answer": str(number + 3)}
        rows.append(row)
    return [*rows, {**rows[0], "id": "twin"}] if dice.random() < 0.3 else rows


def _draw_measures(dice: random.Random) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Measures with their dimensions, and how an operator may move an item in these."""
    lines = [
        "measure subject { kind = column, column = topic }",
        f"dimension topic {{ from = subject, labels = [{', '.join(TOPICS)}], target = uniform() }}",
    ]
    moves: dict[str, tuple[str, ...]] = {"topic": ("any", "to(logic)")}
    if dice.random() < 0.4:
        lines += [
            "measure words { kind = length }",
            "dimension length { from = words, order = [short, long], bands = { short = below(9), long = above(9) },"
            " target = { short = 40%, long = 60% } }",
        ]
        moves["length"] = ("+1", "any")
    match dice.choice(("", "", "classify", "elo", "self_judge")):
        case "classify":
            lines += [
                "measure heard { kind = classify, model = small, labels = [calm, loud] }",
                "dimension mood { from = heard, target = uniform()"
                + dice.choice(("", ", on_new = measure", ", on_new = assume")) + " }",
            ]  # fmt: skip
            moves["mood"] = ("any",)
        case "elo":
            lines += [
                "measure rating { kind = elo, model = small, seeds = bootstrap(5), neighbours = 2 }",
                "dimension difficulty { from = rating, bands = { easy = below(1500), hard = above(1500) },"
                " target = uniform() }",
            ]
        case "self_judge":
            lines += [
                "measure grade { kind = self_judge, model = other }",
                "dimension quality { from = grade, bands = { poor = below(5), good = above(5) },"
                " target = { poor = 10%, good = 90% } }",
            ]
        case _:
            pass
    return lines, moves


def _draw_checks(dice: random.Random, task: str, has_length: bool) -> tuple[dict[str, str], bool]:
    """Validators by name, and whether there is a judge."""
    apart, retry = ("", ", on_reject = quarantine"), ("", ", on_reject = retry", ", on_reject = quarantine")
    field = "messages" if task == "chat" else "question"
    checks = {"form": "validator form { kind = format }"}
    if dice.random() < 0.6:
        checks["fresh"] = f"validator fresh {{ kind = duplicate, against = [originals, output]{dice.choice(retry)} }}"
    if dice.random() < 0.4:
        most = dice.choice((60, 400, 4_000))
        checks["brief"] = f"validator brief {{ kind = expression, accept = len({field}) < {most}{dice.choice(retry)} }}"
    if dice.random() < 0.3:
        checks["near"] = f"validator near {{ kind = drift{dice.choice(apart)} }}"
    if dice.random() < 0.2 and task in ("qa", "mcq"):
        checks["sound"] = f"validator sound {{ kind = pot, model = other{dice.choice(('', ', on_reject = correct'))} }}"
    if dice.random() < 0.2 and has_length:
        checks["fits"] = f"validator fits {{ kind = in_bin, dimension = length{dice.choice(retry)} }}"
    judges = (
        "", "judge good { model = other, accept = score >= 3 }", "judge good { models = [small, other], votes = 3 }",
        "judge good { model = other, mode = pairwise, swap = true, on_reject = revise }",
        "judge good { model = other, accept = score >= 3, on_reject = quarantine }",
    )  # fmt: skip
    judge = dice.choice(judges)
    if judge:
        checks["good"] = judge
    return checks, bool(judge)


def _draw_operators(
    dice: random.Random, task: str, moves: dict[str, tuple[str, ...]], checks: dict[str, str], judged: bool
) -> list[str]:
    def some_checks() -> str:
        return f"checks = [{', '.join([each for each in checks if dice.random() < 0.7] or ['form'])}]"

    def some_moves() -> str:
        chosen = [each for each in moves if dice.random() < 0.6] or ["topic"]
        return "moves = { " + ", ".join(f"{each} = {dice.choice(moves[each])}" for each in chosen) + " }"

    def more() -> str:
        return dice.choice(("", ", where = doubt < 0.9")) + dice.choice(("", ", max_cost = $0.01"))

    kinds = {
        "remove": lambda: f"operator drop {{ kind = remove{dice.choice(('', ', where = doubt < 0.9'))} }}",
        "expand": lambda: f"operator again {{ kind = expand, model = small, {some_checks()}{more()}"
        f"{dice.choice(('', ', variants = 2'))} }}",
        "generate": lambda: f"operator author {{ kind = generate, model = small, {some_moves()}, {some_checks()}"
        f"{more()} }}",
        "rewrite": lambda: f"operator reword {{ kind = rewrite, model = other, {some_moves()}, {some_checks()}"
        f"{more()} }}",
        "scrub": lambda: "operator clean { kind = scrub, model = small, criteria = [pii], checks = [form] }",
        "deduplicate": lambda: "measure cluster { kind = near_duplicate, method = minhash, threshold = 0.9 }\n"
        "operator once { kind = deduplicate, measure = cluster }",
    }
    if task in ("qa", "mcq"):
        kinds["correct"] = lambda: (
            "validator keyed { kind = pot, model = other }\n"
            "operator mend { kind = correct, model = other, validator = keyed, checks = [form] }"
        )
    if task in ("qa", "chat"):
        kinds["refine"] = lambda: (
            ("" if judged else "judge good { model = other }\n")
            + f"operator polish {{ kind = refine, model = small, judge = good, max_rounds = {dice.choice((1, 3))}"
            + dice.choice(("", ", second_model = other")) + ", checks = [form] }"
        )  # fmt: skip
    if task == "mcq":
        kinds["rewrite_distractors"] = lambda: (
            f"operator wrongs {{ kind = rewrite_distractors, model = small, {some_moves()}, {some_checks()} }}"
        )
    chosen = dice.sample(sorted(kinds), dice.randint(1, 4))
    if not {"generate", "expand"} & {*chosen}:
        chosen.append("generate")
    return [kinds[each]() for each in chosen]


# ---- driving ---------------------------------------------------------------------------------------------------------


def _call(folder: Path, *words: str, ends: tuple[ExitCode, ...] = (ExitCode.DONE,)) -> Answer:
    """A command that may end in these ways only, and that says nothing of a fault of ours."""
    answer = refinec(*words, cwd=folder)
    is_ours = "Traceback" in answer.err + answer.out or "RF5005" in answer.err  # that is a plan we wrote ourselves
    if answer.code not in ends or is_ours:
        raise Fault(f"refinec {' '.join(words)}: exit {answer.code}\n{answer.err[-1_500:]}\n{answer.out[-300:]}")
    return answer


def _apply(folder: Path, drawn: Drawn, *words: str) -> Any:
    """What a run says of itself, None where it stopped before it did anything."""
    ends = ExitCode.DONE, ExitCode.SPEC, ExitCode.INFEASIBLE, ExitCode.BUDGET, ExitCode.INCOMPLETE
    told = _call(folder, "apply", *words, "--format", "json", ends=ends).json
    if "run" not in told:
        return None
    cost = told["cost"]
    if drawn.tokens is not None and cost["tokens"] > drawn.tokens:
        raise Fault(f"{cost['tokens']} tokens of {drawn.tokens}")
    if drawn.usd is not None and Decimal(cost["usd"]) > drawn.usd:
        raise Fault(f"{cost['usd']} of {drawn.usd} dollars")
    return told


def _read_outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").glob("refined.*")}


def _decide(folder: Path, seed: int) -> None:
    dice, file = random.Random(seed), folder / "decisions.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["decision"] = dice.choice(("accept", "accept", "reject", "pin"))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _name_error(answer: Answer) -> str:
    """The code of its first error: every end but a good one has one."""
    found = re.search(r"error\[(RF\d+)\]", answer.err + answer.out)
    if found is None:
        raise Fault(f"exit {answer.code} without an error\n{answer.err}\n{answer.out}")
    return found[1]
