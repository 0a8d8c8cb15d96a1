"""The simulated outcomes that the strategies are compared by, and the specs of the comparison."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from refinelab_dsl import compiler, solve
from refinelab_dsl.estimate.estimates import Rate
from refinelab_dsl.solve.problem import Action, Assignment, Axis, Cell, Limits, Problem

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "refinelab"
BINS = ((0,), (1,))


@pytest.fixture(scope="module")
def outcomes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("outcomes", FOLDER / "outcomes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def problem(*operators: Action) -> Problem:
    """80 items of one label and 20 of the other; half and half is wanted."""
    every = frozenset(range(len(operators)))
    cells = tuple(Cell(bin, count, eligible=every) for bin, count in zip(BINS, (80, 20), strict=True))
    axis = Axis("topic", ("much", "little"), (0.5, 0.5))
    return Problem((axis,), cells, operators, Limits(size=100, max_removed=30))


THIN = Action("thin", "remove")
AUTHOR = Action(
    "author", "generate", success=0.5, tokens=100.0, attempts_per_item=None, targets=dict.fromkeys(BINS, BINS)
)
SHIFT = Action("shift", "move", success=0.5, tokens=100.0, attempts_per_item=2, targets={(0,): ((1,),)})
RATES = {"author": Rate(10.0, 10.0, "spec"), "shift": Rate(10.0, 10.0, "spec"), "thin": Rate(1.0, 0.0, "exact")}


def allocate(given: Problem) -> Assignment:
    answer = solve.solve(given)
    assert isinstance(answer, Assignment)
    return answer


def test_what_succeeds_comes_to_what_was_planned(outcomes: ModuleType) -> None:
    given = problem(THIN, AUTHOR)
    answer = allocate(given)
    listed = outcomes.list_attempts(given, answer, RATES, 0.999)
    found = outcomes.simulate(given, listed, RATES, 1e9, seed=1)
    planned = outcomes.plan_outcome(given, answer)
    assert planned.objective == pytest.approx(answer.objective)
    assert (found.objective, found.size, found.distinct) == (planned.objective, 100, 100)
    assert found.tokens >= 30 * 100
    assert found.tokens % 100 == 0


def test_without_a_budget_nothing_changes(outcomes: ModuleType) -> None:
    """What was to be added is missing, so nothing leaves: removals are settled last."""
    given = problem(THIN, AUTHOR)
    listed = outcomes.list_attempts(given, allocate(given), RATES, 0.9)
    found = outcomes.simulate(given, listed, RATES, 0.0, seed=1)
    now = outcomes.measure(given.axes, {"topic": [80, 20]}, 0.0, 100, 100)
    assert (found.objective, found.size, found.tokens) == (now.objective, 100, 0.0)


def test_an_item_that_is_not_changed_stays_where_it_was(outcomes: ModuleType) -> None:
    given = problem(SHIFT)
    assert allocate(given).planned == {"topic": (50, 50)}  # what changes in place needs no room that removals leave
    listed = outcomes.list_attempts(given, allocate(given), RATES, 0.9)
    half = outcomes.simulate(given, listed, RATES, 20 * 100.0, seed=3)
    assert (half.size, half.tokens) == (100, 2000.0)
    assert 0 < half.objective < outcomes.measure(given.axes, {"topic": [80, 20]}, 0.0, 100, 100).objective


def test_the_same_seed_gives_the_same_outcome(outcomes: ModuleType) -> None:
    given = problem(THIN, replace(AUTHOR, attempts_per_item=1), SHIFT)
    listed = outcomes.list_attempts(given, allocate(given), RATES, 0.9)
    runs = [outcomes.simulate(given, listed, RATES, 3000.0, seed=seed, drawn=True) for seed in (5, 5, 6)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("name", ["mmlu", "gsm8k", "arc"])
def test_the_specs_are_right(name: str) -> None:
    variables = {"items": "items.jsonl"} if name == "arc" else {}
    analysis = compiler.analyze(FOLDER / f"{name}.refine", compiler.Options(variables=variables, allow_outside=True))
    assert list(analysis.diagnostics) == []
    assert analysis.program is not None
