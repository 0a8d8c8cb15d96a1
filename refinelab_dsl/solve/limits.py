"""The user's limits by name: what a problem holds of them, and the problem without one or with another value of it.

Names are those of `Infeasible.conflict`: `size`, `max_removed`, `keep_originals`, `distinct`, `max_flagged`,
`budget.tokens`, `budget.cost`, `max_cost:author`, `protect`, `pinned` (by decisions of a person), `tolerance:topic`,
`floor:topic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from refinelab_dsl.solve.problem import Axis, Problem


def name_limits(problem: Problem) -> Iterator[str]:
    """Every limit that the problem has."""
    limits = problem.limits
    if limits.size is not None or limits.sizes is not None:
        yield "size"
    for name in ("max_removed", "keep_originals", "distinct"):
        if getattr(limits, name) is not None:
            yield name
    if limits.flagged is not None:
        yield "max_flagged"
    if limits.tokens is not None:
        yield "budget.tokens"
    if limits.usd is not None:
        yield "budget.cost"
    for action in problem.operators:
        if action.max_usd is not None:
            yield f"max_cost:{action.operator}"
    if any(cell.protected and cell.count for cell in problem.cells):
        yield "protect"
    if any(action.pinned for action in problem.operators):
        yield "pinned"
    for axis in problem.axes:
        if axis.tolerance is not None and axis.target is not None:
            yield f"tolerance:{axis.name}"
        if axis.floor:
            yield f"floor:{axis.name}"


def drop_limit(problem: Problem, name: str) -> Problem:
    """The problem without the limit `name`."""
    limits = problem.limits
    kind, _, subject = name.partition(":")
    match kind:
        case "size":
            return replace(problem, limits=replace(limits, size=None, sizes=None))
        case "protect":
            return replace(problem, cells=tuple(replace(cell, protected=False) for cell in problem.cells))
        case "pinned":
            return replace(problem, operators=tuple(replace(action, pinned=None) for action in problem.operators))
        case "floor":
            return _with_axis(problem, subject, lambda axis: replace(axis, floor=0))
        case _:
            return _with_value(problem, kind, subject, None)


def set_limit(problem: Problem, name: str, value: float) -> Problem:
    """The problem with another value of the limit `name`, in the unit of `limit_of`."""
    kind, _, subject = name.partition(":")
    return _with_value(problem, kind, subject, value)


def limit_of(problem: Problem, name: str) -> float | None:
    """A limit as one number: items, a share (`distinct`, `tolerance`), tokens or dollars. None where it is none (a free
    size, `protect`) or not set."""
    limits = problem.limits
    kind, _, subject = name.partition(":")
    match kind:
        case "size" | "max_removed" | "keep_originals" | "distinct":
            value: float | None = getattr(limits, kind)
            return value
        case "max_flagged":
            return limits.flagged
        case "budget.tokens":
            return limits.tokens
        case "budget.cost":
            return limits.usd
        case "max_cost":
            return next((action.max_usd for action in problem.operators if action.operator == subject), None)
        case "tolerance":
            return next((axis.tolerance for axis in problem.axes if axis.name == subject), None)
        case "floor":
            return next((axis.floor for axis in problem.axes if axis.name == subject), None)
        case _:
            return None


def origin_of(name: str) -> str:
    """Where the program's `origins` have a limit."""
    kind, _, subject = name.partition(":")
    match kind:
        case "budget.tokens" | "budget.cost":
            return kind
        case "max_cost":
            return f"operator.{subject}.max_cost"
        case "tolerance":
            return f"dimension.{subject}.tolerance"
        case "floor":
            return f"constraints.floor.{subject}"
        case _:
            return f"constraints.{kind}"


def _with_value(problem: Problem, kind: str, subject: str, value: float | None) -> Problem:
    limits = problem.limits
    match kind:
        case "size":
            return replace(problem, limits=replace(limits, size=_whole(value), sizes=None))
        case "max_removed":
            return replace(problem, limits=replace(limits, max_removed=_whole(value)))
        case "keep_originals":
            return replace(problem, limits=replace(limits, keep_originals=_whole(value)))
        case "distinct":
            return replace(problem, limits=replace(limits, distinct=value))
        case "max_flagged":
            return replace(problem, limits=replace(limits, flagged=value))
        case "budget.tokens":
            return replace(problem, limits=replace(limits, tokens=value))
        case "budget.cost":
            return replace(problem, limits=replace(limits, usd=value))
        case "max_cost":
            return replace(problem, operators=tuple(
                replace(action, max_usd=value) if action.operator == subject else action for action in problem.operators
            ))
        case "tolerance":
            return _with_axis(problem, subject, lambda axis: replace(axis, tolerance=value))
        case "floor":
            return _with_axis(problem, subject, lambda axis: replace(axis, floor=round(value or 0)))
        case _:
            raise AssertionError(kind)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _with_axis(problem: Problem, name: str, change: Callable[[Axis], Axis]) -> Problem:
    return replace(problem, axes=tuple(change(axis) if axis.name == name else axis for axis in problem.axes))
