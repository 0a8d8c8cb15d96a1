"""Steps towards a better distribution, one after another, each within every limit: what `greedy` and `uniform` walk on.

A step is one or several accepted results of a column that leaves the size as it is, or as many of a column that adds
as of one that removes. Gains are of blocks of `units` results at the current counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import floor, inf

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.form import Form, Row
from refinelab_dsl.solve.relaxation import result_costs

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

SLACK = 1e-9  # what sums of costs may be off
LEAST_GAIN = 1e-12  # scaled objective: less is arithmetic
PENALTY = 1e6  # of an item that a floor or a tolerance misses, against the objective of an item
PATTERNS = 32  # sets of labels that a removal and an addition may share, looked at apart


@dataclass(frozen=True, slots=True)
class Step:
    """`units` accepted results of each of `columns`. gain: decrease of the scaled objective."""

    columns: tuple[int, ...]
    units: int
    gain: float


class Walk:
    """The counts that a strategy has come to, and what they leave room for. Mutable: `take` goes on."""

    def __init__(self, form: Form, caps: tuple[Floats, Floats] | None = None) -> None:
        """caps: least and most items per tally, kept beside the rows of `form`."""
        assert form.total is None, "a strategy that takes steps has a fixed size"
        self.form = form
        self.values = np.zeros(len(form.columns))
        self.upper = np.array([column.upper for column in form.columns], dtype=np.float64)
        self.costs = result_costs(form)
        self.least, self.most = self._limit_tallies()
        if caps is not None:
            self.least, self.most = np.maximum(self.least, caps[0]), np.minimum(self.most, caps[1])
        rows = [row for row in form.rows if not self._is_of_tally(row) and row.user != "size"]
        self.low = np.array([-inf if row.lower is None else row.lower for row in rows])
        self.high = np.array([inf if row.upper is None else row.upper for row in rows])
        self.activity = np.zeros(len(rows))
        self.rows, self.factors = _pad(len(form.columns), [row.terms for row in rows])
        self.size_effect = np.zeros(len(form.columns))
        self.missing = 0.0  # items to be added (or removed, where negative) until the size is right
        for row in form.rows:
            if row.user == "size" and row.lower is not None:
                self.missing = row.lower
                for column, factor in row.terms:
                    self.size_effect[column] = factor
        self.tallies, self.signs = _pad(len(form.columns), [tally.terms for tally in form.tallies])
        self.counts = np.array([tally.constant for tally in form.tallies], dtype=np.float64)
        self.wanted = np.array([tally.wanted or 0.0 for tally in form.tallies])
        self.weights = np.array([0.0 if tally.wanted is None else tally.weight for tally in form.tallies])
        self._pairs = _Pairs(self)

    def _is_of_tally(self, row: Row) -> bool:
        return row.terms in self._tally_of

    def _limit_tallies(self) -> tuple[Floats, Floats]:
        """The rows that limit the items of one label, as counts."""
        self._tally_of = {tally.terms: number for number, tally in enumerate(self.form.tallies) if tally.terms}
        least, most = np.full(len(self.form.tallies), -inf), np.full(len(self.form.tallies), inf)
        for row in self.form.rows:
            number = self._tally_of.get(row.terms)
            if number is None:
                continue
            constant = self.form.tallies[number].constant
            if row.lower is not None:
                least[number] = max(least[number], constant + row.lower)
            if row.upper is not None:
                most[number] = min(most[number], constant + row.upper)
        return least, most

    def give_back(self, columns: Sequence[int], units: int) -> None:
        """Undoes what `take` did, unless a label would leave its limits."""
        self.take(columns, -units)
        if self.misses:
            self.take(columns, units)

    def stand_at(self, values: Floats) -> None:
        """Goes on from `values`, one whole count per column."""
        for column in np.flatnonzero(values - self.values):
            self.take((int(column),), round(values[column] - self.values[column]))

    @property
    def misses(self) -> bool:
        """Whether a label is outside of its limits."""
        return bool(np.any(self.counts < self.least - SLACK) or np.any(self.counts > self.most + SLACK))

    @property
    def holds(self) -> bool:
        """Whether every limit holds here."""
        return abs(self.missing) < SLACK and not self.misses and self.form.is_feasible(self.values)

    def judge(self, counts: Floats) -> Floats:
        """The scaled objective's part of each tally at `counts`, which may have further leading axes."""
        parts: Floats = self.weights * _divergences(counts, self.wanted)
        return parts

    def room(self) -> Floats:
        """How many more results of each column alone the rows allow, but for the size and the labels' limits."""
        if not len(self.activity):
            return self.upper - self.values
        up = (self.high[self.rows] - self.activity[self.rows]) / np.where(self.factors > 0, self.factors, 1.0)
        down = (self.low[self.rows] - self.activity[self.rows]) / np.where(self.factors < 0, self.factors, -1.0)
        rooms = np.where(self.factors > 0, up, np.where(self.factors < 0, down, inf))
        least: Floats = np.minimum(self.upper - self.values, rooms.min(axis=1, initial=inf))
        return least

    def most_units(self, columns: Sequence[int], *, repairing: bool = False) -> int:
        """How many results of each of `columns` together keep every limit but the size; while repairing, but for
        those of labels too."""
        chosen = list(columns)
        most = float(min(self.upper[column] - self.values[column] for column in chosen))
        kept = [(self.rows, self.factors, self.activity, self.low, self.high)]
        if not repairing:
            kept.append((self.tallies, self.signs, self.counts, self.least, self.most))
        for places, factors, now, low, high in kept:
            effect: dict[int, float] = {}
            for column in chosen:
                for place, factor in zip(places[column], factors[column], strict=True):
                    if factor:
                        effect[int(place)] = effect.get(int(place), 0.0) + float(factor)
            for place, factor in effect.items():
                if factor > 0:
                    most = min(most, (high[place] - now[place]) / factor)
                elif factor < 0:
                    most = min(most, (low[place] - now[place]) / factor)
        return max(0, floor(most + SLACK))

    def take(self, columns: Sequence[int], units: int) -> None:
        """Goes `units` results of each column further."""
        for column in columns:
            self.values[column] += units
            np.add.at(self.activity, self.rows[column], self.factors[column] * units)
            np.add.at(self.counts, self.tallies[column], self.signs[column] * units)
            self.missing -= self.size_effect[column] * units

    def find_step(self, units: int, rates: Rates | None = None, *, repairing: bool = False) -> Step | None:
        """The step with the highest gain per cost among those that keep every limit; of those without cost that gain,
        the one that gains most. None where none gains.

        rates: gains of the start, to be used instead of those at the current counts. repairing: labels outside of
        their limits are judged instead of kept.
        """
        rates = rates or Rates.of(self, units, repairing=repairing)
        return self._pairs.find(units, rates, repairing)

    def find_single(self, units: int, rates: Rates, *, cheapest: bool) -> Step | None:
        """The addition or removal that brings the size nearer: the highest gain per cost or, where none gains, the
        least loss. cheapest: the lowest cost first."""
        sign = 1.0 if self.missing > 0 else -1.0
        fits = (self.size_effect == sign) & (self.room() >= units - SLACK)
        gains = -rates.changes
        if cheapest:
            score = np.lexsort((-gains, self.costs))
            order: Iterator[int] = (int(column) for column in score if fits[column])
        else:
            worth = np.where(gains > 0, gains / np.maximum(self.costs, SLACK), gains)
            order = (int(column) for column in np.lexsort((self.costs, -worth)) if fits[column])
        for column in order:
            return Step((column,), units, float(gains[column]))
        return None


