"""A free size: no fixed size of the range does better, and of those that do as well it is the largest."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from refinelab_dsl.solve import Infeasible, Problem, solve
from refinelab_dsl.solve.problem import Action, Assignment, Axis, Cell, Limits
from refinelab_dsl.solve.solver import installed
from tests.solve.test_brute_force import build_problem

SOLVERS = installed()


def _size(problem: Problem, answer: Assignment) -> int:
    now = sum(cell.count for cell in problem.cells)
    change = {"remove": -1, "expand": 1, "generate": 1, "move": 0, "fix": 0}
    return now + sum(
        change[problem.operators[allotment.operator].kind] * allotment.count for allotment in answer.allotments
    )


def _free(problem: Problem, low: int, high: int) -> Problem:
    return replace(problem, limits=replace(problem.limits, size=None, sizes=(low, high)))


@pytest.mark.parametrize("seed", [3, 7, 9, 12])
def test_no_fixed_size_of_the_range_does_better(seed: int) -> None:
    problem = build_problem(seed)
    now = sum(cell.count for cell in problem.cells)
    low, high = max(1, now - 2), now + 2
    fixed = {}
    for size in range(low, high + 1):
        answer = solve(replace(problem, limits=replace(problem.limits, size=size)), SOLVERS[-1])
        if isinstance(answer, Assignment):
            fixed[size] = answer.objective
    free = solve(_free(problem, low, high), SOLVERS[-1])
    if not fixed:
        assert isinstance(free, Infeasible)
        return
    assert isinstance(free, Assignment)
    size = _size(problem, free)
    best = min(fixed.values())
    assert free.status == "optimal"
    assert low <= size <= high
    assert free.objective == pytest.approx(fixed[size], abs=1e-9)
    assert free.objective <= best + free.gap + 1e-12
    assert free.bound <= best + 1e-9
    if len(SOLVERS) > 1:
        other = solve(_free(problem, low, high), SOLVERS[0])
        assert isinstance(other, Assignment)
        assert other.allotments == free.allotments


def _three_labels(counts: tuple[int, int, int], sizes: tuple[int, int], *, tokens: float | None = None) -> Problem:
    """Removing is free, adding costs 10 tokens, and the labels are wanted equally often."""
    axis = Axis("topic", ("a", "b", "c"), (1 / 3, 1 / 3, 1 / 3))
    cells = tuple(Cell((label,), count, eligible=frozenset({0, 1})) for label, count in enumerate(counts))
    bins = tuple((label,) for label in range(3))
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("author", "generate", tokens=10.0, attempts_per_item=None, targets=dict.fromkeys(bins, bins)),
    )
    return Problem((axis,), cells, operators, Limits(None, tokens=tokens, sizes=sizes))


@pytest.mark.parametrize("solver", SOLVERS)
def test_of_sizes_that_do_as_well_it_is_the_largest(solver: str) -> None:
    # Without additions, 30, 27, 24 … items can be spread evenly.
    answer = solve(_three_labels((20, 12, 10), (5, 42), tokens=0.0), solver)
    assert isinstance(answer, Assignment)
    assert answer.objective == pytest.approx(0.0, abs=1e-9)
    assert answer.planned["topic"] == (10, 10, 10)


def test_the_best_size_may_lie_inside_the_range() -> None:
    # What may leave is limited, and so is what is paid: neither end of the range is reached.
    problem = _three_labels((20, 12, 10), (30, 60), tokens=50.0)
    problem = replace(problem, limits=replace(problem.limits, max_removed=4))
    sizes = {}
    for size in range(36, 52):
        fixed = solve(replace(problem, limits=replace(problem.limits, size=size, sizes=None)), SOLVERS[-1])
        if isinstance(fixed, Assignment):
            sizes[size] = fixed.objective
    best = min(sizes.values())
    for solver in SOLVERS:
        answer = solve(problem, solver)
        assert isinstance(answer, Assignment), solver
        assert min(sizes) < _size(problem, answer) < max(sizes), solver
        assert _size(problem, answer) == max(size for size, value in sizes.items() if value <= best + 1e-7), solver


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_range_that_cannot_be_reached_is_a_conflict(solver: str) -> None:
    problem = _three_labels((20, 12, 10), (60, 70), tokens=50.0)
    answer = solve(problem, solver)
    assert isinstance(answer, Infeasible)
    assert answer.conflict == ("size", "budget.tokens")
    ways = dict(answer.ways_out)
    assert ways["size"] == "47"
    assert int(ways["budget.tokens"]) == pytest.approx(180, abs=1)


@pytest.mark.parametrize("solver", SOLVERS)
def test_items_without_a_label_count_for_the_size_and_not_for_the_shares(solver: str) -> None:
    problem = _three_labels((9, 6, 3), (10, 40), tokens=0.0)
    problem = replace(problem, cells=(*problem.cells, Cell((-1,), 5)))
    answer = solve(problem, solver)
    assert isinstance(answer, Assignment)
    assert answer.planned["topic"] == (3, 3, 3)
    assert _size(problem, answer) == 14


def test_two_axes_and_a_tolerance() -> None:
    bins = tuple(product(range(3), range(2)))
    axes = (
        Axis("topic", ("a", "b", "c"), (0.5, 0.3, 0.2), tolerance=0.02),
        Axis("level", ("easy", "hard"), (0.25, 0.75), weight=2.0),
    )
    counts = (60, 20, 35, 5, 10, 30)
    cells = tuple(Cell(bin, count, eligible=frozenset({0, 1})) for bin, count in zip(bins, counts, strict=True))
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("author", "generate", success=0.5, tokens=10.0, attempts_per_item=None,
               targets=dict.fromkeys(bins, bins)),
    )  # fmt: skip
    problem = Problem(axes, cells, operators, Limits(None, max_removed=50, tokens=900.0, sizes=(120, 220)))
    answer = solve(problem)
    assert isinstance(answer, Assignment)
    size = _size(problem, answer)
    for share, count in zip((0.5, 0.3, 0.2), answer.planned["topic"], strict=True):
        assert abs(count / size - share) <= 0.02 + 1e-9
    for other in range(120, 221, 20):
        fixed = solve(replace(problem, limits=replace(problem.limits, size=other, sizes=None)))
        if isinstance(fixed, Assignment):
            assert answer.objective <= fixed.objective + answer.gap + 1e-12
