"""What binds: each limit in a case in which it does, against plans that are solved with the limit moved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refinelab_dsl.solve import Assignment, Problem, add_duals, solve
from refinelab_dsl.solve.limits import limit_of, name_limits, set_limit
from refinelab_dsl.solve.solver import installed
from tests.solve.small import AUTHOR, make_problem


def duals_of(problem: Problem, solver: str = "highs") -> Assignment:
    answer = solve(problem, solver)
    assert isinstance(answer, Assignment)
    return add_duals(problem, answer)


def with_axis(problem: Problem, **changes: object) -> Problem:
    return replace(problem, axes=(replace(problem.axes[0], **changes),))  # type: ignore[arg-type]


def with_author(problem: Problem, **changes: object) -> Problem:
    author = replace(problem.operators[AUTHOR], **changes)  # type: ignore[arg-type]
    return replace(problem, operators=(*problem.operators[:AUTHOR], author))


def make_rivals(problem: Problem) -> Problem:
    """The same labels on a second axis that wants another mix: it may be 10 points off, and is."""
    axis = problem.axes[0]
    other = replace(axis, name="other", target=(0.2, 0.8), weight=0.0, tolerance=0.1)
    doubled = {(0, 0): ((0, 0), (1, 1)), (1, 1): ((0, 0), (1, 1))}
    author = replace(problem.operators[AUTHOR], targets=doubled)
    cells = tuple(replace(cell, bin=cell.bin * 2) for cell in problem.cells)
    return replace(
        problem, axes=(axis, other), cells=cells, operators=(*problem.operators[:AUTHOR], author)
    )


CASES = {
    "max_removed": make_problem(max_removed=10),
    "keep_originals": make_problem(keep_originals=92),
    "budget.tokens": make_problem(tokens=1500.0, distinct=1.0),
    "budget.cost": make_problem(usd=0.2, distinct=1.0),
    "max_cost:author": with_author(make_problem(distinct=1.0), max_usd=0.2),
    "distinct": make_problem(tokens=1500.0, distinct=0.98),
    "size": make_problem(size=104, max_removed=4),
    "floor:topic": with_axis(make_problem(), target=(1.0, 0.0), floor=10),
    "tolerance:other": make_rivals(make_problem(distinct=1.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_limit_that_binds_is_weighed_and_the_weight_is_what_moving_it_gives(name: str) -> None:
    problem = replace(CASES[name], gap=1e-7)
    assignment = duals_of(problem)
    assert name in assignment.duals, assignment.duals
    worth = assignment.duals[name]
    value = limit_of(problem, name)
    assert value is not None
    moved = solve(set_limit(problem, name, value + worth.step), "highs")
    assert isinstance(moved, Assignment)
    assert worth.divergence is not None
    assert worth.divergence < 0
    # The weight is of the relaxation; whole items are off it by less than one chord each.
    assert moved.objective - assignment.objective == pytest.approx(worth.divergence, abs=5e-4)


def test_what_does_not_bind_is_not_named() -> None:
    assert duals_of(make_problem()).duals == {}  # the target is reached, and nothing could be cheaper
    tight = duals_of(make_problem(max_removed=10, keep_originals=50, tokens=1e6, usd=1e3)).duals
    assert "max_removed" in tight
    assert not {"keep_originals", "budget.tokens", "budget.cost"} & set(tight)


def test_where_the_target_is_reached_a_limit_is_worth_what_it_would_save() -> None:
    worth = duals_of(make_problem(distinct=0.98)).duals["distinct"]
    assert worth.step == -0.01
    assert worth.divergence == 0.0
    # One more of a hundred may be a paraphrase: 10 / 0.8 tokens in the place of 100 / 0.5.
    assert worth.tokens == pytest.approx(10 / 0.8 - 100 / 0.5, abs=1e-3)
    assert worth.usd == pytest.approx(0.001 / 0.8 - 0.01 / 0.5, abs=1e-6)


def test_beside_a_size_that_is_chosen_the_other_limits_are_weighed() -> None:
    duals = duals_of(make_problem(size=None, sizes=(95, 105), max_removed=10)).duals
    assert duals["max_removed"].divergence is not None
    assert duals["max_removed"].divergence < 0
    assert "size" not in duals


def test_protection_is_weighed_as_a_whole() -> None:
    problem = make_problem()
    guarded = tuple(replace(cell, protected=True) for cell in problem.cells)
    worth = duals_of(replace(problem, cells=guarded)).duals["protect"]
    assert worth.step == 0
    assert worth.divergence is not None
    assert worth.divergence < -0.01


class TestLabelsThatFallShort:
    def test_one_point_more_has_its_price(self) -> None:
        worth = duals_of(make_problem(tokens=1000.0, distinct=1.0)).duals["target:topic:b"]
        assert worth.short == 25
        assert (worth.step, worth.tokens, worth.usd) == pytest.approx((1, 200, 0.02), rel=1e-6)

    def test_paraphrases_are_cheaper_where_they_are_allowed(self) -> None:
        worth = duals_of(make_problem(tokens=100.0)).duals["target:topic:b"]
        assert worth.tokens == pytest.approx(12.5, rel=1e-6)

    def test_what_no_budget_buys_has_none(self) -> None:
        worth = duals_of(make_problem(max_removed=10)).duals["target:topic:b"]
        assert worth.divergence is None
        assert worth.short == 20


def test_both_solvers_lead_to_the_same_figures() -> None:
    if "glpk" not in installed():
        pytest.skip("GLPK is not installed (Debian: apt-get install glpk-utils)")
    for name, problem in CASES.items():
        first, second = duals_of(problem, "glpk"), duals_of(problem, "highs")
        assert first.duals == second.duals, name


def test_every_limit_has_a_value_that_can_be_set() -> None:
    problem = with_author(with_axis(make_problem(), floor=3, tolerance=0.2), max_usd=1.0)
    problem = replace(problem, limits=replace(problem.limits, max_removed=10, keep_originals=80, tokens=9.0, usd=5.0))
    names = list(name_limits(problem))
    assert len(names) == 9
    for name in names:
        value = limit_of(problem, name)
        assert value is not None
        assert limit_of(set_limit(problem, name, value + 1), name) == value + 1
