"""The reserve: what of a budget the allocation may not plan with, so that bad luck does not overrun it.

At least the spec's share, and at least what the plan's own spread asks for. That depends on the plan: solve, see how
far its cost may spread, take that off the budget, solve again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from refinelab_dsl.data.profile import Profile
from refinelab_dsl.estimate.estimates import Estimates
from refinelab_dsl.estimate.spread import Lot, Luck, weigh_luck
from refinelab_dsl.ir import Program
from refinelab_dsl.plan.sketch import Sketch, sketch_plan
from refinelab_dsl.solve import Assignment, Infeasible, Problem, Unsolved, select, solve
from refinelab_dsl.solve.stock import Stock

ROUNDS = 4
"""Solves after which the reserve stands as it is. The limit only ever falls, so a plan of the next round is no dearer;
two rounds are the rule."""

SHARE = 0.5
"""Of the time that is left, after which a round but the last proves nothing any more: the next needs it for a plan."""


@dataclass(frozen=True)
class Allocation:
    """The problem that was solved last, its reserves taken off, its answer, and who is asked for what.

    luck: what of the reserves the plan's own spread asks for.
    """

    problem: Problem
    assignment: Assignment
    sketch: Sketch
    luck: Luck


def allocate(
    program: Program,
    profile: Profile,
    problem: Problem,
    estimates: Estimates,
    solver: str,
    stock: Stock,
    deadline: float | None = None,
) -> Allocation | tuple[Problem, Infeasible | Unsolved]:
    """Solves `problem` with a reserve that its plan bears out; or the problem that has no plan, and why. Where the time
    is up before such a reserve is found, the last plan stands with the reserve that it has.

    deadline: `time.monotonic()` seconds, by default `time_limit` from now.
    """
    confidence = float(program.solve.confidence)
    deadline = time.monotonic() + problem.time_limit if deadline is None else deadline
    best: Allocation | None = None
    for turn in range(ROUNDS):
        left = max(0.0, deadline - time.monotonic())
        answer = solve(problem, solver, left, 1.0 if turn == ROUNDS - 1 else SHARE)
        if not isinstance(answer, Assignment):
            is_late = isinstance(answer, Unsolved) and answer.reason == "stopped"
            return best if is_late and best is not None else (problem, answer)
        chosen = sketch_plan(program, problem, answer, estimates, select(program, profile, problem, answer, stock))
        luck = weigh_luck(_list_lots(chosen), estimates, confidence)
        borne = _hold(problem, luck.tokens, luck.usd)
        fits = _is_within(answer.tokens, borne.limits.tokens) and _is_within(answer.usd, borne.limits.usd)
        best = Allocation(borne if fits else problem, answer, chosen, luck)
        if fits or turn == ROUNDS - 1:
            return best
        # Luck grows with what is spent: in the first rounds both shrink together, then luck alone is taken off.
        problem = borne if turn > 1 else _shrink(problem, answer, luck)
    raise AssertionError(ROUNDS)


def _list_lots(sketch: Sketch) -> list[Lot]:
    return [
        Lot(group.operator, group.count - group.stock, attempts)
        for group, attempts in zip(sketch.groups, sketch.attempts.attempts, strict=True)
    ]


def _hold(problem: Problem, luck_tokens: float, luck_usd: float) -> Problem:
    """The problem with at least that held back of its budgets; never less than before."""
    limits = problem.limits
    tokens, held_tokens = _take_off(limits.tokens, limits.reserved_tokens, luck_tokens)
    usd, held_usd = _take_off(limits.usd, limits.reserved_usd, luck_usd)
    return replace(
        problem, limits=replace(limits, tokens=tokens, reserved_tokens=held_tokens, usd=usd, reserved_usd=held_usd)
    )


def _shrink(problem: Problem, answer: Assignment, luck: Luck) -> Problem:
    """The problem with limits at which a plan with the same luck for each token would just fit its budgets."""
    limits = problem.limits
    return _hold(
        problem,
        _excess(answer.tokens, limits.tokens, limits.reserved_tokens, luck.tokens),
        _excess(answer.usd, limits.usd, limits.reserved_usd, luck.usd),
    )


def _excess(expected: float, limit: float | None, reserved: float, luck: float) -> float:
    """What of the budget luck takes where expected cost and luck fill it together; 0 where both fit."""
    if limit is None or expected + luck <= limit + reserved or expected <= 0:
        return 0.0
    return (limit + reserved) * luck / (expected + luck)


def _take_off(limit: float | None, reserved: float, luck: float) -> tuple[float | None, float]:
    if limit is None or luck <= reserved:
        return limit, reserved
    budget = limit + reserved
    held = min(luck, budget)
    return budget - held, held


def _is_within(amount: float, limit: float | None) -> bool:
    return limit is None or amount <= limit * (1 + 1e-9) + 1e-9