@dataclass(frozen=True)
class Rates:
    """Changes of the scaled objective by a block of each column, and what a pair that shares a label saves."""

    changes: Floats  # per column
    shared: Floats  # per tally: change up and down again, counted in both columns of a pair and not happening

    @classmethod
    def of(cls, walk: Walk, units: int, *, repairing: bool = False) -> Rates:
        counts = np.stack([walk.counts - units, walk.counts, walk.counts + units])
        values = walk.judge(np.maximum(counts, 0.0))
        if repairing:
            values = values + PENALTY * (np.maximum(walk.least - counts, 0.0) + np.maximum(counts - walk.most, 0.0))
        down, up = values[0] - values[1], values[2] - values[1]
        own = np.where(walk.signs > 0, up[walk.tallies], np.where(walk.signs < 0, down[walk.tallies], 0.0))
        return cls(own.sum(axis=1), up + down)


class _Pairs:
    """Finds the best pair of a removal and an addition without looking at all of them.

    The gain of a pair is the sum of both gains, but for labels that they share: what comes there goes there. So for
    an addition the best removal is the best of all, or the best of those with one of its labels, or with several.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.neutral = np.flatnonzero(walk.size_effect == 0)
        self.added = np.flatnonzero(walk.size_effect > 0)
        self.removed = np.flatnonzero(walk.size_effect < 0)
        axes = sorted({tally.axis for tally in walk.form.tallies})
        slot_of = np.array([axes.index(tally.axis) for tally in walk.form.tallies], dtype=np.int64)
        self.labels_added = _lay_out(walk, self.added, 1.0, slot_of, len(axes))
        self.labels_removed = _lay_out(walk, self.removed, -1.0, slot_of, len(axes))
        self.patterns = []
        for pattern in _subsets(len(axes)):
            both = np.concatenate([self.labels_removed[:, pattern], self.labels_added[:, pattern]])
            if len(pattern):
                _, classes = np.unique(both, axis=0, return_inverse=True)
                classes = classes.reshape(-1)
            else:
                classes = np.zeros(len(both), dtype=np.int64)
            number = int(classes.max(initial=0)) + 1
            self.patterns.append((set(pattern), number, classes[: len(self.removed)], classes[len(self.removed) :]))

    def find(self, units: int, rates: Rates, repairing: bool) -> Step | None:
        walk = self.walk
        free = walk.room() >= units - SLACK
        if repairing:
            full = bare = np.zeros(len(walk.counts), dtype=bool)
        else:
            full = walk.most - walk.counts < units - SLACK
            bare = walk.counts - walk.least < units - SLACK
        parts = [*self._alone(rates, free, full, bare), *self._together(rates, free, full, bare)]
        if not parts:
            return None
        first, second, gains = (np.concatenate(part) for part in zip(*parts, strict=True))
        costs = walk.costs[first] + np.where(second >= 0, walk.costs[second], 0.0)
        worth = np.where(costs > 0, gains / np.where(costs > 0, costs, 1.0), gains)
        open_ = gains > LEAST_GAIN
        for choice in (open_ & (costs <= 0), open_ & (costs > 0)):
            left = np.where(choice, worth, -inf)
            while len(left) and left[place := int(np.argmax(left))] > -inf:
                columns = (int(first[place]), *((int(second[place]),) if second[place] >= 0 else ()))
                if walk.most_units(columns, repairing=repairing) >= units:
                    return Step(columns, units, float(gains[place]))
                left[place] = -inf
        return None

    def _alone(
        self, rates: Rates, free: NDArray[np.bool_], full: NDArray[np.bool_], bare: NDArray[np.bool_]
    ) -> Iterator[tuple[Indices, Indices, Floats]]:
        walk, own = self.walk, self.neutral
        if not len(own):
            return
        signs, tallies = walk.signs[own], walk.tallies[own]
        blocked = ((signs > 0) & full[tallies]) | ((signs < 0) & bare[tallies])
        fits = own[free[own] & ~blocked.any(axis=1)]
        yield fits, np.full(len(fits), -1), -rates.changes[fits]

    def _together(
        self, rates: Rates, free: NDArray[np.bool_], full: NDArray[np.bool_], bare: NDArray[np.bool_]
    ) -> Iterator[tuple[Indices, Indices, Floats]]:
        if not len(self.added) or not len(self.removed):
            return
        blocked_up = _marked(self.labels_added, full)
        blocked_down = _marked(self.labels_removed, bare)
        changes_up, changes_down = rates.changes[self.added], rates.changes[self.removed]
        falling = np.argsort(-changes_down, kind="stable")
        for pattern, number, classes_down, classes_up in self.patterns:
            others = [slot for slot in range(self.labels_added.shape[1]) if slot not in pattern]
            fits_down = free[self.removed] & ~blocked_down[:, others].any(axis=1)
            fits_up = free[self.added] & ~blocked_up[:, others].any(axis=1)
            best = np.full(number, -1)
            usable = falling[fits_down[falling]]
            best[classes_down[usable]] = usable  # the last written is the best
            partner = best[classes_up]
            places = np.flatnonzero(fits_up & (partner >= 0))
            if not len(places):
                continue
            chosen = partner[places]
            labels = self.labels_added[places]
            same = (labels == self.labels_removed[chosen]) & (labels >= 0)
            saved = np.where(same, rates.shared[labels], 0.0).sum(axis=1)
            yield self.added[places], self.removed[chosen], saved - changes_up[places] - changes_down[chosen]


def _lay_out(walk: Walk, columns: Indices, sign: float, slot_of: Indices, slots: int) -> Indices:
    """Per column and axis the tally that it changes by `sign`, -1 where none."""
    labels = np.full((len(columns), slots), -1, dtype=np.int64)
    for place, column in enumerate(columns):
        for tally, factor in zip(walk.tallies[column], walk.signs[column], strict=True):
            if factor * sign > 0:
                labels[place, slot_of[tally]] = tally
    return labels


def _marked(labels: Indices, marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.where(labels >= 0, marks[labels], False) if len(marks) else np.zeros(labels.shape, dtype=bool)


def _subsets(axes: int) -> list[list[int]]:
    """All sets of axes, or the small ones and the whole where there are many."""
    subsets = [list(each) for size in range(axes + 1) for each in combinations(range(axes), size)]
    return subsets if len(subsets) <= PATTERNS else [*subsets[: PATTERNS - 1], subsets[-1]]


def _pad(columns: int, terms: Sequence[Sequence[tuple[int, float]]]) -> tuple[Indices, Floats]:
    """Per column the places where it occurs in `terms`, and its factors there; padded with factor 0."""
    found: list[list[tuple[int, float]]] = [[] for _ in range(columns)]
    for place, each in enumerate(terms):
        for column, factor in each:
            if factor:
                found[column].append((place, factor))
    width = max((len(each) for each in found), default=0)
    places, factors = np.zeros((columns, width), dtype=np.int64), np.zeros((columns, width))
    for column, each in enumerate(found):
        for slot, (place, factor) in enumerate(each):
            places[column, slot], factors[column, slot] = place, factor
    return places, factors


def _divergences(counts: Floats, wanted: Floats) -> Floats:
    """`form.divergence` of each of `counts`, which end in the axis of `wanted`."""
    total = np.where(counts + wanted > 0, counts + wanted, 1.0)
    lean = np.where((counts > 0) & (wanted > 0), (counts - wanted) / total, 0.0)
    both = (counts * np.log1p(lean) + wanted * np.log1p(-lean)) / (2.0 * np.log(2.0))
    return np.where(counts <= 0, wanted / 2.0, np.where(wanted <= 0, counts / 2.0, both))
