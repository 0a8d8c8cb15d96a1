"""Specs and data drawn at random, through the whole compiler: whatever a plan says, its constraints are kept."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from pathlib import Path

import pytest
from scipy.spatial.distance import jensenshannon  # type: ignore[import-untyped]

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.exit_codes import ExitCode

TOPICS = ("algebra", "geometry", "logic")
LEVELS = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Drawn:
    """A spec with what it asks for, and its rows: (topic, level, protected, flagged)."""

    text: str
    rows: tuple[tuple[str, str, bool, bool], ...]
    sizes: tuple[int, int]
    max_removed: int
    keep_originals: int
    distinct: float
    floor: int
    tolerance: float | None
    max_flagged: float | None
    tokens: int
    weights: dict[str, dict[str, float]]


def _draw(seed: int) -> Drawn:
    dice = random.Random(seed)
    rows = tuple(
        (
            dice.choices(TOPICS, (6, 3, 1))[0],
            dice.choices(LEVELS, (5, 3, 1))[0],
            dice.random() < 0.1,
            dice.random() < 0.2,
        )
        for _ in range(dice.randint(20, 60))
    )
    now = len(rows)

    def shares(labels: tuple[str, ...]) -> dict[str, float]:
        cuts = sorted(dice.sample(range(1, 20), len(labels) - 1))
        return dict(zip(labels, (b - a for a, b in zip((0, *cuts), (*cuts, 20), strict=True)), strict=True))

    weights = {
        name: {label: share / 20 for label, share in shares(labels).items()}
        for name, labels in (("topic", TOPICS), ("level", LEVELS))
    }
    size = dice.choice(("keep", str(now - dice.randint(1, 5)), f"between({now - 6}, {now + 6})"))
    low, high = {"keep": (now, now)}.get(size) or (
        (now - 6, now + 6) if size.startswith("between") else (int(size), int(size))
    )
    removed, kept = dice.choice((20, 40, 60)), dice.choice((50, 70))
    distinct, least = dice.choice((70, 90)), dice.choice((0, 0, 1, 2))
    tolerance, flagged = dice.choice((None, None, 10)), dice.choice((None, None, 15))
    tokens = dice.choice((3_000, 20_000, 200_000))

    def target(name: str) -> str:
        return "{ " + ", ".join(f"{label} = {share:.0%}" for label, share in weights[name].items()) + " }"

    lines = [
        "edition = 1", f"seed = {seed}",
        'dataset items { task = qa, source = "items.jsonl", fields = { topic = column("topic"),'
        ' level = column("level"), kept = column("kept"), doubt = column("doubt") } }',
        "measure subject { kind = column, column = topic }",
        "measure grade { kind = column, column = level }",
        f"dimension topic {{ from = subject, labels = [{', '.join(TOPICS)}], target = {target('topic')}"
        + (f", tolerance = {tolerance}% }}" if tolerance else " }"),
        f"dimension level {{ from = grade, order = [{', '.join(LEVELS)}], target = {target('level')},"
        f" weight = {dice.choice((1, 2))} }}",
        "model small { provider = simulated }",
        "operator drop { kind = remove, where = topic != logic }" if dice.random() < 0.3
        else "operator drop { kind = remove }",
        f"operator again {{ kind = expand, model = small, max_per_item = {dice.choice((1, 2))} }}",
        "operator author { kind = generate, model = small, moves = { topic = any, level = to(medium, hard) } }",
        f"constraints {{ size = {size}, max_removed = {removed}%, keep_originals = at_least({kept}%),"
        f" distinct = at_least({distinct}%), protect = kept == 1, flagged = doubt == 1"
        + (f", floor = {{ topic = {least} }}" if least else "")
        + (f", max_flagged = {flagged}%" if flagged else "")
        + (", joint = independent(topic, level)" if dice.random() < 0.3 else "") + " }",
        f"budget {{ tokens = {tokens} }}",
        'output refined { path = "out/refined.jsonl", layout = task }',
    ]  # fmt: skip
    return Drawn(
        "\n".join(lines) + "\n", rows, (low, high), floor(removed * now / 100), ceil(kept * now / 100), distinct / 100,
        least, tolerance / 100 if tolerance else None, flagged / 100 if flagged else None, tokens, weights,
    )  # fmt: skip


def _plan(drawn: Drawn, folder: Path) -> compiler.Planned:
    with (folder / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number, (topic, level, kept, doubt) in enumerate(drawn.rows):
            row = {"question": f"{topic} {level} {number}?", "answer": str(number), "topic": topic, "level": level,
                   "kept": int(kept), "doubt": int(doubt)}  # fmt: skip
            stream.write(json.dumps(row) + "\n")
    spec = folder / "spec.refine"
    spec.write_text(drawn.text, encoding="utf-8")
    return compiler.plan(spec)


def _check_counts(drawn: Drawn, header: Header) -> None:
    """The mix follows from what leaves and what is made, and is judged as scipy would."""
    now = {
        "topic": Counter(topic for topic, *_ in drawn.rows),
        "level": Counter(level for _, level, *_ in drawn.rows),
    }
    for name, counts in now.items():
        planned = dict(counts)
        for removal in header.removals:
            planned[removal.from_[name]] -= removal.planned
        for action in header.actions:
            planned[action.to[name]] = planned.get(action.to[name], 0) + action.count
        shares = header.mix[name]
        assert {label: share.count_planned for label, share in shares.items()} == {
            label: planned.get(label, 0) for label in shares
        }
        assert {label: share.target for label, share in shares.items()} == pytest.approx(drawn.weights[name])
        distance = jensenshannon([share.count_planned for share in shares.values()],
                                 [share.target for share in shares.values()], base=2) ** 2  # fmt: skip
        assert header.divergence[name]["planned"] == pytest.approx(distance, abs=1e-8)


def _check_limits(drawn: Drawn, header: Header, plan: PlanFile) -> None:
    now, size = len(drawn.rows), header.size_planned
    removed = sum(removal.planned for removal in header.removals)
    copies = sum(action.count for action in header.actions if action.kind == "expand")
    added = sum(action.count for action in header.actions)
    assert size == now - removed + added
    assert drawn.sizes[0] <= size <= drawn.sizes[1]
    assert removed <= drawn.max_removed
    assert now - removed >= drawn.keep_originals
    assert copies <= floor((1 - drawn.distinct) * size + 1e-9)
    assert header.tokens.expected is not None
    assert header.tokens.expected <= Decimal(drawn.tokens)
    if drawn.floor:
        assert all(share.count_planned >= drawn.floor for share in header.mix["topic"].values())
    if drawn.tolerance is not None:
        for share in header.mix["topic"].values():
            assert share.target is not None
            assert abs(share.planned - share.target) <= drawn.tolerance + 1e-9
    assert header.flagged is not None
    if drawn.max_flagged is not None:
        assert header.flagged.planned <= drawn.max_flagged * size + 1e-9
    leaving = {candidate.item for candidate in plan.candidates()}
    assert len(leaving) == removed
    tries: Counter[str] = Counter()
    for step in plan.steps():
        if step.operator == "again":
            assert not leaving.intersection(step.items)
            tries.update(step.items)
    operator = next(each for each in header.operators if each.name == "again")
    assert operator.max_per_item is not None
    assert max(tries.values(), default=0) <= operator.max_per_item


@pytest.mark.parametrize("seed", range(12))
def test_a_plan_keeps_what_its_spec_asks_for(seed: int, tmp_path: Path) -> None:
    drawn = _draw(seed)
    planned = _plan(drawn, tmp_path)
    if planned.plan is None:
        # Nothing but the constraints speaks against it, and they are named with their lines.
        assert planned.exit_code == ExitCode.INFEASIBLE
        assert {each.code for each in planned.diagnostics.errors} <= {"RF4001"}
        return
    header = planned.plan.header
    _check_counts(drawn, header)
    _check_limits(drawn, header, planned.plan)
    assert planned.exit_code == ExitCode.DONE


def test_the_specs_are_worth_it(tmp_path: Path) -> None:
    """Some have a plan, some have none, and what is drawn differs."""
    texts = [_draw(seed).text for seed in range(12)]
    assert len(set(texts)) == len(texts)
    assert any("between(" in text for text in texts)
    assert any("joint" in text for text in texts)
    assert any("tolerance" in text for text in texts)
