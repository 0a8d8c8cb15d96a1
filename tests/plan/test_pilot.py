"""The plans of a pilot: what there is to learn, in which order, of which items, for how much."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.evidence import NAME, NO_EVIDENCE, AnyRecord, Label, Rating, Value, dump_evidence
from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.compiler import Piloted
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.pilot import Wish
from refinelab_dsl.prompts.identity import labels_key, measure_key

DATA = 'dataset quiz { task = qa, source = "items.jsonl", fields = { area = column("area") } }\n'
FRAME = """
measure area { kind = column, column = area }
dimension area { from = area }
operator drop { kind = remove }
validator well_formed { kind = format }
budget { tokens = 400k }
output refined { path = "out/refined.jsonl" }
model small { provider = simulated, price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" } }
"""
FIELD = """measure field { kind = classify, model = small, labels = [algebra, geometry] }
dimension topic { from = field, target = uniform() }
"""
RATING = """measure rating { kind = elo, model = small, seeds = bootstrap(5) }
dimension difficulty { from = rating, bands = { easy = below(1500), hard = above(1500) }, target = uniform() }
"""
FOUND = """measure theme { kind = classify, model = small, labels = discover(4) }
dimension theme { from = theme, target = uniform() }
"""
AUTHOR = "operator author { kind = generate, model = small, moves = { area = any }, checks = [well_formed] }\n"
PILOT = "pilot { items = 6, budget = $1.00 }\n"


def write_spec(folder: Path, *parts: str, copies: int = 0) -> Path:
    """Twelve items, three quarters of them algebra, then copies of the first one."""
    rows = [
        {"question": f"What is {number} and {number * number}?", "answer": str(number),
         "area": "geometry" if number % 4 == 0 else "algebra"}
        for number in range(12)
    ]  # fmt: skip
    rows += rows[:1] * copies
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    spec = folder / "quiz.refine"
    spec.write_text("edition = 1\nseed = 3\n" + DATA + FRAME + "".join(parts), encoding="utf-8")
    return spec


def pilot(spec: Path, *, code: ExitCode = ExitCode.DONE) -> Piloted:
    piloted = compiler.pilot(spec, destination=spec.parent / "pilot.refplan")
    assert piloted.exit_code == code, [str(each.message) for each in piloted.diagnostics]
    return piloted


def find_wish(piloted: Piloted, phase: str, name: str) -> Wish:
    (found,) = [wish for each in piloted.phases if each.name == phase for wish in each.wishes if wish.name == name]
    return found


def read_steps(piloted: Piloted) -> list[Step]:
    assert piloted.plan is not None
    return list(piloted.plan.steps())


def learn(spec: Path, piloted: Piloted, *records: AnyRecord) -> None:
    dump_evidence(spec.parent / NAME, NO_EVIDENCE.including(records))


def test_phases_stand_in_the_order_in_which_they_rest_on_each_other(tmp_path: Path) -> None:
    piloted = pilot(write_spec(tmp_path, AUTHOR, RATING, FOUND, FIELD, PILOT))
    assert [phase.name for phase in piloted.phases] == ["discover", "compare", "label", "try"]
    assert piloted.plan is not None
    header = piloted.plan.header
    assert header.purpose == "pilot"
    assert header.outputs == header.removals == header.expects == ()
    assert [action.kind for action in header.actions] == ["discover"]
    assert header.budget.usd == Decimal("1.00")


def test_nothing_is_left_where_nothing_asks_a_model(tmp_path: Path) -> None:
    piloted = pilot(write_spec(tmp_path, "dimension other { from = area, target = uniform() }\n"))
    assert piloted.phases == ()
    assert piloted.plan is None


def test_every_pair_of_seeds_is_compared_once(tmp_path: Path) -> None:
    piloted = pilot(write_spec(tmp_path, RATING, PILOT))
    steps = read_steps(piloted)
    pairs = [frozenset(step.items) for step in steps]
    assert len(pairs) == len(set(pairs)) == 10
    assert all(len(pair) == 2 for pair in pairs)
    assert len(frozenset.union(*pairs)) == 5


def test_copies_of_an_item_are_one_seed_and_are_measured_once(tmp_path: Path) -> None:
    piloted = pilot(write_spec(tmp_path, RATING.replace("bootstrap(5)", "bootstrap(12)"), PILOT, copies=8))
    seeds = {key[:16] for step in read_steps(piloted) for key in step.items}
    assert len(seeds) == 12
    assert all(step.items[0][:16] != step.items[1][:16] for step in read_steps(piloted))
    assert find_wish(piloted, "label", "rating").count == 12


def test_both_orders_are_two_calls(tmp_path: Path) -> None:
    once = find_wish(pilot(write_spec(tmp_path, RATING, PILOT)), "compare", "rating")
    twice = find_wish(
        pilot(write_spec(tmp_path, RATING.replace("bootstrap(5)", "bootstrap(5), swap = true"), PILOT)),
        "compare", "rating",
    )  # fmt: skip
    assert (once.use.calls, twice.use.calls) == (1, 2)
    assert once.count == twice.count


def test_every_item_is_measured_or_a_sample_of_them(tmp_path: Path) -> None:
    whole = find_wish(pilot(write_spec(tmp_path, FIELD, PILOT)), "label", "field")
    assert whole.count == len(set(whole.keys)) == 12
    sampled = write_spec(tmp_path, FIELD, PILOT.replace("items = 6", "items = 5, label = sample"))
    wish = find_wish(pilot(sampled), "label", "field")
    assert wish.count == 5
    assert set(wish.keys) < set(whole.keys)


def test_a_sample_that_is_known_in_part_is_completed(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, FIELD, PILOT.replace("items = 6", "items = 5, label = sample"))
    piloted = pilot(spec)
    assert piloted.plan is not None
    (measure,) = [each for each in piloted.plan.header.measures if each.name == "field"]
    key = measure_key(_context(piloted), measure)
    first = find_wish(piloted, "label", "field").keys[:2]
    learn(spec, piloted, *(Value(measure="field", key=key, item=keys[0][:16], value="algebra") for keys in first))
    again = find_wish(pilot(spec), "label", "field")
    assert again.count == 3
    assert not set(again.keys) & set(first)


def test_labels_are_priced_once_they_are_found(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, FOUND, PILOT)
    piloted = pilot(spec)
    assert find_wish(piloted, "label", "theme").use.calls == 0
    (measure,) = [each for each in piloted.analysis.program.measures if each.name == "theme"]  # type: ignore[union-attr]
    key = labels_key(_context(piloted), measure)
    learn(spec, piloted, *(
        Label(measure="theme", key=key, place=place, label=name, meaning=f"about {name}")
        for place, name in enumerate(("sums", "squares"))
    ))  # fmt: skip
    after = pilot(spec)
    assert [phase.name for phase in after.phases] == ["label"]
    assert find_wish(after, "label", "theme").use.calls == 1
    assert after.plan is not None
    assert after.plan.header.known["theme"].meanings == {"sums": "about sums", "squares": "about squares"}


def test_ratings_that_are_known_are_the_exemplars_of_the_next_phase(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, RATING, PILOT)
    piloted = pilot(spec)
    (measure,) = [each for each in piloted.analysis.program.measures if each.name == "rating"]  # type: ignore[union-attr]
    key = measure_key(_context(piloted), measure)
    seeds = sorted({each for step in read_steps(piloted) for each in step.items})
    learn(spec, piloted, *(
        Rating(measure="rating", key=key, item=item[:16], rating=1400.0 + 50 * place)
        for place, item in enumerate(seeds)
    ))  # fmt: skip
    after = pilot(spec)
    assert [phase.name for phase in after.phases] == ["label"]
    assert after.plan is not None
    assert list(after.plan.header.known["rating"].exemplars) == [item[:16] for item in seeds]


def test_attempts_are_spread_over_labels_and_targets(tmp_path: Path) -> None:
    steps = read_steps(pilot(write_spec(tmp_path, AUTHOR, PILOT)))
    assert len(steps) == 6
    assert len({step.key for step in steps}) == 6
    assert Counter(step.target["area"] for step in steps) == {"algebra": 3, "geometry": 3}
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(row["area"] == "geometry" for row in rows) == 3
    assert len({step.items for step in steps}) == 6
    assert all(step.checks == ("well_formed",) for step in steps)


def test_an_operator_has_as_many_attempts_as_items_that_it_may_be_applied_to(tmp_path: Path) -> None:
    author = AUTHOR.replace("kind = generate,", 'kind = generate, where = answer == "3",')
    assert find_wish(pilot(write_spec(tmp_path, author, PILOT)), "try", "author").count == 1


def test_the_same_case_gives_the_same_bytes(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, AUTHOR, RATING, FIELD, PILOT)
    pilot(spec)
    before = (tmp_path / "pilot.refplan").read_bytes()
    pilot(spec)
    assert (tmp_path / "pilot.refplan").read_bytes() == before


def test_what_was_spent_counts_against_the_budget(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, FIELD, "pilot { budget = 20k }\n")
    free = compiler.pilot(spec, destination=tmp_path / "a.refplan")
    assert free.plan is not None
    assert free.plan.header.budget.tokens == 20_000
    later = compiler.pilot(spec, destination=tmp_path / "a.refplan", spent=(5_000, Decimal(0)))
    assert later.plan is not None
    assert later.plan.header.budget.tokens == 15_000
    over = compiler.pilot(spec, destination=tmp_path / "a.refplan", spent=(19_000, Decimal(0)))
    assert over.exit_code == ExitCode.BUDGET
    assert over.plan is None
    assert [each.code for each in over.diagnostics if each.is_error] == ["RF5144"]


def test_a_ceiling_is_never_below_what_is_expected(tmp_path: Path) -> None:
    piloted = pilot(write_spec(tmp_path, AUTHOR, RATING, FOUND, FIELD, PILOT))
    for phase in piloted.phases:
        for wish in phase.wishes:
            assert wish.ceiling.tokens >= wish.use.tokens, wish.name
            assert wish.ceiling.usd is not None
            assert wish.use.usd is not None
            assert wish.ceiling.usd >= wish.use.usd, wish.name


def _context(piloted: Piloted) -> compiler.StepContext:
    from refinelab_dsl.plan.learnt import build_bare_context

    program = piloted.analysis.program
    assert program is not None
    return build_bare_context(program, NO_EVIDENCE, {})
