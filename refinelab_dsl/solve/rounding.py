"""From the relaxation's point to whole counts: exact searches in boxes around it, widened until the gap closes.

In a box everything is a whole number: changes against the rounded point, quanta of the objective, units of cost. Each
search is solved to gap 0, and its ties in the same order (cost, churn, generic weights), so its answer is unique.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from math import inf

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.cuts import build_quantum_curves
from refinelab_dsl.solve.form import Form
from refinelab_dsl.solve.model import Contradiction, Model, OutOfTime, build_model
from refinelab_dsl.solve.relaxation import Relaxation, gap_at, order_weights, result_costs
from refinelab_dsl.solve.solver import Session, Status

MANY_COLUMNS = 2_000  # above, searches of all of them take most of the time
SMALL = 50_000  # changes up to which everything is searched at once
COST_UNITS = 1000  # the dearest result in whole units of cost, for ties
NO_STEP = 1 << 40
ISOLATION = 20_000  # largest random weight (isolation lemma; Mulmuley, Vazirani, Vazirani 1987)


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


def round_counts(
    form: Form, relaxation: Relaxation, session: Session, gap: float | None, *, first: bool = False
) -> Rounded | Status:
    """The best whole counts near `relaxation`, or anywhere where that does not close the gap.

    first: those of the first box that holds any, whatever the gap.
    """
    best: Rounded | None = None
    status: Status = "infeasible"
    for box in _boxes(form, relaxation.values):
        with session.improving() if best is not None else nullcontext():
            found = _search(form, box, relaxation, session, gap, first=first)
        if isinstance(found, str):
            status = found
            if found == "stopped":
                break
        elif first or found.objective - found.bound <= gap_at(found.objective, gap):
            return found
        elif best is None or found.objective < best.objective:
            best = found
    return best if best is not None else status


def _boxes(form: Form, values: NDArray[np.float64]) -> Iterator[_Box]:
    """All +- 1; all +- 3 where that is less; everything. Where columns are many, first floor and ceiling of what is
    fractional: with many items rounding costs little, and a search that sees few columns is soon over."""
    upper = np.array([column.upper for column in form.columns], dtype=np.float64)
    near = np.rint(values)
    if len(form.columns) > MANY_COLUMNS:
        yield _Box(np.maximum(np.floor(values), 0.0), np.minimum(np.ceil(values), upper), whole=False)
    for step in (1.0, 3.0, inf):
        if step == 3.0 and upper.sum() <= SMALL:
            continue
        box_low, box_high = np.maximum(near - step, 0.0), np.minimum(near + step, upper)
        yield _Box(box_low, box_high, bool(np.all(box_low == 0.0) and np.all(box_high == upper)))


def _search(
    form: Form, box: _Box, relaxation: Relaxation, session: Session, gap: float | None, *, first: bool
) -> Rounded | Status:
    if session.left <= 0:
        return "stopped"
    base = np.clip(np.rint(relaxation.values), box.low, box.high)
    if not np.any(box.high > box.low):
        return Rounded(base, form.objective(base), relaxation.bound) if form.is_feasible(base) else "infeasible"
    counts = form.counts(base)
    asked = gap_at(relaxation.bound, gap)
    curves, quantum, error = build_quantum_curves(form, counts, _reach(form, box, base), asked)
    try:
        model = build_model(form, curves, base, box.low, box.high, integer=True, deadline=session.deadline)
    except Contradiction:
        return "infeasible"
    except OutOfTime:
        return "stopped"
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
    if not first and objective - bound > gap_at(objective, gap):
        return best  # ties are broken in the box that is answered from
    return _break_ties(form, model, session, best)


def _break_ties(form: Form, model: Model, session: Session, best: Rounded) -> Rounded:
    """Among the points with the least quanta the cheapest, then the one with least churn, then the first.

    Cost and churn are the same for every cell of an operator, so totals of families decide them. Generic weights
    settle the counts of labels; with those fixed, columns are a transport problem, and generic weights pick its
    vertex.
    """
    costs = result_costs(form)
    families = {form.columns[number].family: number for number in model.free if number != form.total}
    units = {family: float(round(COST_UNITS * costs[number])) for family, number in families.items()}
    churn = {family: 1.0 if form.columns[number].stock else 2.0 for family, number in families.items()}
    goals: list[Callable[[], None]] = []
    if any(units.values()):
        goals.append(lambda: model.minimise_totals(units))
    goals += [
        lambda: model.minimise_totals(churn),
        lambda: model.minimise_whole(_draw),
    ]
    model.keep_best(_read(model)[1], session.wants_small_objective)
    for goal in goals:
        goal()
        if _solve_exactly(model, session) != "optimal":
            return best  # a tie less well broken: the point before is as good
        model.hold_goal()
    model.fix_whole()
    values = _pick_columns(model, session)
    if values is None or not form.is_feasible(values):
        return best
    return Rounded(values, form.objective(values), best.bound)


def _pick_columns(model: Model, session: Session) -> NDArray[np.float64] | None:
    """The columns for fixed counts and totals: the vertex of generic weights, else the whole point nearest to it that
    random weights isolate. None where the solver gives up."""
    model.minimise(order_weights(model.form), session.tie_scale)
    if session.solve(model) != "optimal":
        return None
    vertex = model.values()
    if model.has_whole_columns:
        return np.rint(vertex)
    model.make_columns_whole()
    for step in (0, 1, 3, NO_STEP):
        model.keep_near(vertex, step)
        model.minimise({number: float(_draw("column", number)) for number in model.free})
        status = session.solve(model)
        if status == "optimal":
            return np.rint(model.values())
        if status != "infeasible":
            return None
    return None


def _draw(kind: str, number: int) -> int:
    return 1 + int.from_bytes(sha256(f"{kind}:{number}".encode()).digest()[:8], "big") % ISOLATION


def _solve_exactly(model: Model, session: Session) -> Status:
    """Solves and adds chords until every theta is the function's own value."""
    while True:
        status = session.solve(model)
        if status != "optimal":
            return status
        if not model.has_whole_columns:
            model.make_columns_whole()
            continue
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

