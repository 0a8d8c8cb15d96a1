"""Integer chords: the convex count functions of the objective as cuts, and the same functions in whole quanta.

A chord joins the function at k and k + 1: it is exact at integers, valid everywhere else for the integer problem, and
finite at 0, where a tangent is not (design: outer approximation by integer chords).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.form import Form, Tally, divergence, divergences

LADDER = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)  # distances from the target, as shares of it, to break a stall
QUANTA = 3  # rounding to quanta costs less than gap / QUANTA, all labels together


@dataclass(frozen=True, slots=True)
class Cut:
    """theta[tally] >= slope x (count - base count) + offset; `at` is the chord's lower integer."""

    tally: int
    at: int
    slope: float
    offset: float


@dataclass(frozen=True)
class Curve:
    """The weighted function of one tally, as cuts see it; `base` is the count where the model's own zero lies."""

    number: int
    tally: Tally
    base: int

    def value(self, count: float) -> float:
        """Between integers by the chord."""
        low = floor(count)
        value = self._at(low)
        return value if count == low else value + (count - low) * (self._at(low + 1) - value)

    def cut(self, at: int) -> Cut:
        at = self.clip(at)
        value = self._at(at)
        slope = self._at(at + 1) - value
        return Cut(self.number, at, slope, value + slope * (self.base - at))

    def clip(self, at: int) -> int:
        """The lower end of the chord nearest to `at` that lies in the tally's range."""
        return max(self.tally.lowest, min(at, max(self.tally.lowest, self.tally.highest - 1)))

    def _at(self, count: int) -> float:
        assert self.tally.wanted is not None
        return self.tally.weight * divergence(count, self.tally.wanted)


@dataclass(frozen=True)
class QuantumCurve(Curve):
    """The same in whole multiples of a quantum: slopes rounded to integers, so still convex, and integer at integers.

    With it every value of the objective is a whole number, two solvers' tolerances cannot tell equal values apart,
    and the best value and all ties are exact. table[i] is the value at `first` + i, 0 at `base`.
    """

    first: int
    table: NDArray[np.int64]

    def _at(self, count: int) -> float:
        return float(self.table[count - self.first])

    def clip(self, at: int) -> int:
        return max(self.first, min(at, self.first + len(self.table) - 2))


def build_curves(form: Form, base: NDArray[np.float64]) -> tuple[Curve, ...]:
    """One per tally that the objective judges; `base`: the tallies' counts at the model's zero."""
    return tuple(
        Curve(number, tally, round(base[number]))
        for number, tally in enumerate(form.tallies)
        if tally.wanted is not None and tally.weight > 0
    )


def build_quantum_curves(
    form: Form, base: NDArray[np.float64], reach: Sequence[tuple[int, int]], gap: float
) -> tuple[tuple[QuantumCurve, ...], float, float]:
    """Curves in quanta over `reach` (lowest and highest count per tally), the quantum and the total error.

    The quantum is in the scaled objective's unit, the largest of a halving row at which all errors together are below
    gap / QUANTA: the larger it is, the smaller are the numbers that solvers work with. The error is in quanta.
    """
    judged = [number for number, tally in enumerate(form.tallies) if tally.wanted is not None and tally.weight > 0]
    allowed = gap * form.scale / QUANTA
    quantum = max(allowed, 1e-9)
    if not judged:
        return (), quantum, 0.0
    # All tables in one array, one after another: with thousands of labels each is a few numbers long.
    exact = [_values(form.tallies[number], *reach[number]) for number in judged]
    ends = np.cumsum([len(values) for values in exact])
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    zeros = starts + [round(base[number]) - reach[number][0] for number in judged]
    lengths = ends - starts
    values = np.concatenate(exact)
    true = values - np.repeat(values[zeros], lengths)
    steps = np.diff(values, prepend=0.0)
    steps[starts] = 0.0
    while True:
        tables = np.cumsum(np.rint(steps / quantum).astype(np.int64))
        tables -= np.repeat(tables[zeros], lengths)
        error = float(sum(np.maximum.reduceat(np.abs(tables - true / quantum), starts).tolist()))
        if error * quantum <= allowed or quantum <= 1e-9:
            break
        quantum /= 2.0
    curves = tuple(
        QuantumCurve(number, form.tallies[number], round(base[number]), reach[number][0], tables[start:end])
        for number, start, end in zip(judged, starts.tolist(), ends.tolist(), strict=True)
    )
    return curves, quantum, error


def _values(tally: Tally, low: int, high: int) -> NDArray[np.float64]:
    """The weighted function at low .. high, at least two points so that there is a chord."""
    assert tally.wanted is not None
    high = max(high, low + 1)
    return tally.weight * divergences(np.arange(low, high + 1, dtype=np.float64), tally.wanted)


def first_cuts(curves: Iterable[Curve]) -> list[Cut]:
    """Chords at the ends of the range, at the base and around the target."""
    cuts = []
    for curve in curves:
        wanted = floor(curve.tally.wanted or 0.0)
        ends = (curve.tally.lowest, curve.tally.highest - 1)
        places = (*ends, curve.base - 1, curve.base, wanted - 1, wanted, wanted + 1)
        cuts += [curve.cut(place) for place in sorted({curve.clip(place) for place in places})]
    return cuts


def ladder(curves: Iterable[Curve]) -> list[Cut]:
    """Chords at t M (1 +- step) for all steps: where many labels lie near their target, vertices jump without them."""
    cuts = []
    for curve in curves:
        wanted = curve.tally.wanted or 0.0
        places = {curve.clip(floor(wanted * (1 + sign * step))) for step in LADDER for sign in (-1, 1)}
        cuts += [curve.cut(place) for place in sorted(places)]
    return cuts
