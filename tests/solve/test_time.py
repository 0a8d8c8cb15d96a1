"""`time_limit` bounds the whole allocation, and what is answered when it is over is true. The clock is a made-up one:
each solve takes one second of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refinelab_dsl.solve import Problem, Unsolved, solve
from refinelab_dsl.solve.cuts import build_curves
from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.lift import place_allotments
from refinelab_dsl.solve.model import Model, OutOfTime, build_model
from refinelab_dsl.solve.problem import Action, Assignment, Axis, Cell, Limits
from refinelab_dsl.solve.relaxation import Relaxation, relax
from refinelab_dsl.solve.rounding import Rounded, round_counts
from refinelab_dsl.solve.solver import Session, Solver, Status, installed

needs_highs = pytest.mark.skipif("highs" not in installed(), reason="NO HIGHS")
LABELS = 300


def many_labels(number: int = LABELS, time_limit: float = 60.0) -> Problem:
    """`number` labels with 1 to 13 items each; as many of each are wanted, and the budget pays for half of that."""
    everything = frozenset((0, 1, 2))
    counts = [1 + 7 * label % 13 for label in range(number)]
    size = sum(counts)
    bins = tuple((label,) for label in range(number))
    return Problem(
        axes=(Axis("topic", tuple(f"t{label}" for label in range(number)), (1 / number,) * number),),
        cells=tuple(Cell(bin, count, eligible=everything) for bin, count in zip(bins, counts, strict=True)),
        operators=(
            Action("drop", "remove", attempts_per_item=None),
            Action("paraphrase", "expand", success=0.8, tokens=10.0, usd=0.001),
            Action("author", "generate", success=0.5, tokens=100.0, usd=0.01, attempts_per_item=None,
                   targets=dict.fromkeys(bins, bins)),
        ),
        limits=Limits(size=size, distinct=0.8, tokens=20.0 * size, max_removed=round(0.3 * size)),
        time_limit=time_limit,
    )  # fmt: skip


@dataclass
class Clock:
    """solves: when each began; models: when each was begun to be written down."""

    now: float = 0.0
    solves: tuple[float, ...] = ()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    import importlib

    def modules(*names: str) -> list[ModuleType]:
        return [importlib.import_module(f"refinelab_dsl.solve.{name}") for name in names]

    clock = Clock()
    for module in modules("solver", "solve", "strategies.joint"):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(modules("model")[0], "monotonic", clock.monotonic)

    def slow(run: Callable[..., Status], session: Session, model: Model, *rest: Any) -> Status:
        clock.solves = (*clock.solves, clock.now)
        status = run(session, model, *rest)
        clock.now += 1.0
        return status

    for name in ("_solve_glpk", "_solve_highs"):
        monkeypatch.setattr(Session, name, partial_method(slow, getattr(Session, name)))
    return clock


def partial_method(function: Callable[..., Any], *given: Any) -> Any:
    return lambda *arguments: partial(function, *given)(*arguments)


@needs_highs
@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0, 4.0, 6.0, 9.0, 60.0])
def test_nothing_is_begun_after_the_time_limit_and_the_answer_is_true(seconds: float, clock: Clock) -> None:
    problem = many_labels(60, seconds)
    answer = solve(problem)
    assert all(began < seconds for began in clock.solves)
    if not isinstance(answer, Assignment):
        assert isinstance(answer, Unsolved)
        assert answer.reason == "stopped"
        return
    form = build_form(problem)
    values = place_allotments(form, answer.allotments)
    assert values is not None
    assert form.is_feasible(values)
    assert form.objective(values) == pytest.approx(answer.objective)
    assert answer.bound <= answer.objective
    assert (answer.status == "optimal") is (answer.objective - answer.bound <= answer.gap)
    assert answer.objective < 0.5 * form.objective(np.zeros(len(form.columns)))


@needs_highs
def test_with_time_there_is_a_plan_and_without_there_is_none(clock: Clock) -> None:
    assert isinstance(solve(many_labels(60)), Assignment)
    assert solve(many_labels(60, 0.5)) == Unsolved("stopped", "glpk" if "glpk" in installed() else "highs")
    assert len(clock.solves) > 3


def test_a_model_is_not_written_down_when_the_time_is_up(clock: Clock) -> None:
    form = build_form(many_labels())
    zero = np.zeros(len(form.columns))
    upper = np.array([column.upper for column in form.columns], dtype=np.float64)
    curves = build_curves(form, np.array([tally.constant for tally in form.tallies], dtype=np.float64))
    clock.now = 2.0
    with pytest.raises(OutOfTime):
        build_model(form, curves, zero, zero, upper, integer=False, deadline=1.0)
    assert len(build_model(form, curves, zero, zero, upper, integer=False, deadline=3.0).pyomo.row) > LABELS
    solver: Solver = installed()[0]
    assert relax(form, Session(solver, 1.0), None) == "stopped"
    assert clock.solves == ()


@pytest.mark.parametrize(("enough", "boxes"), [(0.0, 1), (1e9, 2)])
def test_an_answer_that_is_there_stands_where_it_is_enough(
    enough: float, boxes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    rounding = importlib.import_module("refinelab_dsl.solve.rounding")
    looked: list[object] = []
    search = rounding._search

    def unproven(*arguments: Any, **options: Any) -> Rounded | Status:
        found: Rounded | Status = search(*arguments, **options)
        if isinstance(found, str):
            return found
        looked.append(arguments[1])
        return replace(found, bound=found.objective - 1.0)

    monkeypatch.setattr(rounding, "_search", unproven)
    form = build_form(many_labels(20))
    session = Session(installed()[0], 1e9 + 1, enough)
    relaxation = relax(form, session, None)
    assert isinstance(relaxation, Relaxation)
    assert isinstance(round_counts(form, relaxation, session, None), Rounded)
    assert len(looked) == boxes


@needs_highs
def test_a_large_relaxation_has_the_value_that_the_simplex_method_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import time

    solver = importlib.import_module("refinelab_dsl.solve.solver")
    form = build_form(many_labels(60))
    small = relax(form, Session("highs", time.monotonic() + 60), None)
    monkeypatch.setattr(solver, "LARGE", 1)
    large = relax(form, Session("highs", time.monotonic() + 60), None)
    assert isinstance(small, Relaxation)
    assert isinstance(large, Relaxation)
    assert large.bound == pytest.approx(small.bound, abs=1e-9)
    assert large.held == small.held
    assert np.allclose(large.values, small.values, atol=1e-5)
