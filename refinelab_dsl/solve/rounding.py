"""From the relaxation's point to whole counts: exact searches in boxes around it, widened until the gap closes.

In a box everything is a whole number: changes against the rounded point, objective quanta, costs, churn. Each search
is solved to gap 0 and in the same order (objective, cost, churn, objective again, order), so its answer is unique.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import floor, inf

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.cuts import QuantumCurve, build_quantum_curves
from refinelab_dsl.solve.form import Form
from refinelab_dsl.solve.model import Contradiction, Model, build_model
from refinelab_dsl.solve.relaxation import Relaxation, gap_at, level_above, result_costs
from refinelab_dsl.solve.solver import Session, Status

COST_UNITS = 1000  # the dearest result in whole units of cost, for ties
EXACT_ORDER = 1 << 20  # so many points of a box are told apart by one positional weight
ISOLATION = 1000  # largest random weight where there are more (Mulmuley, Vazirani, Vazirani 1987)


@dataclass(frozen=True)
class Rounded:
    """Whole counts. bound: no integer point is better. `infeasible`: proven that there is no point at all."""

    values: NDArray[np.float64]
    objective: float
    bound: float


@dataclass(frozen=True)
class _Box:
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    whole: bool  # it holds every point of the problem


def round_counts(form: Form, relaxation: Relaxation, session: Session, gap: float | None) -> Rounded | Status:
    """The best whole counts near `relaxation`, or anywhere where that does not close the gap."""
    best: Rounded | None = None
    status: Status = "infeasible"
    near = np.rint(relaxation.values)
    if np.array_equal(near, relaxation.values) and form.is_feasible(near):
        return Rounded(near, form.objective(near), relaxation.bound)
    for box in _boxes(form, relaxation.values):
        found = _search(form, box, relaxation, session, gap)
        if isinstance(found, str):
            status = found
            if found == "stopped":
                break
        elif found.objective - found.bound <= gap_at(found.objective, gap):
            return found
        elif best is None or found.objective < best.objective:
            best = found
    return best if best is not None else status


def _boxes(form: Form, values: NDArray[np.float64]) -> Iterator[_Box]:
    """Floor and ceiling of what is fractional; that +- 1; all +- 1; all +- 3; everything."""
    upper = np.array([column.upper for column in form.columns], dtype=np.float64)
    low, high = np.floor(values), np.ceil(values)
    fractional = high > low
    for wide, rest in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (3.0, 3.0), (inf, inf)):
        step = np.where(fractional, wide, rest)
        box_low, box_high = np.maximum(low - step, 0.0), np.minimum(high + step, upper)
        yield _Box(box_low, box_high, bool(np.all(box_low == 0.0) and np.all(box_high == upper)))


def _search(
    form: Form, box: _Box, relaxation: Relaxation, session: Session, gap: float | None
) -> Rounded | Status:
    base = np.clip(np.floor(relaxation.values), box.low, box.high)
    counts = form.counts(base)
    asked = gap_at(relaxation.bound, gap)
    curves, quantum, error = build_quantum_curves(form, counts, _reach(form, box, base), asked)
    try:
        model = build_model(form, curves, base, box.low, box.high, integer=True)
    except Contradiction:
        return "infeasible"
    if not model.free:
        return Rounded(base, form.objective(base), relaxation.bound) if form.is_feasible(base) else "infeasible"
    model.add_cuts(curve.cut(curve.base + step) for curve in curves for step in (-2, -1, 0, 1))
    unit = quantum / form.scale
    start = form.objective(base)
    model.minimise_divergence()
    status = _solve_exactly(model, session)
    if status != "optimal":
        return status
    values, quanta = _read(model)
    if not form.is_feasible(values):
        return "failed"
    objective, bound = form.objective(values), relaxation.bound
    if box.whole:
        bound = min(objective, max(bound, start + (quanta - error) * unit))
    best = Rounded(values, objective, bound)
    if objective - bound > gap_at(objective, gap):
        return best
    level = level_above(objective, gap) if bound > relaxation.bound else relaxation.held
    return _break_ties(form, model, session, best, max(quanta, floor((level - start) / unit)))


def _break_ties(form: Form, model: Model, session: Session, best: Rounded, hold: int) -> Rounded:
    """The cheapest point with at most `hold` quanta, then the one with least churn, then the best, then the first."""
    costs = result_costs(form)
    units = {number: float(round(COST_UNITS * costs[number])) for number in model.free}
    churn = {number: 1.0 for number in model.free if number != form.total}
    model.hold_divergence(hold + 0.5)
    goals: list[Mapping[int, float] | None] = [units, churn, None, *_orders(model)]
    for goal in goals:
        if goal is None:
            model.minimise_divergence()
        elif any(goal.values()):
            model.minimise(goal)
        else:
            continue
        if _solve_exactly(model, session) != "optimal":
            break  # a tie less well broken: the point before is as good
        values, quanta = _read(model)
        if not form.is_feasible(values):
            break
        best = Rounded(values, form.objective(values), best.bound)
        if goal is None:
            model.hold_divergence(quanta + 0.5)
        else:
            change = values - model.base
            model.hold(goal, sum(weight * change[number] for number, weight in goal.items()) + 0.5)
    return best


def _orders(model: Model) -> list[Mapping[int, float]]:
    """Weights under which no two points tie: positional where that is exact, else random ones, twice."""
    spans = [int(model.pyomo.y[number].ub - model.pyomo.y[number].lb) + 1 for number in model.free]
    points = 1
    for span in spans:
        points *= span
        if points > EXACT_ORDER:
            break
    else:
        weight, weights = 1.0, {}
        for number, span in zip(model.free, spans, strict=True):
            weights[number] = weight
            weight *= span
        return [weights]
    return [{number: _draw(turn, number) for number in model.free} for turn in range(2)]


def _draw(turn: int, number: int) -> float:
    return float(1 + int.from_bytes(sha256(f"{turn}:{number}".encode()).digest()[:8], "big") % ISOLATION)


def _solve_exactly(model: Model, session: Session) -> Status:
    """Solves and adds chords until every theta is the function's own value."""
    while True:
        status = session.solve(model)
        if status != "optimal":
            return status
        values, _ = _read(model)
        counts = np.rint(model.form.counts(values))
        cuts = []
        for number, curve in model.curves.items():
            if model.pyomo.theta[number].value < curve.value(counts[number]) - 0.25:
                cuts += [curve.cut(int(counts[number]) - 1), curve.cut(int(counts[number]))]
        if not model.add_cuts(cuts):
            return "optimal"


def _read(model: Model) -> tuple[NDArray[np.float64], int]:
    """The whole counts of the last solution and their objective in quanta."""
    values = np.rint(model.values())
    return values, round(model.judge(np.rint(model.form.counts(values))))


def _reach(form: Form, box: _Box, base: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The lowest and highest count of each tally inside the box."""
    reach = []
    for tally, count in zip(form.tallies, form.counts(base), strict=True):
        low = high = count
        for number, factor in tally.terms:
            down, up = box.low[number] - base[number], box.high[number] - base[number]
            low += min(factor * down, factor * up)
            high += max(factor * down, factor * up)
        lowest, highest = min(tally.lowest, round(count)), max(tally.highest, round(count))
        reach.append((max(round(low), lowest), min(round(high), highest)))
    return reach


__all__ = ["QuantumCurve", "Rounded", "round_counts"]
