"""A row of budgets: monotone, each point what that budget really buys, the problem's own budget in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refinelab_dsl.solve import Assignment, Point, Problem, solve, trace_frontier
from refinelab_dsl.solve.solver import installed
from tests.solve.small import make_problem


def trace(problem: Problem, points: int = 6, solver: str = "highs") -> tuple[Point, ...]:
    own = solve(problem, solver)
    assert isinstance(own, Assignment)
    return trace_frontier(problem, own, points)


def objectives(points: tuple[Point, ...]) -> list[float]:
    return [point.assignment.objective for point in points]


def test_more_money_never_buys_less() -> None:
    points = trace(make_problem(tokens=2000.0, usd=0.15))
    assert len(points) == 7
    assert objectives(points) == sorted(objectives(points), reverse=True)
    assert [point.assignment.tokens for point in points] == sorted(point.assignment.tokens for point in points)
    first, last = points[0].assignment, points[-1].assignment
    assert (first.tokens, first.usd) == (0, 0)
    assert last.objective == pytest.approx(0, abs=1e-6)


def test_each_point_is_what_its_budget_buys() -> None:
    problem = make_problem(tokens=2000.0)
    for point in trace(problem):
        spent = point.assignment.tokens
        alone = solve(replace(problem, limits=replace(problem.limits, tokens=spent + 1e-6)), "highs")
        assert isinstance(alone, Assignment)
        assert point.assignment.objective == pytest.approx(alone.objective, abs=2e-6)


def test_the_own_budget_is_marked_once_and_is_the_plan() -> None:
    problem = make_problem(tokens=2000.0)
    own = solve(problem, "highs")
    assert isinstance(own, Assignment)
    (marked,) = [point for point in trace(problem) if point.own]
    assert marked.assignment.objective == pytest.approx(own.objective, abs=1e-9)
    assert marked.assignment.tokens == pytest.approx(own.tokens)


@pytest.mark.parametrize("limits", [{}, {"tokens": 1e6}, {"usd": 1e6}, {"tokens": 1e6, "usd": 1e4}])
def test_a_budget_that_does_not_bind_is_the_last_point(limits: dict[str, float]) -> None:
    points = trace(make_problem(**limits))
    assert [point.own for point in points] == [False] * 5 + [True]


@pytest.mark.parametrize("limits", [{"tokens": 0.0}, {"usd": 0.0}, {"tokens": 0.0, "usd": 1.0}])
def test_a_budget_of_nothing_is_the_first_point(limits: dict[str, float]) -> None:
    points = trace(make_problem(**limits))
    assert [point.own for point in points] == [True] + [False] * 5
    assert points[0].assignment.tokens == 0
    assert points[-1].assignment.objective < points[0].assignment.objective


def test_where_nothing_is_to_be_bought_there_is_one_point() -> None:
    (point,) = trace(make_problem(many=50, few=50, tokens=1000.0))
    assert point.own
    assert point.assignment.allotments == ()


def test_it_starts_where_a_plan_begins_to_exist() -> None:
    """A tolerance that only bought items can meet: the cheapest point costs something."""
    problem = make_problem()
    axis = replace(problem.axes[0], tolerance=0.1)
    points = trace(replace(problem, axes=(axis,)))
    assert points[0].assignment.tokens > 0
    assert points[0].assignment.planned["topic"][1] == 40
    assert objectives(points) == sorted(objectives(points), reverse=True)


def test_both_solvers_trace_the_same_points() -> None:
    if "glpk" not in installed():
        pytest.skip("GLPK is not installed (Debian: apt-get install glpk-utils)")
    problem = make_problem(tokens=2000.0, usd=0.15)
    first, second = (trace(problem, solver=solver) for solver in ("glpk", "highs"))
    assert [point.assignment.allotments for point in first] == [point.assignment.allotments for point in second]
