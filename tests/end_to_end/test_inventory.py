"""What earlier runs bought is inventory: an edited spec pays the difference, an unchanged one nothing."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import refinelab_dsl
from refinelab_dsl import Plan, Run
from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.diagnostics import RefineError
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = """edition = 1
seed = 3

dataset items {{ task = mcq, source = "items.jsonl" }}

measure subject {{ kind = column, column = "subject" }}
dimension topic {{ from = subject, target = {target} }}

model small {{
  provider = openai
  id = "small"
  base_url = "{base_url}"
  price = {{ input = $1 / 1M, output = $4 / 1M, as_of = "2026-11-01" }}
}}

prompt ask {{ user = "{prompt} {{{{ target.topic.label }}}}: {{{{ item.question }}}} {guidance}" }}

validator fresh {{ kind = duplicate, against = [originals, output] }}

operator drop {{ kind = remove }}
operator paraphrase {{ kind = expand, model = small, checks = [fresh], max_per_item = 1 }}
operator {author} {{ kind = generate, model = small, prompt = ask, moves = {{ topic = any }}, checks = [fresh] }}

constraints {{ size = keep, max_removed = {max_removed} }}
budget {{ tokens = {tokens} }}
solve {{ gap = 1e-9 }}
output refined {{ path = "out.jsonl", provenance = "out.prov.jsonl" }}
"""

GUIDANCE = "Keep to facts that a handbook has, and word it as an examiner would. " * 12  # dearer than a copy

PLAIN = {
    "target": "uniform()", "prompt": "Write about", "author": "author", "max_removed": "10%", "tokens": "200k",
}  # fmt: skip


class World:
    """A project whose model is a server of ours that counts its calls."""

    def __init__(self, folder: Path, server: ThreadServer) -> None:
        self.folder = folder
        self.server = server
        self.spec = folder / "spec.refine"
        self.texts = dict(PLAIN)
        self.write()
        dice = random.Random(5)
        rows = []
        for number in range(50):
            topic = "organic" if number < 30 else "physical" if number < 44 else "analytical"
            words = " ".join(dice.choice(("acid", "base", "bond", "ion", "mole", "heat", "gas")) for _ in range(12))
            choices = [f"{letter}{number}" for letter in "abcd"]
            question = f"Item {number}: {words}?"
            rows.append({"question": question, "choices": choices, "answer": choices[1], "subject": topic})
        self.write_rows(rows)

    def write(self, **texts: str) -> None:
        self.texts |= texts
        text = SPEC.format(base_url=self.server.base_url, guidance=GUIDANCE, **self.texts)
        self.spec.write_text(text, encoding="utf-8")

    def write_rows(self, rows: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / "items.jsonl").write_text(text, encoding="utf-8")

    def read_rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "items.jsonl").read_text().splitlines()]

    def plan(self, *, inventory: bool = True) -> Plan:
        return refinelab_dsl.load(self.spec).plan(inventory=inventory)

    def apply(self, plan: Plan) -> Run:
        return plan.apply(environ={})

    @property
    def calls(self) -> int:
        return sum(self.server.tally.asked.values())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    with ThreadServer(Behaviour(simulation=Simulation(success=0.7))) as server:
        yield World(tmp_path, server)


def bytes_of(plan: Plan) -> bytes:
    return plan.file.path.read_bytes()


def old_and_new(plan: Plan) -> tuple[list[Step], list[Step]]:
    steps = list(plan.file.steps())
    return [step for step in steps if step.replies], [step for step in steps if not step.replies]


def tokens(plan: Plan) -> int:
    assert plan.header.tokens.expected is not None
    return int(plan.header.tokens.expected)


def test_an_unchanged_spec_gives_the_same_plan_and_costs_nothing(world: World) -> None:
    first = world.plan()
    assert first.header.inventory is None
    world.apply(first)
    bought = world.calls
    assert bought > 0
    again = world.plan()
    assert bytes_of(again) == bytes_of(first)
    run = world.apply(again)
    assert world.calls == bought
    assert run.head["cost"]["tokens"] == 0


def test_an_edited_spec_pays_the_difference(world: World) -> None:
    world.apply(world.plan())
    bought = world.calls
    world.write(max_removed="24%")
    plan, scratch = world.plan(), world.plan(inventory=False)
    old, new = old_and_new(plan)
    assert old
    assert new
    assert plan.header.inventory is not None
    assert plan.header.inventory.used == len(old) <= plan.header.inventory.accepted
    assert plan.header.inventory.runs == (1,)
    assert plan.header.solution.objective <= scratch.header.solution.objective + 1e-9
    assert tokens(plan) < 0.8 * tokens(scratch)
    assert sum(action.count for action in plan.header.actions) == sum(action.count for action in scratch.header.actions)

    run = world.apply(plan)
    made = world.calls - bought
    repairs = sum(1 for _ in json_lines(world.folder / ".refine/runs/0002/provenance.jsonl", "call", call=1))
    assert 0 < made <= len(new) + repairs
    assert run.head["cost"]["calls"] == made
    assert run.head["cost"]["cached"] >= len(old)
    assert run.head["size"]["intended"] == 50
    answered = {step.id for step in old}
    for call in json_lines(world.folder / ".refine/runs/0002/provenance.jsonl", "commit"):
        answered.discard(call["step"])
    assert not answered, "every result of the inventory was accepted again"

    assert refinec("verify", "out.jsonl", cwd=world.folder).code == 0
    assert refinec("replay", "2", cwd=world.folder).code == 0
    after = world.calls
    again = world.plan()
    assert bytes_of(again) == bytes_of(plan), "planned again after its run, with what it was made with"
    world.apply(again)
    assert world.calls == after


def json_lines(path: Path, event: str, **wanted: object) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        found = json.loads(line)
        if found.get("event") == event and all(found.get(name) == value for name, value in wanted.items()):
            yield found


def test_names_targets_budgets_and_further_rows_do_not_matter(world: World) -> None:
    world.apply(world.plan())
    world.write(author="writer", tokens="150k", target="{ organic = 20%, physical = 30%, analytical = 50% }",
                max_removed="24%")  # fmt: skip
    rows = world.read_rows()
    extra = {"question": "One more item?", "choices": ["w", "x", "y", "z"], "answer": "w", "subject": "organic"}
    world.write_rows([extra, *rows])
    plan = world.plan()
    old, new = old_and_new(plan)
    assert {step.operator for step in old} == {"writer", "paraphrase"}
    before = world.calls
    world.apply(plan)
    assert 0 < world.calls - before <= 2 * len(new)


def test_what_was_bought_outlives_its_budget(world: World) -> None:
    """A budget for which nothing can be had: what is there is used, and costs nothing."""
    world.apply(world.plan())
    world.write(tokens="10")
    plan, scratch = world.plan(), world.plan(inventory=False)
    assert not scratch.header.actions
    old, new = old_and_new(plan)
    assert old
    assert not new
    assert tokens(plan) == 0
    assert plan.header.tokens.ceiling == 0
    assert plan.header.hosts == ()
    assert plan.header.solution.objective < scratch.header.solution.objective - 1e-3
    before = world.calls
    run = world.apply(plan)
    assert world.calls == before
    assert run.head["added"] == len(old)
    assert "No calls, no cost" in plan.to_text()


def test_what_asks_otherwise_is_bought_again(world: World) -> None:
    """Another prompt, another model, another check: the results would not be those."""
    world.apply(world.plan())
    world.write(prompt="Compose an item about")
    old, _ = old_and_new(world.plan())
    assert {step.operator for step in old} == {"paraphrase"}
    world.write(prompt=PLAIN["prompt"])
    text = world.spec.read_text()
    simulated = text[text.index("provider = openai"):text.index("price =")]
    for before, after in (
        ('id = "small"', 'id = "large"'),
        (simulated, 'provider = simulated\n  id = "small"\n  '),
        ("against = [originals, output] }", "against = [originals] }"),
        ("seed = 3", "seed = 4"),
    ):
        assert before in text
        world.spec.write_text(text.replace(before, after))
        plan = world.plan()
        assert plan.header.inventory is None
        assert bytes_of(plan) == bytes_of(world.plan(inventory=False))


def test_a_source_that_is_gone_takes_its_copies_along(world: World) -> None:
    world.apply(world.plan())
    world.write(max_removed="24%")
    plan = world.plan()
    known = {step.items[0] for step in old_and_new(plan)[0] if step.operator == "paraphrase"}
    assert known
    rows = world.read_rows()
    world.write_rows([row for row in rows if row["subject"] != "analytical"])
    world.write(target="{ organic = 50%, physical = 50% }")
    plan = world.plan()
    assert not any(step.items[0] in known for step in plan.file.steps())


def test_without_inventory(world: World) -> None:
    world.apply(world.plan())
    world.write(max_removed="24%")
    shown = refinec("plan", "--no-inventory", "-o", "whole.refplan", cwd=world.folder)
    assert shown.code == 0
    assert "earlier" not in shown.out
    lean = refinec("plan", "-o", "lean.refplan", cwd=world.folder)
    assert "earlier" in lean.out
    assert "accepted results of run 1" in lean.out
    assert (world.folder / "whole.refplan").read_bytes() == bytes_of(world.plan(inventory=False))
    assert (world.folder / "lean.refplan").read_bytes() == bytes_of(world.plan())
    page = refinec("plan", "--format", "json", cwd=world.folder).json
    assert page["inventory"]["runs"] == [1]
    assert sum(action["earlier"] for action in page["actions"]) == page["inventory"]["used"]
    assert "accepted results of run 1" in refinec("plan", "--format", "markdown", cwd=world.folder).out
    refused = refinec("apply", "lean.refplan", "--no-inventory", cwd=world.folder)
    assert refused.code == ExitCode.USAGE
    refused = refinec("apply", "lean.refplan", "--no-cache", cwd=world.folder)
    assert refused.code == ExitCode.USAGE
    assert "RF6037" in refused.err


def test_a_plan_whose_inventory_vanished_is_stale(world: World) -> None:
    world.apply(world.plan())
    world.write(max_removed="24%")
    assert refinec("plan", "-o", "lean.refplan", cwd=world.folder).code == 0
    for path in (world.folder / ".refine").glob("store.db*"):
        path.unlink()
    before = world.calls
    refused = refinec("apply", "lean.refplan", cwd=world.folder)
    assert refused.code == ExitCode.STALE
    assert "no longer in the store" in refused.err
    assert world.calls == before
    assert "no longer in the store" in refinec("show", "lean.refplan", cwd=world.folder).out
    assert world.plan().header.inventory is None


def test_runs_that_cannot_be_read(world: World) -> None:
    """A damaged log is said and left out; a deleted run is as if it had not been."""
    world.apply(world.plan())
    world.write(max_removed="24%")
    world.apply(world.plan())
    world.write(max_removed="30%")
    assert world.plan().header.inventory is not None
    log = world.folder / ".refine/runs/0002/provenance.jsonl"
    log.write_bytes(log.read_bytes()[:-40])
    plan = world.plan()
    assert plan.header.inventory is not None
    assert plan.header.inventory.runs == (1,)
    assert [problem.code for problem in plan.diagnostics if problem.severity == "warning"] == ["RF6036"]
    shutil.rmtree(log.parent)
    assert {problem.code for problem in world.plan().diagnostics} == set()
    plan_of_run = world.folder / ".refine/runs/0001/plan.refplan"
    plan_of_run.write_bytes(plan_of_run.read_bytes()[:200])
    assert world.plan().header.inventory is None


def test_a_run_that_its_budget_stopped(world: World) -> None:
    """What it had accepted counts."""
    world.write(tokens="14k", max_removed="30%")  # fits as expected, but not in the worst case of each call
    with pytest.raises(RefineError) as caught:
        world.apply(world.plan())
    assert caught.value.exit_code == ExitCode.BUDGET
    log = world.folder / ".refine/runs/0001/provenance.jsonl"
    accepted = {call["step"] for call in json_lines(log, "commit")}
    assert accepted
    world.write(tokens="200k")
    plan = world.plan()
    old, _ = old_and_new(plan)
    assert 0 < len(old) <= len(accepted)
    before = world.calls
    world.apply(plan)
    assert world.calls > before


def test_a_run_that_was_killed(world: World) -> None:
    """It left no sealed log: nobody knows what it would have accepted. Its replies are not bought again."""
    plan = world.plan()
    world.apply(plan)
    (world.folder / ".refine/runs/0001/provenance.jsonl").unlink()
    before = world.calls
    again = world.plan()
    assert bytes_of(again) == bytes_of(plan)
    world.apply(again)
    assert world.calls == before


@pytest.mark.parametrize("seed", range(3))
def test_with_inventory_nothing_is_worse(world: World, seed: int) -> None:
    """Over two edits in a row: at most the objective of a plan from scratch; where it is equal, at most its cost."""
    dice = random.Random(f"inventory:{seed}")
    for _ in range(3):
        one, two = sorted(dice.sample(range(10, 95, 5), 2))
        shares = {"organic": one, "physical": two - one, "analytical": 100 - two}
        target = ", ".join(f"{name} = {share}%" for name, share in shares.items())
        world.write(target=f"{{ {target} }}", max_removed=f"{dice.choice((6, 12, 20))}%",
                    tokens=dice.choice(("40k", "200k")))  # fmt: skip
        plan, scratch = world.plan(), world.plan(inventory=False)
        leaving = {candidate.item for candidate in plan.file.candidates()}
        copied = {step.items[0] for step in plan.file.steps() if step.operator == "paraphrase"}
        assert not leaving & copied, "a copy stands beside its original"
        ours, theirs = plan.header.solution.objective, scratch.header.solution.objective
        assert ours <= theirs + 1e-9
        if ours >= theirs - 1e-9:
            assert tokens(plan) <= tokens(scratch)
        world.apply(plan)


CHANGES = """edition = 1
seed = 3
dataset items {{ task = mcq, source = "items.jsonl", fields = {{ level = column("subject") }} }}
measure level {{ kind = column, column = "level" }}
dimension difficulty {{
  from = level, order = [organic, physical, analytical], target = {target}, on_new = assume
}}
model small {{
  provider = openai, id = "small", base_url = "{base_url}"
  price = {{ input = $1 / 1M, output = $4 / 1M, as_of = "2026-11-01" }}
}}
operator sharpen {{ kind = rewrite, model = small, moves = {{ difficulty = +1 }}, max_per_item = 1, checks = [sound] }}
operator twist {{ kind = rewrite_distractors, model = small, moves = {{ difficulty = +1 }}, checks = [sound] }}
operator copy {{ kind = expand, model = small, max_per_item = 1 }}
operator drop {{ kind = remove }}
validator sound {{ kind = format }}
constraints {{ max_removed = 10% }}
budget {{ tokens = {tokens} }}
output refined {{ path = "out.jsonl", provenance = "out.prov.jsonl" }}
"""


def test_changed_items_are_inventory_and_each_item_is_changed_once(world: World) -> None:
    """A change stands in its source's place: it costs nothing in the next plan, and its source is not tried again."""

    def write(target: str, tokens: str) -> None:
        text = CHANGES.format(base_url=world.server.base_url, target=target, tokens=tokens)
        world.spec.write_text(text, encoding="utf-8")

    write("{ organic = 50%, physical = 30%, analytical = 20% }", "200k")
    world.apply(world.plan())
    bought = world.calls
    changed = {row["question"] for row in read_output(world) if row["_origin"] == "changed"}
    assert changed
    write("{ organic = 40%, physical = 36%, analytical = 24% }", "200k")
    plan, scratch = world.plan(), world.plan(inventory=False)
    old, new = old_and_new(plan)
    assert len(old) >= len(changed)
    assert new
    assert not {(step.operator, step.items) for step in old} & {(step.operator, step.items) for step in new}
    assert plan.header.solution.objective <= scratch.header.solution.objective + 1e-9
    assert tokens(plan) < tokens(scratch)
    assert plan.header.inventory is not None
    assert plan.header.inventory.used == len(old)
    taken = [step.items for step in old if step.operator in ("sharpen", "twist")]
    assert len(taken) == len(set(taken))
    run = world.apply(plan)
    paid = {action.operator for action in plan.header.actions if action.attempts > action.stock}
    assert paid
    assert 0 < world.calls - bought <= len(new) * 2
    assert run.head["cost"]["tokens"] < tokens(scratch)
    rows = read_output(world)
    assert changed <= {row["question"] for row in rows if row["_origin"] == "changed"}
    assert len(rows) == 50
    assert bytes_of(world.plan()) == bytes_of(plan)
    assert refinec("replay", "2", cwd=world.folder).code == 0


def read_output(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (world.folder / "out.jsonl").read_text().splitlines()]
