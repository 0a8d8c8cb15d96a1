"""Strategy `joint`: one convex objective over the resulting distribution, solved to a proven gap."""

from __future__ import annotations

import time
from dataclasses import replace

from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.lift import lift_allotments, lift_planned
from refinelab_dsl.solve.problem import Assignment, Problem
from refinelab_dsl.solve.relaxation import gap_at, relax
from refinelab_dsl.solve.rounding import round_counts
from refinelab_dsl.solve.sizes import Sizes
from refinelab_dsl.solve.solver import Session, Status

SIZES = 40  # tried at most where the gap stays open at the one that the relaxation likes best


def solve_joint(problem: Problem, session: Session) -> Assignment | Status:
    """The allocation with the least weighted divergence; `infeasible`, `stopped` or `failed` where there is none."""
    if problem.limits.sizes is None:
        return _solve_size(problem, session)
    sizes = Sizes.find(problem, session)
    return sizes if isinstance(sizes, str) else _solve_sizes(sizes, session)


def _solve_sizes(sizes: Sizes, session: Session) -> Assignment | Status:
    """One size after the other, until an answer is within a gap of the bound of all, or no size that is left can have
    a better one. Of answers as good as the best, the largest."""
    started = time.monotonic()
    answers: dict[int, Assignment] = {}
    status: Status = "infeasible"
    bound = float("inf")  # of the sizes that are done
    for tried, size in enumerate(sizes.outwards()):
        best = min((answer.objective for answer in answers.values()), default=float("inf"))
        gap = gap_at(min(best, 1.0), sizes.problem.gap)
        proven = best - sizes.bound <= gap or sizes.value(size) >= best - gap
        if answers and (proven or tried >= SIZES or session.suffices):
            bound = min(bound, sizes.value(size))
            break
        found = _solve_size(sizes.at(size), session)
        if not isinstance(found, str):
            answers[size] = found
            bound = min(bound, found.bound)
        elif found != "infeasible":
            status = found
            bound = min(bound, sizes.value(size))
    if not answers:
        return status
    best = min(answer.objective for answer in answers.values())
    gap = gap_at(best, sizes.problem.gap)
    chosen = answers[max(size for size, answer in answers.items() if answer.objective <= best + gap)]
    bound = max(sizes.bound, min(bound, best))
    return replace(
        chosen,
        bound=bound,
        gap=gap,
        status="optimal" if chosen.objective - bound <= gap else "feasible",
        seconds=time.monotonic() - started,
        rounds=session.rounds,
    )


def _solve_size(problem: Problem, session: Session) -> Assignment | Status:
    """Whole counts at a fixed size."""
    started = time.monotonic()
    form = build_form(problem)
    relaxation = relax(form, session, problem.gap)
    if isinstance(relaxation, str):
        return relaxation
    rounded = round_counts(form, relaxation, session, problem.gap, first=problem.relax)
    if isinstance(rounded, str):
        return rounded
    allotments = lift_allotments(form, rounded.values)
    gap = gap_at(rounded.objective, problem.gap)
    return Assignment(
        allotments=allotments,
        objective=rounded.objective,
        bound=min(rounded.bound, rounded.objective),
        gap=gap,
        status="optimal" if rounded.objective - rounded.bound <= gap else "feasible",
        solver=session.solver,
        strategy="joint",
        planned=lift_planned(problem, allotments),
        tokens=form.tokens(rounded.values),
        usd=form.usd(rounded.values),
        seconds=time.monotonic() - started,
        rounds=relaxation.rounds,
        variables=relaxation.variables,
        rows=relaxation.rows,
    )
