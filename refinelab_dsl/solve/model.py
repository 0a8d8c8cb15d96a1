"""Writes a `Form` down as a Pyomo model. Nothing outside `solve` sees a Pyomo variable; `lift` reads it back.

Variables are *changes* against a base (0 for the relaxation, a rounded point for the integer searches), so that all
numbers that a solver compares are small and its tolerances mean something.

Rows are written down term by term, not as sums that Pyomo takes apart again: with thousands of labels that is what
building takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, floor, inf
from time import monotonic
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.cuts import Curve, Cut
from refinelab_dsl.solve.form import Form

PULL = 2.0  # weight of a quantum of the objective, in the largest weight of a goal that breaks ties
WHOLE = 1e-5  # what solvers may be off an integer


T = TypeVar("T")


class Contradiction(Exception):
    """A row without any free column does not hold: the box is empty."""


class OutOfTime(Exception):
    """The time was up before a model was written down."""


@dataclass
class Model:
    """A Pyomo `ConcreteModel` with what it stands for. Mutable: cuts and held values are added between solves.

    free: columns that are variables (the others are fixed at `base`); judged: tally -> its curve.
    """

    pyomo: Any
    form: Form
    base: NDArray[np.float64]
    free: tuple[int, ...]
    curves: Mapping[int, Curve]
    bounds: tuple[tuple[float, float], ...]  # of the free columns, as changes
    cuts: set[tuple[int, int]] = field(default_factory=set)
    asks_whole_columns: bool = False
    excess: Any = 0.0  # quanta above the best, added to every goal
    small: bool = False  # whether the solver wants small numbers in the objective
    goal: Any = 0.0  # the last goal, without the excess
    minimises_divergence: bool = False

    @property
    def variables(self) -> int:
        return len(self.free) + 2 * len(self.curves)

    @property
    def rows(self) -> int:
        return len(self.pyomo.row) + len(self.pyomo.link) + len(self.pyomo.cut) + len(self.pyomo.hold)

    def add_cuts(self, cuts: Iterable[Cut]) -> int:
        """Adds those that are not there yet; their number."""
        before = len(self.cuts)
        for cut in cuts:
            if (cut.tally, cut.at) not in self.cuts:
                self.cuts.add((cut.tally, cut.at))
                terms = ((self.pyomo.theta[cut.tally], 1.0), (self.pyomo.change[cut.tally], -cut.slope))
                _append(self.pyomo.cut, cut.offset, _sum_terms(terms), None)
        return len(self.cuts) - before

    def missing_cuts(self, counts: NDArray[np.float64]) -> list[Cut]:
        """Chords that pass through the function at `counts` and are not in the model."""
        missing = []
        for number, curve in sorted(self.curves.items()):
            count = counts[number]
            near = round(count)
            if abs(count - near) <= 1e-7 * max(1.0, abs(count)):  # both chords meet there: either one is enough
                places = (curve.clip(near - 1), curve.clip(near))
                if not any((number, place) in self.cuts for place in places):
                    missing += [curve.cut(place) for place in places]
            elif (number, curve.clip(int(np.floor(count)))) not in self.cuts:
                missing.append(curve.cut(int(np.floor(count))))
        return missing

    def judge(self, counts: NDArray[np.float64]) -> float:
        """The objective in the model's unit at `counts`, by chords."""
        return sum(curve.value(counts[number]) for number, curve in self.curves.items())

    def minimise_divergence(self) -> None:
        self._minimise(self._sum_thetas())
        self.minimises_divergence = True

    def minimise_expression(self, expression: Any) -> None:
        """What another module has built of the variables; a solver may go on from where it was."""
        self._minimise(expression)
        self.minimises_divergence = True

    @property
    def divergence(self) -> float:
        """The last solution's, as its thetas have it."""
        return float(sum(self.pyomo.theta[number].value for number in self.curves))

    def minimise(self, weights: Mapping[int, float], scale: float = 1.0) -> None:
        """Sum of weight x column over the free columns. `scale` fits the weights to a solver's tolerances."""
        self._minimise(_sum_terms(self._terms({number: weight * scale for number, weight in weights.items()})))

    def minimise_totals(self, weights: Mapping[int, float]) -> None:
        """Sum of weight x accepted results of a family of columns; only in an integer model."""
        self._minimise(_sum_terms(self._total_terms(weights)), max(weights.values(), default=1.0))

    def minimise_whole(self, draw: Callable[[str, int], int]) -> None:
        """Sum of `draw(kind, number)` x the counts of labels and the totals; only in an integer model."""
        terms = [(variable, draw(kind, number)) for kind, number, variable in self._whole()]
        self._minimise(_sum_terms(terms), max((weight for _, weight in terms), default=1))

    def fix_whole(self) -> None:
        """Counts of labels and totals stay what they are in the last solution; columns may be broken again."""
        import pyomo.environ as pyo

        self.excess, self.asks_whole_columns = 0.0, False
        for variable in self.pyomo.y.values():
            variable.domain = pyo.Reals
        for _, _, variable in self._whole():
            variable.fix(round(variable.value))

    def hold_divergence(self, limit: float) -> None:
        if self.curves:
            _append(self.pyomo.hold, None, self._sum_thetas(), limit)

    def keep_best(self, best: float, small: bool) -> None:
        """From now on the divergence stays at `best`, a whole number of quanta, in an integer model.

        It also stays in the objective, beside the goals: without it a search among the best points has no bound that
        cuts its branches off (GLPK: 0.01 s against more than 20 s). small: scale that objective to quanta.
        """
        self.hold_divergence(best + 0.5)
        if self.curves:
            self.excess = self._sum_thetas() - best
            self.small = small

    def hold_goal(self) -> None:
        """What was minimised last, a whole number, stays at its value."""
        import pyomo.environ as pyo

        if not isinstance(self.goal, int | float):
            _append(self.pyomo.hold, None, self.goal, round(pyo.value(self.goal)) + 0.5)

    @property
    def is_integer(self) -> bool:
        """Whether anything that is still open must be whole."""
        return self.asks_whole_columns or any(
            variable.is_integer() and not variable.fixed for _, _, variable in self._whole()
        )

    @property
    def is_exacting(self) -> bool:
        """Whether the very point matters, and not only its value: HiGHS, going on from a point before, once ended at
        one that was not the best by 1e-6."""
        return not self.minimises_divergence

    @property
    def has_whole_columns(self) -> bool:
        """Whether the last solution's columns are whole numbers."""
        return all(abs(variable.value - round(variable.value)) <= WHOLE for variable in self.pyomo.y.values())

    def keep_near(self, values: NDArray[np.float64], step: int) -> None:
        """Columns stay within `step` of the floor and ceiling of `values`, inside their box."""
        for place, number in enumerate(self.free):
            variable = self.pyomo.y[number]
            low, high = self.bounds[place]
            change = values[number] - self.base[number]
            near = round(change)
            whole = abs(change - near) <= WHOLE
            variable.setlb(max(low, (near if whole else floor(change)) - step))
            variable.setub(min(high, (near if whole else ceil(change)) + step))

    def make_columns_whole(self) -> None:
        """Asks for whole columns from now on."""
        import pyomo.environ as pyo

        self.asks_whole_columns = True
        for variable in self.pyomo.y.values():
            variable.domain = pyo.Integers

    def values(self) -> NDArray[np.float64]:
        """The columns' values of the last solution."""
        values = self.base.copy()
        for number in self.free:
            values[number] += self.pyomo.y[number].value
        return values

    def _whole(self) -> Iterator[tuple[str, int, Any]]:
        for kind in ("total", "change"):
            if self.pyomo.component(kind) is None:
                continue
            for number, variable in sorted(self.pyomo.component(kind).items()):
                yield kind, number, variable

    def _total_terms(self, weights: Mapping[int, float]) -> list[tuple[Any, float]]:
        return [(total, weights[number]) for number, total in sorted(self.pyomo.total.items()) if weights.get(number)]

    def _terms(self, weights: Mapping[int, float]) -> list[tuple[Any, float]]:
        return [(self.pyomo.y[number], weights[number]) for number in self.free if weights.get(number)]

    def _sum_thetas(self) -> Any:
        return _sum_terms((self.pyomo.theta[number], 1.0) for number in self.curves)

    def _minimise(self, expression: Any, largest: float = 1.0) -> None:
        """Minimises `expression`, whose largest weight is `largest`, beside the excess where there is one."""
        import pyomo.environ as pyo

        if self.pyomo.component("goal") is not None:
            self.pyomo.del_component("goal")
        self.goal, self.minimises_divergence = expression, False
        # A solver wants an objective with at least one variable.
        anchor = 0.0 * next(iter(self.pyomo.y.values())) if isinstance(expression, int | float) else 0.0
        pull = PULL * largest
        if not isinstance(self.excess, int | float):
            expression = expression / pull + self.excess if self.small else expression + pull * self.excess
        self.pyomo.goal = pyo.Objective(expr=expression + anchor)


