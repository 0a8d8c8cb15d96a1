"""Why there is no plan: the conflict is minimal, and every way out leads to a plan. On random problems, and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refinelab_dsl.solve import Assignment, Infeasible, Problem, solve
from refinelab_dsl.solve.limits import drop_limit, name_limits, set_limit
from refinelab_dsl.solve.problem import Axis, Cell, Limits
from tests.solve.small import AUTHOR, REMOVE, make_problem
from tests.solve.test_brute_force import build_problem

SEEDS = (1, 4, 11, 14, 21)  # random problems that have no plan


def find(problem: Problem) -> Infeasible:
    answer = solve(problem, "highs")
    assert isinstance(answer, Infeasible)
    return answer


def is_solved(problem: Problem) -> bool:
    return isinstance(solve(replace(problem, gap=1e-2), "highs"), Assignment)


def apply_way(problem: Problem, name: str, value: str) -> Problem:
    return drop_limit(problem, name) if name == "protect" else set_limit(problem, name, float(value))


def check_conflict(problem: Problem, answer: Infeasible) -> None:
    """What `Infeasible` promises, tried out."""
    assert answer.proven
    assert answer.conflict
    alone = problem
    for name in name_limits(problem):
        if name not in answer.conflict:
            alone = drop_limit(alone, name)
    assert not is_solved(alone)
    for name in answer.conflict:  # minimal: without any one of them the rest fit each other
        assert is_solved(drop_limit(alone, name)), name
        if answer.sole:
            assert is_solved(drop_limit(problem, name)), name
    for name, value in answer.ways_out:
        assert is_solved(apply_way(problem, name, value)), (name, value)
    together = problem
    for name, value in answer.together:
        together = apply_way(together, name, value)
    if answer.together:
        assert len(answer.together) > 1
        assert not answer.ways_out
        assert is_solved(together), answer.together


@pytest.mark.parametrize("seed", SEEDS)
def test_random_problems_without_a_plan(seed: int) -> None:
    problem = build_problem(seed)
    check_conflict(problem, find(problem))


def with_axis(problem: Problem, **changes: object) -> Problem:
    return replace(problem, axes=(replace(problem.axes[0], **changes),))  # type: ignore[arg-type]


def without_author(problem: Problem) -> Problem:
    idle = tuple(replace(cell, eligible=frozenset({REMOVE})) for cell in problem.cells)
    return replace(problem, cells=idle)


def with_few_anchors(problem: Problem) -> Problem:
    author = replace(problem.operators[AUTHOR], attempts_per_item=1, success=0.5)
    return replace(problem, operators=(*problem.operators[:AUTHOR], author))


BY_HAND: dict[str, tuple[Problem, set[str]]] = {
    "a size below what may leave": (make_problem(size=60, max_removed=30), {"size", "max_removed"}),
    "originals that stay": (make_problem(size=60, keep_originals=90), {"size", "keep_originals"}),
    "a floor that nobody can fill": (
        with_axis(without_author(make_problem(few=0)), floor=1), {"floor:topic"},
    ),
    "a tolerance beyond the budget": (
        with_axis(make_problem(tokens=1000.0, distinct=1.0), tolerance=0.01), {"budget.tokens", "tolerance:topic"},
    ),
    "a tolerance beyond the dollars": (
        with_axis(make_problem(usd=0.1, distinct=1.0), tolerance=0.01), {"budget.cost", "tolerance:topic"},
    ),
    "a tolerance beyond an operator's limit": (
        replace(
            with_axis(make_problem(distinct=1.0), tolerance=0.01),
            operators=(*make_problem().operators[:AUTHOR], replace(make_problem().operators[AUTHOR], max_usd=0.1)),
        ),
        {"max_cost:author", "tolerance:topic"},
    ),
    "a tolerance beyond the removals": (
        with_axis(make_problem(max_removed=5), tolerance=0.05), {"max_removed", "tolerance:topic"},
    ),
    "anchors that do not suffice": (with_few_anchors(make_problem(size=300, distinct=1.0)), {"size"}),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_HAND)
def test_by_hand(case: str) -> None:
    problem, expected = BY_HAND[case]
    answer = find(problem)
    assert expected <= set(answer.conflict)
    check_conflict(problem, answer)
    assert answer.ways_out


def test_protection_is_a_way_out_by_itself() -> None:
    problem = make_problem(size=60)
    guarded = tuple(replace(cell, protected=True) for cell in problem.cells)
    answer = find(replace(problem, cells=guarded))
    assert set(answer.conflict) == {"size", "protect"}
    assert ("protect", "") in answer.ways_out


def test_where_no_single_limit_suffices_several_are_loosened_together() -> None:
    """Sixty of a hundred are asked for; two limits each keep ninety from leaving."""
    problem = make_problem(size=60, max_removed=10, keep_originals=90)
    problem = with_axis(problem, floor=75)  # and 75 of each label do not fit into 60, nor into a hundred
    answer = find(problem)
    check_conflict(problem, answer)
    assert answer.ways_out == ()
    assert len(answer.together) > 1


def test_of_limits_that_give_way_together_none_gives_more_than_it_must() -> None:
    """Nothing can be changed at all, so the size is today's, and the shares are what they are."""
    problem = Problem(
        (Axis("topic", ("a", "b"), (0.5, 0.5), tolerance=0.01),), (Cell((0,), 60), Cell((1,), 40)), (), Limits(50)
    )
    answer = solve(problem)
    assert isinstance(answer, Infeasible)
    assert answer.ways_out == ()
    together = dict(answer.together)
    assert together["size"] == "100"
    assert float(together["tolerance:topic"]) == pytest.approx(0.1, abs=2e-3)
