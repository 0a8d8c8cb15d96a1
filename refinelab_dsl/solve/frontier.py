"""What budgets buy: the same problem under a row of budgets, from what costs nothing to what is spent without limit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.problem import Assignment, Problem
from refinelab_dsl.solve.relaxation import find_cheapest
from refinelab_dsl.solve.solve import attempt
from refinelab_dsl.solve.solver import Session, Solver

POINTS = 10


@dataclass(frozen=True, slots=True)
class Point:
    """A budget and the best plan found for it or for a smaller one. own: it is the problem's own budget."""

    assignment: Assignment
    own: bool


def trace_frontier(problem: Problem, own: Assignment, points: int = POINTS) -> tuple[Point, ...]:
    """Plans by growing budget: `points` of them, and `own`, the answer to `problem`, in its place.

    Budgets lie on a ray: tokens and dollars in the proportion of the problem's own limits, where it has both. What fits
    a budget fits every larger one, so each point is at least as good as those before it: where a solve ends within its
    gap above an earlier plan, the earlier plan stands.
    """
    limits = problem.limits
    solver: Solver = "glpk" if own.solver == "glpk" else "highs"
    unlimited = _solve_within(problem, None, None, solver)
    if unlimited is None:
        return (Point(own, own=True),)
    base_tokens, base_usd, own_scale = limits.tokens, limits.usd, 1.0
    if 0 in (base_tokens, base_usd) or base_tokens is base_usd is None:  # no ray: from what is spent without limit
        own_scale = 0.0 if 0 in (base_tokens, base_usd) else inf
        base_tokens, base_usd = unlimited.tokens or None, unlimited.usd or None
    most = _reach(unlimited.tokens, unlimited.usd, base_tokens, base_usd)
    if most <= 0:
        return (Point(own, own=True),)
    least = _find_least(problem, base_tokens, base_usd, solver)
    scales = [least + (most - least) * step / (points - 1) for step in range(points - 1)]
    found: list[tuple[float, Assignment, bool]] = []
    for scale in scales:
        if scale == own_scale:
            continue
        answer = _solve_within(
            problem,
            None if base_tokens is None else scale * base_tokens,
            None if base_usd is None else scale * base_usd,
            solver,
        )
        if answer is not None:
            found.append((scale, answer, False))
    if own_scale >= most:
        found.append((most, _better(own, unlimited), True))
    else:
        found += [(most, unlimited, False), (own_scale, own, True)]
    return tuple(_settle(found))


def _settle(found: list[tuple[float, Assignment, bool]]) -> Iterator[Point]:
    """By growing budget; no plan is worse than one before it."""
    best: Assignment | None = None
    for _, answer, own in sorted(found, key=lambda each: (each[0], each[2])):
        best = answer if best is None else _better(best, answer)
        yield Point(best, own)


def _better(first: Assignment, second: Assignment) -> Assignment:
    return second if second.objective < first.objective else first


def _reach(tokens: float, usd: float, base_tokens: float | None, base_usd: float | None) -> float:
    """The multiple of the base at which `tokens` and `usd` fit."""
    return max((amount / base for amount, base in ((tokens, base_tokens), (usd, base_usd)) if base), default=0.0)


def _find_least(problem: Problem, base_tokens: float | None, base_usd: float | None, solver: Solver) -> float:
    """The least multiple of the base for which there is a plan at all; 0 where something free keeps every limit."""
    form = build_form(replace(problem, limits=replace(problem.limits, tokens=None, usd=None)))
    point = find_cheapest(form, Session(solver, time.monotonic() + problem.time_limit))
    return 0.0 if isinstance(point, str) else _reach(form.tokens(point), form.usd(point), base_tokens, base_usd)


def _solve_within(problem: Problem, tokens: float | None, usd: float | None, solver: Solver) -> Assignment | None:
    answer = attempt(replace(problem, limits=replace(problem.limits, tokens=tokens, usd=usd)), solver)
    return None if isinstance(answer, str) else answer