def build_model(
    form: Form,
    curves: Iterable[Curve],
    base: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    integer: bool,
    deadline: float = inf,
) -> Model:
    """All rows of `form` over columns in [low, high].

    integer: counts of labels, totals of families and thetas are whole; columns are not asked to be. Branching on
    those few decides what the budget and the targets leave open, and columns mostly come out whole by themselves
    (GLPK: 0.02 s against 20 s with whole columns). Where they do not: `Model.make_columns_whole`.
    deadline: `time.monotonic()` seconds.

    Raises:
        Contradiction: a row over fixed columns alone does not hold.
        OutOfTime: it was not done by `deadline`.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    free = tuple(int(number) for number in np.flatnonzero(high > low))
    is_free = set(free)
    judged = {curve.number: curve for curve in curves}
    domain = pyo.Integers if integer else pyo.Reals
    model.y = pyo.Var(free, bounds=lambda _, n: (float(low[n] - base[n]), float(high[n] - base[n])), initialize=0)
    model.change = pyo.Var(sorted(judged), domain=domain)
    model.theta = pyo.Var(sorted(judged), domain=domain)
    model.row, model.link, model.cut, model.hold = (pyo.Constraint(pyo.Any) for _ in range(4))
    y = dict(model.y.items())
    for row in _until(deadline, form.rows):
        activity = sum(factor * base[number] for number, factor in row.terms)
        below = None if row.lower is None else row.lower - activity
        above = None if row.upper is None else row.upper - activity
        terms = [(number, factor) for number, factor in row.terms if number in is_free]
        if not terms:
            scale = max(1.0, abs(activity))
            if (below is not None and below > 1e-7 * scale) or (above is not None and above < -1e-7 * scale):
                raise Contradiction(row.name)
            continue
        _append(model.row, below, _sum_terms((y[number], factor) for number, factor in terms), above)
    for number in _until(deadline, sorted(judged)):
        made = [(y[column], -factor) for column, factor in form.tallies[number].terms if column in is_free]
        _append(model.link, 0.0, _sum_terms([(model.change[number], 1.0), *made]), 0.0)
    if integer:
        families = sorted({form.columns[number].family for number in free})
        model.total = pyo.Var(families, domain=domain)
        for family in families:
            own = [(y[number], -1.0) for number in free if form.columns[number].family == family]
            _append(model.link, 0.0, _sum_terms([(model.total[family], 1.0), *own]), 0.0)
    bounds = tuple((float(low[number] - base[number]), float(high[number] - base[number])) for number in free)
    return Model(model, form, base, free, judged, bounds)


def _until(deadline: float, values: Iterable[T]) -> Iterator[T]:
    """The values, one after another, as long as there is time."""
    for number, value in enumerate(values):
        if number % 256 == 0 and monotonic() > deadline:
            raise OutOfTime
        yield value


def _sum_terms(terms: Iterable[tuple[Any, float]]) -> Any:
    """Sum of factor x variable; 0 where there are none."""
    from pyomo.core.expr.numeric_expr import LinearExpression, MonomialTermExpression

    parts = [variable if factor == 1 else MonomialTermExpression((factor, variable)) for variable, factor in terms]
    return LinearExpression(parts) if parts else 0


def _append(rows: Any, lower: float | None, body: Any, upper: float | None) -> None:
    append_row(rows, (body, upper) if lower is not None and lower == upper else (lower, body, upper))


def append_row(rows: Any, relation: Any) -> Any:
    """One more of a model's `row`, `link`, `cut` or `hold`, numbered from 1; the constraint. (Pyomo's own list does the
    same in three times the time.)"""
    number = len(rows) + 1
    rows[number] = relation
    return rows[number]
