"""What becomes of an allocation when its attempts succeed by chance: accepted counts, removals, the mix, the tokens.

No call is made. Each action has as many attempts as a plan lists for its confidence; one after the other succeeds with
the stated rate until the count is reached, the attempts are used up, or the budget is spent. How many items leave is
settled last, by the function that a run uses (`execute/removals.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import metrics
from refinelab_dsl.artifacts.plan import Action as PlannedAction
from refinelab_dsl.artifacts.plan import Header, Removal, Share
from refinelab_dsl.declarations import Dimension
from refinelab_dsl.estimate.chance import Want, size_attempts
from refinelab_dsl.estimate.estimates import Rate
from refinelab_dsl.execute.removals import settle_removals
from refinelab_dsl.solve.problem import Allotment, Assignment, Axis, Problem

Mix = dict[str, list[int]]


@dataclass(frozen=True)
class Outcome:
    """jsd: per axis with a target. objective: their weighted sum. distinct: items that are no copy of another."""

    objective: float
    jsd: Mapping[str, float]
    tokens: float
    distinct: int
    size: int


@dataclass(frozen=True)
class Listed:
    """The actions of an allocation with their attempts, and its removals."""

    actions: tuple[tuple[Allotment, int], ...]
    removals: tuple[Allotment, ...]


def list_attempts(problem: Problem, assignment: Assignment, rates: Mapping[str, Rate], confidence: float) -> Listed:
    """As many attempts per action as reach all counts with `confidence`, as far as its items allow."""
    actions, removals = [], []
    for allotment in assignment.allotments:
        (removals if problem.operators[allotment.operator].kind == "remove" else actions).append(allotment)
    wants = [
        Want(problem.operators[each.operator].operator, each.count, _pool(problem, each)) for each in actions
    ]
    attempts = size_attempts(wants, rates, confidence).attempts
    return Listed(tuple(zip(actions, attempts, strict=True)), tuple(removals))


def simulate(
    problem: Problem, listed: Listed, rates: Mapping[str, Rate], budget: float, seed: int, *, drawn: bool = False
) -> Outcome:
    """One run. budget: tokens that may be spent, the reserve included. drawn: operators succeed at rates drawn from
    what is believed of them, and not exactly at the stated ones."""
    generator = np.random.default_rng(seed)
    chances = {
        name: float(generator.beta(rate.alpha, rate.beta)) if drawn and rate.beta else rate.mean
        for name, rate in sorted(rates.items())
    }
    mix = _mix_now(problem)
    size = sum(cell.count for cell in problem.cells)
    spent, copies = 0.0, 0
    planned, missed = _mix_now(problem), {}
    for number, (allotment, attempts) in enumerate(listed.actions):
        action = problem.operators[allotment.operator]
        affordable = int((budget - spent) / action.tokens) if action.tokens else attempts
        tries = generator.random(min(attempts, max(affordable, 0))) < chances[action.operator]
        accepted, used = _count(tries, allotment.count)
        spent += used * action.tokens
        if action.kind == "move":  # what failed stays where it was: the set keeps its size
            _move(problem, planned, allotment, accepted)
            _move(problem, mix, allotment, accepted)
            continue
        _add(problem, planned, allotment.bin, allotment.count)
        _add(problem, mix, allotment.bin, accepted)
        size += accepted
        copies += accepted if action.kind == "expand" else 0
        missed[number] = allotment.count - accepted
    for allotment, count in _settle(problem, listed, planned, missed).items():
        _add(problem, mix, _bin_of(problem, allotment), -count)
        size -= count
    return measure(problem.axes, mix, spent, size - copies, size)


def measure(axes: tuple[Axis, ...], mix: Mix, tokens: float, distinct: int, size: int) -> Outcome:
    """The divergences of a mix, in base 2."""
    jsd = {
        axis.name: metrics.jsd_of_counts(mix[axis.name], axis.target) for axis in axes if axis.target is not None
    }
    objective = sum(axis.weight * jsd[axis.name] for axis in axes if axis.target is not None)
    return Outcome(objective, jsd, tokens, distinct, size)


def plan_outcome(problem: Problem, assignment: Assignment) -> Outcome:
    """What the plan itself says, measured from its counts."""
    size = sum(cell.count for cell in problem.cells)
    copies = 0
    for allotment in assignment.allotments:
        kind = problem.operators[allotment.operator].kind
        size += {"remove": -1, "expand": 1, "generate": 1}.get(kind, 0) * allotment.count
        copies += allotment.count if kind == "expand" else 0
    mix = {name: list(counts) for name, counts in assignment.planned.items()}
    return measure(problem.axes, mix, assignment.tokens, size - copies, size)


def _pool(problem: Problem, allotment: Allotment) -> int | None:
    """How many attempts the items of an action allow; anchors of all topics serve a new item."""
    action = problem.operators[allotment.operator]
    if action.attempts_per_item is None:
        return None
    if allotment.cell is not None:
        return action.attempts_per_item * problem.cells[allotment.cell].count
    anchors = sum(
        cell.count for cell in problem.cells
        if allotment.operator in cell.eligible and allotment.bin in (action.targets or {}).get(cell.bin, ())
    )
    return action.attempts_per_item * anchors


def _count(tries: NDArray[np.bool_], wanted: int) -> tuple[int, int]:
    """Accepted results and attempts used: the attempts end with the last result that is wanted."""
    reached = np.flatnonzero(tries)
    if len(reached) >= wanted:
        return wanted, int(reached[wanted - 1]) + 1 if wanted else 0
    return len(reached), len(tries)


def _settle(problem: Problem, listed: Listed, planned: Mix, missed: Mapping[int, int]) -> dict[Allotment, int]:
    """How many items of each removal leave."""
    for allotment in listed.removals:
        _add(problem, planned, _bin_of(problem, allotment), -allotment.count)
    goal = sum(cell.count for cell in problem.cells) - sum(each.count for each in listed.removals)
    goal += sum(
        each.count for each, _ in listed.actions if problem.operators[each.operator].kind in ("expand", "generate")
    )
    header = Header.model_construct(
        removals=tuple(
            Removal.model_construct(
                id=number, operator="", from_=_labels(problem, _bin_of(problem, each)), planned=each.count
            )
            for number, each in enumerate(listed.removals)
        ),
        actions=tuple(
            PlannedAction.model_construct(
                id=number, kind=problem.operators[listed.actions[number][0].operator].kind, from_={},
                to=_labels(problem, listed.actions[number][0].bin),
            )
            for number in missed
        ),
        size_planned=goal,
        measures=(),
        mix={
            axis.name: {
                label: Share.model_construct(
                    target=None if axis.target is None else axis.target[at], count_planned=planned[axis.name][at]
                )
                for at, label in enumerate(axis.labels)
            }
            for axis in problem.axes
        },
        dimensions=tuple(Dimension.model_construct(name=axis.name, weight=axis.weight) for axis in problem.axes),
    )
    settled = settle_removals(header, missed)
    return {each: settled.counts[number] for number, each in enumerate(listed.removals)}


def _bin_of(problem: Problem, allotment: Allotment) -> tuple[int, ...]:
    assert allotment.cell is not None
    return problem.cells[allotment.cell].bin


def _labels(problem: Problem, bin: tuple[int, ...] | None) -> dict[str, str]:
    named = zip(problem.axes, bin or (), strict=False)
    return {axis.name: axis.labels[index] for axis, index in named if index >= 0}


def _mix_now(problem: Problem) -> Mix:
    mix = {axis.name: [0] * len(axis.labels) for axis in problem.axes}
    for cell in problem.cells:
        _add(problem, mix, cell.bin, cell.count)
    return mix


def _move(problem: Problem, mix: Mix, allotment: Allotment, count: int) -> None:
    _add(problem, mix, _bin_of(problem, allotment), -count)
    _add(problem, mix, allotment.bin, count)


def _add(problem: Problem, mix: Mix, bin: tuple[int, ...] | None, count: int) -> None:
    for axis, label in zip(problem.axes, bin or (), strict=False):
        if label >= 0:
            mix[axis.name][label] += count
