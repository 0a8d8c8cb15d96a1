"""Strategy `uniform`: the budget split evenly over the paid operators, items at random. What any other has to beat."""

from __future__ import annotations

import time
from collections import defaultdict
from math import floor, inf

import numpy as np

from refinelab_dsl.solve.form import Form
from refinelab_dsl.solve.problem import Assignment, Bin, Problem
from refinelab_dsl.solve.solver import Session, Status
from refinelab_dsl.solve.strategies.answer import begin, build_assignment
from refinelab_dsl.solve.strategies.greedy import choose_block, find_start
from refinelab_dsl.solve.strategies.steps import SLACK, Floats, Indices, Walk

TRIES = 64  # draws without one that fits, after which fewer items are moved at once


def solve_uniform(problem: Problem, session: Session) -> Assignment | Status:
    """Every paid operator gets an equal part of what the budget leaves beyond a start within every limit; without a
    budget, an equal number of results. Drawn with `Problem.seed`; `infeasible` is proven."""
    started = time.monotonic()
    begun = begin(problem, session)
    if isinstance(begun, str):
        return begun
    problem, form, bound = begun
    start = find_start(problem, form, session)
    if isinstance(start, str):
        return start
    walk = _draw_at_once(problem, form, start)
    if not walk.holds:
        walk = _draw_in_steps(problem, form, start, session)
    return build_assignment(problem, form, walk.values, bound, session, started)


def _draw_at_once(problem: Problem, form: Form, start: Walk) -> Walk:
    """All results, then as many removals. Floors and tolerances may not hold afterwards."""
    dice, leads = np.random.default_rng(problem.seed), _count_leads(problem, form)
    walk = _copy(form, start)
    shares = _share_out(problem, form, walk)
    adding = sum(bool(np.any(walk.size_effect[columns] > 0)) for columns, _ in shares)
    leaving = np.flatnonzero(walk.size_effect < 0)
    room = _count_removable(form, start, leaving)
    added: list[Indices] = []
    for columns, most in shares:
        adds = bool(np.any(walk.size_effect[columns] > 0))
        limit = min(most, room / max(1, adding)) if adds or most == inf else most
        _scatter(form, walk, leads, columns, floor(limit + SLACK), dice)
        added += [columns] if adds else []
    _scatter(form, walk, leads, leaving, round(-walk.missing), dice)
    if walk.missing < 0 and added:  # fewer could leave than came: the last come back, at random
        columns = np.concatenate(added)
        counts = np.rint(walk.values[columns] - start.values[columns]).astype(np.int64)
        for column, units in zip(columns, dice.multivariate_hypergeometric(counts, round(-walk.missing)), strict=True):
            walk.take((int(column),), -int(units))
    return walk


def _draw_in_steps(problem: Problem, form: Form, start: Walk, session: Session) -> Walk:
    """Step by step, each within every limit; the operator that has had least of its share is next. When the time is up,
    it ends where it is."""
    dice, leads = np.random.default_rng(problem.seed), _count_leads(problem, form)
    walk = _copy(form, start)
    left = {place: (columns, most) for place, (columns, most) in enumerate(_share_out(problem, form, walk))}
    leaving = np.flatnonzero(walk.size_effect < 0)
    made = dict.fromkeys(left, 0)
    units = choose_block(walk)
    while left and session.left > 0:
        place = min(left, key=lambda own: (made[own] / left[own][1] if left[own][1] < inf else made[own], own))
        columns, most = left[place]
        for _ in range(TRIES):
            chosen = [_pick(form, walk, leads, columns, dice)]
            if chosen[0] is not None and walk.size_effect[chosen[0]] > 0:
                chosen.append(_pick(form, walk, leads, leaving, dice))
            step = [column for column in chosen if column is not None]
            if len(step) == len(chosen) and made[place] + units <= most and walk.most_units(step) >= units:
                walk.take(step, units)
                made[place] += units
                break
        else:
            if units == 1:
                del left[place]
            units = max(1, units // 2)
    return walk


def _copy(form: Form, start: Walk) -> Walk:
    walk = Walk(form)
    walk.stand_at(start.values)
    return walk


def _share_out(problem: Problem, form: Form, walk: Walk) -> list[tuple[Indices, float]]:
    """Per paid operator its columns, and how many results its part of the budget pays for."""
    limits = problem.limits
    paid: dict[int, list[int]] = {}
    for number, column in enumerate(form.columns):
        if column.tokens > 0 or column.usd > 0:
            paid.setdefault(column.operator, []).append(number)
    shares = []
    for numbers in paid.values():
        column = form.columns[numbers[0]]
        most = inf
        for limit, spent, cost in (
            (limits.tokens, form.tokens(walk.values), column.tokens),
            (limits.usd, form.usd(walk.values), column.usd),
        ):
            if limit is not None and cost > 0:
                most = min(most, max(0.0, limit - spent) / len(paid) / cost)
        shares.append((np.array(numbers, dtype=np.int64), most))
    return shares


def _count_removable(form: Form, start: Walk, leaving: Indices) -> int:
    """How many more items may leave, whichever they are."""
    walk = _copy(form, start)
    for column in leaving:
        walk.take((int(column),), walk.most_units((int(column),), repairing=True))
    return round(float((walk.values - start.values)[leaving].sum()))


def _scatter(
    form: Form, walk: Walk, leads: Floats, columns: Indices, total: int, dice: np.random.Generator
) -> None:
    """`total` results over `columns` at random, or as many as there is room for."""
    left = total
    while left > 0:
        weights = _weigh(form, walk, columns, leads)
        if weights.sum() <= 0:
            return
        if form.columns[columns[0]].cell is None:
            drawn = dice.multinomial(left, weights / weights.sum())
        else:
            items = np.floor(weights).astype(np.int64)
            drawn = dice.multivariate_hypergeometric(items, min(left, int(items.sum())))
        before = left
        for column, wanted in zip(columns, drawn, strict=True):
            units = min(int(wanted), walk.most_units((int(column),), repairing=True)) if wanted else 0
            if units:
                walk.take((int(column),), units)
                left -= units
        if left == before:
            return


def _pick(form: Form, walk: Walk, leads: Floats, columns: Indices, dice: np.random.Generator) -> int | None:
    weights = _weigh(form, walk, columns, leads)
    return int(dice.choice(columns, p=weights / weights.sum())) if weights.sum() > 0 else None


def _weigh(form: Form, walk: Walk, columns: Indices, leads: Floats) -> Floats:
    """How likely each column is: by the items that it still may take, and for new ones by the anchors that lead to
    their bin."""
    rooms = np.floor(np.maximum(walk.room()[columns], 0.0) + SLACK)
    if not len(columns) or form.columns[columns[0]].cell is not None:
        return rooms
    return np.where(rooms > 0, leads[columns], 0.0)


def _count_leads(problem: Problem, form: Form) -> Floats:
    """Per column of an operator that makes new items: the items that lead to its bin, each item counted once."""
    leads: dict[tuple[int, Bin], float] = defaultdict(float)
    for index, action in enumerate(problem.operators):
        anchors: dict[tuple[Bin, ...], int] = defaultdict(int)
        for cell in problem.cells:
            if action.kind == "generate" and index in cell.eligible:
                anchors[(action.targets or {}).get(cell.bin, ())] += cell.count
        for bins, count in anchors.items():
            for bin in bins:
                leads[index, bin] += count / len(bins)
    return np.array([0.0 if column.bin is None else leads[column.operator, column.bin] for column in form.columns])
