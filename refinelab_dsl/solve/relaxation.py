"""The continuous relaxation: the best value there is, then the cheapest point at that value.

Both are facts of the problem, not of the path to them: the value is found to the last chord, and the point is the
unique least one under cost, then churn, then generic weights in declaration order. So every solver ends there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log, log1p

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.cuts import build_curves, first_cuts, ladder
from refinelab_dsl.solve.form import Form
from refinelab_dsl.solve.model import Contradiction, Model, OutOfTime, build_model
from refinelab_dsl.solve.solver import Session, Status

LEAST_GAP = 1e-7  # what floating point arithmetic proves
SNAP = 1e-2  # nearer to an integer than this is that integer: vertices lie there, up to tolerance / curvature
EXACT = 1e-11  # relative: values this near are the same
STALL = 12  # rounds after which the ladder comes in
ROUNDS = 200
NEAR = (-34, -13, -5, -2, -1, 0, 1, 4, 12, 33)  # chords around a count that is expected
GOLDEN = 0.6180339887498949

COST, CHURN, ORDER = 1.0, 1e-2, 1e-4  # weights of the ties: of the dearest result, of one change, of a generic number


@dataclass(frozen=True)
class Relaxation:
    """values: the cheapest point. bound: the best objective of any point. held: the objective it was held at."""

    values: NDArray[np.float64]
    bound: float
    held: float
    rounds: int
    variables: int
    rows: int


def gap_at(objective: float, wanted: float | None) -> float:
    """The absolute gap: as asked, else max(1e-6, 1e-4 of the objective)."""
    return max(LEAST_GAP, wanted) if wanted is not None else max(1e-6, 1e-4 * objective)


def level_above(objective: float, wanted: float | None) -> float:
    """The next of a fixed row of levels, at most half a gap above `objective`.

    Ties are broken among all points below a level, not below the exact optimum: two solvers that differ in the last
    digits hold the same level, and a larger budget never holds a higher one. Levels lie off round numbers (golden
    ratio), where objectives like to be.
    """
    if wanted is not None or objective < 1e-2:
        step = gap_at(0.0, wanted) / 2
        return step * (ceil(objective / step - GOLDEN) + GOLDEN)
    return 1e-2 * float(np.exp(log1p(5e-5) * (ceil(log(objective / 1e-2) / log1p(5e-5) - GOLDEN) + GOLDEN)))


def relax(form: Form, session: Session, gap: float | None) -> Relaxation | Status:
    """Solves the relaxation of `form`.

    Returns the status where there is no answer: `infeasible` is proven.
    """
    found = _minimise(form, session)
    if isinstance(found, str):
        return found
    model, bound = found
    if not model.free:
        return Relaxation(model.base, bound, bound, 0, model.variables, model.rows)
    held = level_above(bound, gap)
    rounds = session.rounds
    model.hold_divergence(held * form.scale)
    model.minimise(tie_weights(form), session.tie_scale)
    best = model.values()
    with session.within(0.5):  # a tie less well broken is better than no time to round
        status = _approximate(model, session, held * form.scale)
    values = model.values() if status == "optimal" else best
    return Relaxation(_snap(values), bound, held, rounds, model.variables, model.rows)


def find_bound(form: Form, session: Session, near: NDArray[np.float64] | None = None) -> float | Status:
    """The least objective of any point of the relaxation, without looking for the cheapest one.

    near: counts per tally near which the best point is expected: a guess that is right saves rounds.
    """
    found = _minimise(form, session, near)
    return found if isinstance(found, str) else found[1]


def find_cheapest(form: Form, session: Session, level: float = inf) -> NDArray[np.float64] | Status:
    """The cheapest point of the relaxation with an objective of at most `level`, by `result_costs`; one value per
    column. Its cost is the same whichever solver; the point need not be."""
    model = _build(form, session)
    if isinstance(model, str):
        return model
    if not model.free:
        return model.base if form.objective(model.base) <= level * (1 + EXACT) + EXACT else "infeasible"
    costs = result_costs(form)
    if level < inf:
        model.hold_divergence(level * form.scale)
    model.minimise({number: float(costs[number]) for number in model.free}, session.tie_scale)
    status = _approximate(model, session, level * form.scale)
    return model.values() if status == "optimal" else status


def _build(form: Form, session: Session) -> Model | Status:
    """The continuous model with its first chords; `infeasible` where a row alone cannot hold."""
    zero = np.zeros(len(form.columns))
    upper = np.array([column.upper for column in form.columns], dtype=np.float64)
    base = np.array([tally.constant for tally in form.tallies], dtype=np.float64)
    curves = build_curves(form, base)
    try:
        model = build_model(form, curves, zero, zero, upper, integer=False, deadline=session.deadline)
    except Contradiction:
        return "infeasible"
    except OutOfTime:
        return "stopped"
    if model.free:
        model.add_cuts(first_cuts(curves))
    return model


def _minimise(
    form: Form, session: Session, near: NDArray[np.float64] | None = None
) -> tuple[Model, float] | Status:
    """The model at its least divergence, and that."""
    model = _build(form, session)
    if isinstance(model, str):
        return model
    if not model.free:
        return model, form.objective(model.base)
    if near is not None:
        model.add_cuts(
            curve.cut(round(near[number]) + step) for number, curve in model.curves.items() for step in NEAR
        )
    model.minimise_divergence()
    status = _approximate(model, session)
    if status != "optimal":
        return status
    return model, max(0.0, model.judge(form.counts(model.values())) / form.scale) if model.curves else 0.0


def result_costs(form: Form) -> NDArray[np.float64]:
    """Cost of one accepted result per column, 1 for the dearest: dollars where every paid one has a price."""
    tokens = np.array([column.tokens for column in form.columns])
    usd = np.array([column.usd for column in form.columns])
    cost = usd if usd.any() and bool(np.all((usd > 0) | (tokens == 0))) else tokens
    return cost / cost.max() if cost.size and cost.max() > 0 else np.zeros(len(form.columns))


def tie_weights(form: Form) -> dict[int, float]:
    """Cost, then churn, then declaration order, as one weight per column. What earlier runs brought changes less of
    what the user has than a new result does."""
    costs = result_costs(form)
    return {
        number: COST * float(costs[number]) + CHURN * (0.5 if form.columns[number].stock else 1.0) + ORDER * weight
        for number, weight in order_weights(form).items()
    }


def order_weights(form: Form) -> dict[int, float]:
    """Weights in [0, 2) that grow with the place of the column and are generic: square roots are independent over the
    rationals, so no exchange of items between columns has the weight 0."""
    count = max(1, len(form.columns))
    return {
        number: number / count + float(np.sqrt(number + 2.0)) % 1.0
        for number in range(len(form.columns))
        if number != form.total
    }


def _approximate(model: Model, session: Session, limit: float | None = None) -> Status:
    """Solves and adds chords until the solution's own value is the one that its thetas have, up to rounding.

    limit: where the objective is held at a value instead of minimised, points within it need no further chord.
    """
    for turn in range(ROUNDS):
        status = session.solve(model)
        if status != "optimal":
            return status
        counts = model.form.counts(model.values())
        reached = model.divergence if limit is None else limit
        if model.judge(counts) <= reached + EXACT * (1.0 + abs(reached)):
            return "optimal"
        cuts = model.missing_cuts(counts)
        if turn >= STALL and turn % STALL == 0:
            cuts += ladder(model.curves.values())
        if not model.add_cuts(cuts):
            return "optimal"
    return "optimal"  # valid all the same: chords only ever bound from below


def _snap(values: NDArray[np.float64]) -> NDArray[np.float64]:
    near = np.rint(values)
    return np.where(np.abs(values - near) <= SNAP, near, values)
