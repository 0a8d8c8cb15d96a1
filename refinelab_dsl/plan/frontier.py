"""Divergence against cost, as rows that people and programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from refinelab_dsl import metrics
from refinelab_dsl.plan.figures import render_divergence, render_tokens, render_usd
from refinelab_dsl.plan.price import round_usd
from refinelab_dsl.solve.frontier import Point
from refinelab_dsl.solve.problem import Assignment, Problem

_DIMENSIONS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class FrontierRow:
    """What one budget buys: expected tokens and dollars (None: a price is unknown), the objective, and each
    dimension's divergence. own: it is the spec's budget."""

    tokens: int
    usd: Decimal | None
    objective: float
    divergence: Mapping[str, float]
    own: bool


def describe_frontier(problem: Problem, points: Sequence[Point], *, priced: bool) -> tuple[FrontierRow, ...]:
    """The points in their order, as rows. priced: every model that a plan may call has a price."""
    return tuple(
        FrontierRow(
            tokens=ceil(point.assignment.tokens - 1e-6),
            usd=round_usd(point.assignment.usd) if priced else None,
            objective=round(point.assignment.objective, 9),
            divergence=_diverge(problem, point.assignment),
            own=point.own,
        )
        for point in points
    )


def tabulate_frontier(rows: Sequence[FrontierRow]) -> tuple[tuple[str, ...], ...]:
    """A header and a line for each row: mark, tokens, cost, objective, dimensions (the first few). Empty for none."""
    if not rows:
        return ()
    names = list(rows[0].divergence)[:_DIMENSIONS_SHOWN]
    lines = [("", "tokens", "cost", "objective", *names)]
    for number, row in enumerate(rows):
        mark = "your budget" if row.own else "nothing bought" if not row.tokens else ""
        if not mark and number == len(rows) - 1:
            mark = "no limit"
        lines.append((
            mark,
            render_tokens(row.tokens),
            render_usd(row.usd),
            render_divergence(row.objective),
            *(render_divergence(row.divergence[name]) for name in names),
        ))
    return tuple(lines)


def _diverge(problem: Problem, assignment: Assignment) -> dict[str, float]:
    return {
        axis.name: round(metrics.jsd(assignment.planned[axis.name], axis.target), 9)
        for axis in problem.axes
        if axis.target is not None
    }
