"""Strategy `greedy`: the step with the highest gain per cost, again and again.

Gains are those at the counts that the steps before have come to; with `static`, those of the start, as the paper has
them (RefineLab, Assignment Engine). Labels that a static walk fills or empties stop at their target.
"""

from __future__ import annotations

import time

from refinelab_dsl.solve.form import Form
from refinelab_dsl.solve.problem import Assignment, Problem
from refinelab_dsl.solve.solver import Session, Status
from refinelab_dsl.solve.strategies.answer import begin, build_assignment, find_feasible
from refinelab_dsl.solve.strategies.caps import cap_labels
from refinelab_dsl.solve.strategies.steps import Rates, Walk

STEPS = 2000  # about as many blocks as the change is first cut into; then they are halved, down to one item


def solve_greedy(problem: Problem, session: Session) -> Assignment | Status:
    """Every limit is kept at each step. Where the start breaks one it is repaired first, by the steps that gain most
    per cost, then by the cheapest, then by the cheapest allocation there is; `infeasible` is proven."""
    started = time.monotonic()
    begun = begin(problem, session)
    if isinstance(begun, str):
        return begun
    problem, form, bound = begun
    walk = find_start(problem, form, session)
    if isinstance(walk, str):
        return walk
    if problem.static:
        _go_by_first_gains(form, walk)
    else:
        walk = _go(form, walk, session)
    return build_assignment(problem, form, walk.values, bound, session, started)


def find_start(problem: Problem, form: Form, session: Session) -> Walk | Status:
    """Counts within every limit: none, where these keep them."""
    for cheapest in (False, True):
        walk = Walk(form)
        if walk.holds or _repair(walk, cheapest=cheapest):
            return walk
    values = find_feasible(problem, session)
    if isinstance(values, str):
        return values
    walk = Walk(form)
    walk.stand_at(values)
    return walk


def choose_block(walk: Walk) -> int:
    """A power of two: the number of items that the first steps move at once."""
    gaps = abs(walk.counts - walk.wanted)[walk.weights > 0].sum() / 2 + abs(walk.missing)
    steps = max(STEPS, 2 * len(walk.values))  # where many labels share the change, each of them in several blocks
    units = 1
    while 2 * units * steps <= gaps:
        units *= 2
    return units


def _go(form: Form, start: Walk, session: Session) -> Walk:
    """The end of the walk. Where items are too many to be moved one by one, the better of two ways to move blocks."""
    ends = [_go_in_blocks(form, start, session, gives_back=False)]
    if choose_block(start) > 1:
        ends.append(_go_in_blocks(form, start, session, gives_back=True))
    return min(ends, key=lambda walk: form.objective(walk.values))


def _go_in_blocks(form: Form, start: Walk, session: Session, *, gives_back: bool) -> Walk:
    """Blocks of items, then halves of them, down to single ones.

    gives_back: a block may go further than its items would one by one, so what each kind of step took last is given
    back before blocks are halved (scaling; Hochbaum 1994). Where a budget binds the end is that of single items; where
    only removals are limited, the way without it comes nearer. When the time is up, it ends where it is.
    """
    walk = Walk(form)
    walk.stand_at(start.values)
    units = choose_block(walk)
    while True:
        taken: dict[tuple[int, ...], None] = {}
        while session.left > 0 and (step := walk.find_step(units)) is not None:
            walk.take(step.columns, units)
            taken.pop(step.columns, None)
            taken[step.columns] = None
        if units == 1 or session.left <= 0:
            return walk
        if gives_back:
            for columns in reversed(taken):
                walk.give_back(columns, units)
        units //= 2


def _go_by_first_gains(form: Form, walk: Walk) -> None:
    capped = Walk(form, cap_labels(walk))
    capped.stand_at(walk.values)
    rates = Rates.of(capped, 1)
    while (step := capped.find_step(1, rates)) is not None:
        # Its gain stays what it was, so it stays the best one as long as there is room for it.
        capped.take(step.columns, capped.most_units(step.columns))
    walk.stand_at(capped.values)


def _repair(walk: Walk, *, cheapest: bool) -> bool:
    """Brings the size, then floors and tolerances within their limits; False where no step goes on."""
    units = choose_block(walk)
    while walk.missing or walk.misses:
        if walk.missing and units > abs(walk.missing):
            units //= 2
            continue
        if walk.missing:
            rates = Rates.of(walk, units, repairing=True)
            step = walk.find_single(units, rates, cheapest=cheapest)
        else:
            step = walk.find_step(units, repairing=True)
        if step is not None:
            walk.take(step.columns, step.units)
        elif units > 1:
            units //= 2
        else:
            return False
    return walk.holds
