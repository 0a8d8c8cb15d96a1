"""What there is to say of a problem before it is solved: too large, or little that can come of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from refinelab_dsl.declarations import Operator
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import solving as faults
from refinelab_dsl.ir import Program
from refinelab_dsl.solve.problem import Axis, Problem
from refinelab_dsl.source import Span

# Combinations with a target: as many as a plan is found for within half a minute of one processor
# (`benchmarks/scale.md`). Its proof may take whatever time there is.
MOST_JOINED = 5_000
MOST_TARGETS = 50_000  # combinations that one operator may make


def refuse_size(program: Program, axes: Sequence[Axis]) -> Iterator[Diagnostic]:
    """What makes a problem too large: more combinations of labels than are decided in bounded time. (How many labels a
    dimension may have is the profile's business.)"""
    for axis in axes:
        if axis.parts and len(axis.labels) > MOST_JOINED:
            way = "set targets for the dimensions one by one, or measure something coarser"
            span = program.origins.get("constraints.joint")
            yield faults.too_many_combinations("the joint target", len(axis.labels), MOST_JOINED, way, span)
    labels = {axis.name: axis.labels for axis in axes}
    for operator in program.operators:
        made = _count_targets(operator, labels)
        if made > MOST_TARGETS:
            way = "name the labels that it shall make, as in `to(hard)`, or leave a dimension out of `moves`"
            span = program.origins.get(f"operator.{operator.name}.moves")
            yield faults.too_many_combinations(f"operator `{operator.name}`", made, MOST_TARGETS, way, span)


def warn_of_problem(program: Program, problem: Problem) -> Iterator[Diagnostic]:
    """What a plan will not reach, and why: at the lines that say so."""
    yield from _warn_of_unreachable(program, problem)
    yield from _warn_of_protection(program, problem)


def _count_targets(operator: Operator, labels: dict[str, tuple[str, ...]]) -> int:
    """Combinations of labels that the operator leads to, whatever it starts from."""
    return prod(
        len(labels[name]) if move.kind == "any" else len(move.labels) if move.kind == "to" else 1
        for name, move in operator.moves.items()
        if name in labels
    )


def _warn_of_unreachable(program: Program, problem: Problem) -> Iterator[Diagnostic]:
    """Labels that the target wants, that no item has and that no operator can fill."""
    led = {id(bins): bins for action in problem.operators for bins in (action.targets or {}).values()}  # many share one
    for place, axis in enumerate(problem.axes):
        if axis.target is None:
            continue
        there = {cell.bin[place] for cell in problem.cells if cell.count}
        for bins in led.values():
            there.update(bin[place] for bin in bins)
        missing = [label for index, label in enumerate(axis.labels) if axis.target[index] > 0 and index not in there]
        if missing:
            span = program.origins.get(f"dimension.{axis.name}.target") or program.origins.get(f"dimension.{axis.name}")
            yield faults.unreachable_labels(axis.name, missing, span)


def _warn_of_protection(program: Program, problem: Problem) -> Iterator[Diagnostic]:
    """Everything is protected: nothing may leave or be changed."""
    size = sum(cell.count for cell in problem.cells)
    if size and all(cell.protected for cell in problem.cells if cell.count):
        span: Span | None = program.origins.get("constraints.protect")
        yield faults.everything_protected(size, span)
