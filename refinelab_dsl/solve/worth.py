"""What binds: what one unit more of each tight limit buys, and what one point more of a label costs.

Not the duals of the last LP: at a degenerate vertex they depend on the solver, and say what an infinitesimal change
buys. Each limit is moved by a unit that people think in, and the relaxation solved again: one number whichever solver.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.form import Form, Row, Tally, build_form
from refinelab_dsl.solve.lift import place_allotments
from refinelab_dsl.solve.limits import drop_limit, limit_of, name_limits, set_limit
from refinelab_dsl.solve.problem import Assignment, Problem, Worth
from refinelab_dsl.solve.relaxation import find_bound, find_cheapest, level_above
from refinelab_dsl.solve.solver import MANY_BINS, Session, choose_solver

POINT = 0.01
LEAST = 1e-5  # an objective below is as good as none, and so is a difference
BINS = 3  # labels that are shown what they cost
MOST_TALLIES, MOST_COLUMNS = 400, 20_000  # beyond, writing the problem down again takes as long as solving it
SECONDS = 3.0  # for all of it


def add_duals(problem: Problem, assignment: Assignment, seconds: float = SECONDS) -> Assignment:
    """The assignment with its `duals`. What `seconds` do not suffice for is left out."""
    solver = choose_solver("auto", MANY_BINS + 1)  # HiGHS goes on where it was; the numbers are the same
    if solver is None:
        return assignment
    if problem.limits.sizes is not None:  # a size that was chosen stands; what else binds is weighed beside it
        size = _count_planned(problem, assignment)
        fixed = replace(problem, limits=replace(problem.limits, size=size, sizes=None))
        weighed = add_duals(fixed, assignment, seconds)
        return replace(weighed, duals={name: worth for name, worth in weighed.duals.items() if name != "size"})
    if problem.limits.size is None:
        return assignment
    form = build_form(problem)
    if len(form.tallies) > MOST_TALLIES or len(form.columns) > MOST_COLUMNS:
        return assignment
    values = place_allotments(form, assignment.allotments)
    if values is None:
        return assignment
    session = Session(solver, time.monotonic() + seconds)
    tight = _find_tight(problem, form, values)
    if assignment.objective <= LEAST:  # the divergence cannot fall; the cost can
        worths = list(_weigh_savings(problem, form, tight, assignment, session))
    else:
        worths = [*_weigh_limits(problem, form, values, tight, session), *_weigh_bins(problem, form, values, session)]
    return replace(assignment, duals={worth.limit: worth for worth in worths})


def _count_planned(problem: Problem, assignment: Assignment) -> int:
    """Items of the refined set."""
    size = sum(cell.count for cell in problem.cells)
    for allotment in assignment.allotments:
        match problem.operators[allotment.operator].kind:
            case "remove":
                size -= allotment.count
            case "expand" | "generate":
                size += allotment.count
    return size


def _find_tight(problem: Problem, form: Form, values: NDArray[np.float64]) -> list[str]:
    tight = {row.user for row in form.rows if row.user is not None and _is_tight(row, values)}
    return [name for name in name_limits(problem) if name in tight or name == "protect"]


def _weigh_limits(
    problem: Problem, form: Form, values: NDArray[np.float64], tight: Sequence[str], session: Session
) -> Iterator[Worth]:
    """Limits whose loosening lowers the divergence, the one that lowers it most first."""
    near = form.counts(values)
    bound = find_bound(form, session, near)
    if isinstance(bound, str):
        return
    found = []
    for name in tight:
        worths = []
        for step, looser in _loosen(problem, name):
            reached = find_bound(build_form(looser), session, near)
            if not isinstance(reached, str) and bound - reached > max(LEAST, 1e-3 * bound):
                worths.append(Worth(name, step, round(float(reached - bound), 9)))
        found += [min(worths, key=lambda worth: worth.divergence or 0.0)] if worths else []
    yield from sorted(found, key=lambda worth: (worth.divergence or 0.0, worth.limit))


def _weigh_savings(
    problem: Problem, form: Form, tight: Sequence[str], assignment: Assignment, session: Session
) -> Iterator[Worth]:
    """Limits on what may be done whose loosening lowers the cost of the same divergence."""
    names = [name for name in tight if name != "size" and not name.startswith(("budget", "max_cost"))]
    if not names or not assignment.tokens:
        return
    level = level_above(assignment.objective, problem.gap)
    now = find_cheapest(form, session, level)
    if isinstance(now, str):
        return
    for name in names:
        for step, looser in _loosen(problem, name):
            looser_form = build_form(looser)
            point = find_cheapest(looser_form, session, level)
            if isinstance(point, str):
                continue
            tokens = looser_form.tokens(point) - form.tokens(now)
            usd = looser_form.usd(point) - form.usd(now)
            if tokens < -1e-3 * assignment.tokens or usd < -1e-3 * assignment.usd:
                yield Worth(name, step, 0.0, tokens, usd)


def _is_tight(row: Row, values: NDArray[np.float64]) -> bool:
    """Whether there is no room left for one result more, or less."""
    activity = sum(factor * values[number] for number, factor in row.terms)
    unit = max((abs(factor) for _, factor in row.terms), default=0.0) * (1 - 1e-6)
    above = row.upper is not None and row.upper - activity < unit
    below = row.lower is not None and activity - row.lower < unit
    return above or below


def _loosen(problem: Problem, name: str) -> Iterator[tuple[float, Problem]]:
    """The problem with the limit moved by one sensible unit, and that unit: items, a share, tokens or dollars."""
    value = limit_of(problem, name)
    point = float(max(1, round(POINT * sum(cell.count for cell in problem.cells))))
    match name.partition(":")[0]:
        case "protect":
            yield 0.0, drop_limit(problem, name)
        case "size" if problem.limits.sizes is not None:
            low, high = problem.limits.sizes
            for step, sizes in ((point, (low, high + round(point))), (-point, (max(1, low - round(point)), high))):
                yield step, replace(problem, limits=replace(problem.limits, sizes=sizes))
        case "size":
            assert value is not None
            for step in (point, -point):
                if value + step >= 1:
                    yield step, set_limit(problem, name, value + step)
        case "max_removed":
            yield point, set_limit(problem, name, (value or 0.0) + point)
        case "keep_originals":
            yield -point, set_limit(problem, name, max(0.0, (value or 0.0) - point))
        case "distinct":
            yield -POINT, set_limit(problem, name, max(0.0, (value or 0.0) - POINT))
        case "tolerance" | "max_flagged":
            yield POINT, set_limit(problem, name, (value or 0.0) + POINT)
        case "floor":
            yield -1.0, set_limit(problem, name, max(0.0, (value or 0.0) - 1))
        case "budget.tokens":
            held = problem.limits.reserved_tokens
            step = _round_step(problem, name, (value or 0.0) + held)
            yield step, set_limit(problem, name, (value or 0.0) + step * _share(value, held))
        case "budget.cost":
            held = problem.limits.reserved_usd
            step = _round_step(problem, name, (value or 0.0) + held)
            yield step, set_limit(problem, name, (value or 0.0) + step * _share(value, held))
        case "max_cost":
            step = _round_step(problem, name, value or 0.0)
            yield step, set_limit(problem, name, (value or 0.0) + step)


def _share(value: float | None, held: float) -> float:
    """The part of a budget that is not held back: what of one unit more a plan may use."""
    return value / (value + held) if value else 1.0


def _round_step(problem: Problem, name: str, budget: float) -> float:
    """1, 2 or 5 times a power of ten: about a twentieth of a budget, and at least what a few results cost."""
    costs = [
        (action.tokens if name == "budget.tokens" else action.usd) / action.success
        for action in problem.operators
        if action.success > 0
    ]
    wanted = max(budget / 20, 5 * max(costs, default=0.0)) or 1.0
    unit = 10.0 ** floor(log10(wanted))
    return next(unit * digit for digit in (5, 2, 1) if unit * digit <= wanted * (1 + 1e-9))


def _weigh_bins(
    problem: Problem, form: Form, values: NDArray[np.float64], session: Session
) -> Iterator[Worth]:
    """The labels that fall furthest short of their target: the least cost of one point more, budgets aside, with no
    other label further from its target than now."""
    counts = form.counts(values)
    short = []
    for place, (tally, count) in enumerate(zip(form.tallies, counts, strict=True)):
        if tally.wanted is not None and tally.wanted - count >= max(0.5, 0.5 * POINT * _known(problem, tally)):
            short.append((float(tally.wanted - count), place))
    if not short:
        return
    open_form = build_form(drop_limit(drop_limit(problem, "budget.tokens"), "budget.cost"))
    open_form = replace(open_form, rows=(*open_form.rows, *_hold_labels(open_form, counts)))
    now = find_cheapest(open_form, session)
    if isinstance(now, str):
        return
    for missing, place in sorted(short, key=lambda each: (-each[0], each[1]))[:BINS]:
        tally = open_form.tallies[place]
        axis = problem.axes[tally.axis]
        step = float(max(1, min(round(POINT * _known(problem, tally)), floor(missing))))
        name = f"target:{axis.name}:{axis.labels[tally.label]}"
        need = float(counts[place]) + step - tally.constant
        more = replace(open_form, rows=(*open_form.rows, Row("more", tally.terms, need, None)))
        point = find_cheapest(more, session)
        if isinstance(point, str):
            if point == "infeasible":
                yield Worth(name, step, short=missing)
            continue
        tokens = max(0.0, open_form.tokens(point) - open_form.tokens(now))
        usd = max(0.0, open_form.usd(point) - open_form.usd(now))
        yield Worth(name, step, 0.0, tokens, usd, missing)


def _hold_labels(form: Form, counts: NDArray[np.float64]) -> Iterator[Row]:
    """No label gets further from its target than `counts`, on its side of it."""
    for number, (tally, count) in enumerate(zip(form.tallies, counts, strict=True)):
        if tally.wanted is None or not tally.terms:
            continue
        low, high = sorted((float(count), tally.wanted))
        yield Row(f"held_{number}", tally.terms, floor(low) - tally.constant, ceil(high) - tally.constant)


def _known(problem: Problem, tally: Tally) -> float:
    """Items that count on the tally's axis."""
    target = problem.axes[tally.axis].target
    share = target[tally.label] if target is not None else 0.0
    return tally.wanted / share if tally.wanted and share else 0.0
