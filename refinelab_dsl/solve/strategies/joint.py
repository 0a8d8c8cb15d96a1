"""Strategy `joint`: one convex objective over the resulting distribution, solved to a proven gap."""

from __future__ import annotations

import time

from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.lift import lift_allotments, lift_planned
from refinelab_dsl.solve.problem import Assignment, Problem
from refinelab_dsl.solve.relaxation import gap_at, relax
from refinelab_dsl.solve.rounding import round_counts
from refinelab_dsl.solve.solver import Session, Status


def solve_joint(problem: Problem, session: Session) -> Assignment | Status:
    """The allocation with the least weighted divergence; `infeasible`, `stopped` or `failed` where there is none."""
    started = time.monotonic()
    form = build_form(problem)
    relaxation = relax(form, session, problem.gap)
    if isinstance(relaxation, str):
        return relaxation
    rounded = round_counts(form, relaxation, session, problem.gap)
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
