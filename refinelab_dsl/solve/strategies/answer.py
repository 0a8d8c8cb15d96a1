"""What a strategy answers, in the terms that all share: the objective of the form, and the bound of its relaxation."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.form import Form, build_form
from refinelab_dsl.solve.lift import lift_allotments, lift_planned
from refinelab_dsl.solve.problem import Assignment, Problem
from refinelab_dsl.solve.relaxation import find_bound, gap_at, relax
from refinelab_dsl.solve.rounding import round_counts
from refinelab_dsl.solve.sizes import Sizes
from refinelab_dsl.solve.solver import Session, Status


def begin(problem: Problem, session: Session) -> tuple[Problem, Form, float] | Status:
    """The problem at a fixed size, its form, and the bound of `joint`, which no allocation of any size falls below.

    Only `joint` chooses among sizes: the others take the one nearest to the present that can be met.
    """
    if problem.limits.sizes is None:
        form = build_form(problem)
        bound = find_bound(form, session)
        return bound if isinstance(bound, str) else (problem, form, bound)
    sizes = Sizes.find(problem, session)
    if isinstance(sizes, str):
        return sizes
    now = sum(cell.count for cell in problem.cells)
    fixed = sizes.at(min(max(now, sizes.first), sizes.last))
    return fixed, build_form(fixed), sizes.bound


def find_feasible(problem: Problem, session: Session) -> NDArray[np.float64] | Status:
    """The cheapest counts within every limit, whatever they are worth. `infeasible` is proven."""
    bare = build_form(replace(problem, axes=tuple(replace(axis, weight=0.0) for axis in problem.axes)))
    relaxation = relax(bare, session, problem.gap)
    if isinstance(relaxation, str):
        return relaxation
    rounded = round_counts(bare, relaxation, session, problem.gap)
    return rounded if isinstance(rounded, str) else rounded.values


def build_assignment(
    problem: Problem,
    form: Form,
    values: NDArray[np.float64],
    bound: float,
    session: Session,
    started: float,
) -> Assignment:
    """bound: of the relaxation of `form`, which is that of `joint`: no allocation falls below it."""
    objective = form.objective(values)
    gap = gap_at(objective, problem.gap)
    bound = min(bound, objective)
    allotments = lift_allotments(form, values)
    return Assignment(
        allotments=allotments,
        objective=objective,
        bound=bound,
        gap=gap,
        status="optimal" if objective - bound <= gap else "feasible",
        solver=session.solver,
        strategy=problem.strategy,
        planned=lift_planned(problem, allotments),
        tokens=form.tokens(values),
        usd=form.usd(values),
        seconds=time.monotonic() - started,
        rounds=session.rounds,
        variables=len(form.columns),
        rows=len(form.rows),
    )
