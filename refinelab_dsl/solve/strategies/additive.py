"""Strategy `additive`: the paper's (RefineLab, Eq. 1 and Algorithm 1), as strong as it can honestly be.

Every item has a target that was drawn in proportion to the gaps; an operator's gain towards a target is that of one
accepted result at the present counts, over all dimensions, and gains add up. Beyond the paper, copies stay with their
topic, a gap is filled and not overfilled, and every limit of the problem holds. Items of a cell with the same target
are interchangeable: the program counts them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from math import floor

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.form import ROUNDING, Column, Form, Row, Tally
from refinelab_dsl.solve.problem import Assignment, Bin, Problem
from refinelab_dsl.solve.relaxation import gap_at, relax
from refinelab_dsl.solve.rounding import Rounded, round_counts
from refinelab_dsl.solve.solver import Session, Status
from refinelab_dsl.solve.strategies.answer import begin, build_assignment
from refinelab_dsl.solve.strategies.caps import cap_labels
from refinelab_dsl.solve.strategies.steps import Walk
from refinelab_dsl.solve.strategies.targets import Drawn, count_reached, draw_targets


def solve_additive(problem: Problem, session: Session) -> Assignment | Status:
    """The integer program of Eq. 1, solved to `gap`; with `relax`, its relaxation and the first rounding of it.

    Where the limits leave no room for what was drawn, caps and then drawn targets are let go; `infeasible` is proven.
    """
    started = time.monotonic()
    begun = begin(problem, session)
    if isinstance(begun, str):
        return begun
    problem, form, bound = begun
    walk = Walk(form)
    linear = _add_up(form, walk)
    drawn = _aim(problem, linear, _draw(problem))
    gap = gap_at(form.objective(walk.values), problem.gap)
    answer: Rounded | Status = "infeasible"
    for attempt in (_cap(drawn, walk), drawn, linear):
        answer = _solve(attempt, session, gap, problem.relax)
        if answer != "infeasible":
            break
    if isinstance(answer, str):
        return answer
    return build_assignment(problem, form, answer.values, bound, session, started)


def _solve(form: Form, session: Session, gap: float, relaxes: bool) -> Rounded | Status:
    relaxation = relax(form, session, gap)
    if isinstance(relaxation, str):
        return relaxation
    return round_counts(form, relaxation, session, gap, first=relaxes)


def _add_up(form: Form, walk: Walk) -> Form:
    """The same columns and rows, with gains of the start that add up: one straight line per label for what comes, one
    for what goes.

    A line is a tally that wants nothing (its function is half its count), turned round where it gains.
    """
    here, above, below = (walk.judge(np.maximum(walk.counts + step, 0.0)) for step in (0.0, 1.0, -1.0))
    lines = []
    for number, tally in enumerate(form.tallies):
        if tally.wanted is None or tally.weight <= 0:
            continue
        for sign, change in ((1.0, above[number] - here[number]), (-1.0, below[number] - here[number])):
            columns = [column for column, factor in tally.terms if factor * sign > 0]
            if not columns or not change:
                continue
            most = sum(form.columns[column].upper for column in columns)
            lines.append(
                Tally(
                    axis=tally.axis,
                    label=tally.label,
                    constant=most if change < 0 else 0,
                    terms=tuple((column, -1.0 if change < 0 else 1.0) for column in columns),
                    lowest=0,
                    highest=most,
                    wanted=0.0,
                    weight=2.0 * abs(float(change)),
                )
            )
    return replace(form, tallies=tuple(lines))


def _draw(problem: Problem) -> tuple[Drawn, ...]:
    counts: list[NDArray[np.float64] | None] = []
    for place, axis in enumerate(problem.axes):
        own = None
        if axis.target is not None:
            own = np.zeros(len(axis.labels))
            for cell in problem.cells:
                if cell.bin[place] >= 0:
                    own[cell.bin[place]] += cell.count
        counts.append(own)
    return draw_targets(problem, counts)


def _aim(problem: Problem, form: Form, drawn: tuple[Drawn, ...]) -> Form:
    """Results go no further than the items that drew their target do: one attempt per item and operator."""
    return replace(form, columns=tuple(_bound(problem, form, drawn)))


def _bound(problem: Problem, form: Form, drawn: tuple[Drawn, ...]) -> Iterator[Column]:
    aims: dict[tuple[int, int | None], dict[Bin, int]] = {}  # (operator, cell, None for anchors) -> items per bin
    for column in form.columns:
        action, key = problem.operators[column.operator], (column.operator, column.cell)
        if column.bin is None or column.stock or action.kind not in ("generate", "move"):
            yield column
            continue
        if key not in aims:
            aims[key] = (
                _count_anchored(problem, column.operator, drawn)
                if column.cell is None
                else count_reached(problem.axes, action, problem.cells[column.cell].bin, [drawn[column.cell]])
            )
        tries = aims[key].get(column.bin, 0) * (action.attempts_per_item or 1)
        yield replace(column, upper=min(column.upper, floor(action.success * tries + ROUNDING)))


def _count_anchored(problem: Problem, index: int, drawn: tuple[Drawn, ...]) -> dict[Bin, int]:
    """Per bin the anchors that drew it."""
    action = problem.operators[index]
    assert action.targets is not None
    groups: dict[tuple[Bin, ...], list[int]] = defaultdict(list)
    for number, cell in enumerate(problem.cells):
        if index in cell.eligible and cell.count and action.targets.get(cell.bin):
            groups[action.targets[cell.bin]].append(number)
    totals: dict[Bin, int] = defaultdict(int)
    for numbers in groups.values():
        source = problem.cells[numbers[0]].bin
        for bin, count in count_reached(problem.axes, action, source, [drawn[number] for number in numbers]).items():
            totals[bin] += count
    return dict(totals)


def _cap(form: Form, walk: Walk) -> Form:
    """With rows that stop a label at its target."""
    least, most = cap_labels(walk)
    rows = []
    for number, tally in enumerate(walk.form.tallies):
        low = None if np.isinf(least[number]) else float(least[number]) - tally.constant
        high = None if np.isinf(most[number]) else float(most[number]) - tally.constant
        if tally.terms and (low is not None or high is not None):
            rows.append(Row(f"cap_{number}", tally.terms, low, high))
    return replace(form, rows=(*form.rows, *rows))
