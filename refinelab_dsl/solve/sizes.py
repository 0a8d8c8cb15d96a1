"""A free size: which number of items gives the least divergence.

The objective at size M is G(M) / M, where G, the least divergence in bits x items, is convex in M: a label's part
`divergence(count, share x M)` is convex and homogeneous of degree one. So Dinkelbach's method (1967) finds the least
ratio, by linear programs in counts and M together, with planes through the origin that touch the parts. The ratio falls
up to its least value and rises from there, so it bounds from below what any further size can give. (Where axes have
different numbers of unknown items, their ratios have different denominators, and this holds nearly.)

Removing is free, so the least size would often do as well as any: ties go to the larger size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil, floor, log2
from typing import Any

import numpy as np

from refinelab_dsl.solve.form import ROUNDING, Tally, build_form, divergence
from refinelab_dsl.solve.model import Contradiction, Model, OutOfTime, append_row, build_model
from refinelab_dsl.solve.problem import Problem
from refinelab_dsl.solve.relaxation import GOLDEN, level_above
from refinelab_dsl.solve.solver import Session, Status

ROUNDS = 60  # linear programs per question
LEAST_RATIO = 1e-9  # of count to target where a plane is drawn for a count of zero, which has none
CLOSE = 1e-9  # relative: planes this near to the function are it
STEP = 1e-7  # of the values that a bound has: in further digits solvers differ


@dataclass
class Sizes:
    """Lower bounds of the objective at the whole sizes first .. last, all that can be met.

    start: the largest size whose bound is `bound`, the least of all, within half a gap.
    """

    problem: Problem
    first: int
    last: int
    start: int
    bound: float
    _planes: _Planes
    _known: dict[int, float] = field(default_factory=dict)

    @classmethod
    def find(cls, problem: Problem, session: Session) -> Sizes | Status:
        """Looks at a problem whose size is free."""
        planes = _Planes.build(problem, session)
        if isinstance(planes, str):
            return planes
        ends = planes.find_ends()
        if isinstance(ends, str):
            return ends
        first, last = ceil(ends[0] - ROUNDING * (1 + ends[0])), floor(ends[1] + ROUNDING * (1 + ends[1]))
        if first > last:
            return "infeasible"
        lowest = min(max(round(planes.find_lowest(sum(ends) / 2)), first), last)
        sizes = cls(problem, first, last, lowest, 0.0, planes)
        sizes.bound = min(sizes.value(size) for size in (lowest - 1, lowest, lowest + 1))
        if sizes.bound == float("inf"):
            return "stopped" if session.left <= 0 else "failed"
        level = level_above(sizes.bound, problem.gap)
        guess = min(max(round(planes.find_largest(level, lowest)), first), last)
        while guess > first and sizes.value(guess) > level:
            guess -= 1
        while guess < last and sizes.value(guess + 1) <= level:
            guess += 1
        sizes.start = guess
        return sizes

    def at(self, size: int) -> Problem:
        """The problem at one size."""
        return replace(self.problem, limits=replace(self.problem.limits, size=size, sizes=None))

    def value(self, size: int) -> float:
        """No allocation of this size has less divergence; infinite outside of the range."""
        if not self.first <= size <= self.last:
            return float("inf")
        if size not in self._known:
            self._known[size] = _floor(self._planes.find_ratio(size))
        return self._known[size]

    def outwards(self) -> Iterator[int]:
        """All sizes from `start`, in the order of their bounds; the larger of two that are equal."""
        yield self.start
        low, high = self.start - 1, self.start + 1
        while self.first <= low or high <= self.last:
            if self.value(high) <= self.value(low):
                yield high
                high += 1
            else:
                yield low
                low -= 1


def _floor(ratio: float) -> float:
    """The next value of a fixed row, below; the row lies off round numbers, where ratios like to be."""
    if ratio == float("inf"):
        return ratio
    return max(0.0, STEP * (floor(ratio / STEP + 1.0 - GOLDEN) - 1.0 + GOLDEN))


@dataclass(frozen=True)
class _Part:
    """A label's part of the divergence, as a function of its count and of the size."""

    tally: Tally
    share: float
    weight: float
    unknown: int

    def value(self, count: float, size: float) -> float:
        return divergence(count, self.share * (size - self.unknown))

    def tangent(self, count: float, size: float) -> tuple[float, float]:
        """Factors of count and of (size - unknown) of the plane that touches the part here."""
        if self.share <= 0.0:
            return 0.5, 0.0
        wanted = self.share * max(size - self.unknown, 1e-6)
        ratio = max(count / wanted, LEAST_RATIO)
        return 0.5 * log2(2.0 * ratio / (ratio + 1.0)), 0.5 * log2(2.0 / (ratio + 1.0)) * self.share


@dataclass
class _Planes:
    """The linear program in counts and size, with the planes found so far."""

    model: Model
    total: int
    parts: tuple[_Part, ...]
    session: Session

    @classmethod
    def build(cls, problem: Problem, session: Session) -> _Planes | Status:
        import pyomo.environ as pyo

        form = build_form(problem)
        assert form.total is not None
        zero = np.zeros(len(form.columns))
        upper = np.array([column.upper for column in form.columns], dtype=np.float64)
        try:
            model = build_model(form, (), zero, zero, upper, integer=False, deadline=session.deadline)
        except Contradiction:
            return "infeasible"
        except OutOfTime:
            return "stopped"
        parts = []
        for tally in form.tallies:
            axis = problem.axes[tally.axis]
            if axis.flag and axis.weight > 0:  # half of its count is its divergence from nothing
                parts.append(_Part(tally, 0.0, 2.0 * axis.weight, 0))
            elif axis.target is not None and axis.weight > 0:
                unknown = sum(cell.count for cell in problem.cells if cell.bin[tally.axis] < 0)
                parts.append(_Part(tally, axis.target[tally.label], axis.weight, unknown))
        program = model.pyomo
        program.count = pyo.Var(range(len(parts)), bounds=(0, None))
        program.part = pyo.Var(range(len(parts)), bounds=(0, None))
        for number, part in enumerate(parts):
            body = sum(factor * program.y[column] for column, factor in part.tally.terms if column in program.y)
            append_row(program.link, program.count[number] == part.tally.constant + body)
        return cls(model, form.total, tuple(parts), session)

    @property
    def size(self) -> float:
        return float(self.model.pyomo.y[self.total].value)

    def find_ends(self) -> tuple[float, float] | Status:
        """The least and the largest size at which the rows can be met."""
        ends = []
        for sign in (1.0, -1.0):
            self.model.minimise({self.total: sign})
            status = self.session.solve(self.model)
            if status != "optimal":
                return status
            ends.append(self.size)
        return ends[0], ends[1]

    def find_lowest(self, start: float) -> float:
        """About the size of the least ratio; `start` where the time is up."""
        found, ratio = start, 1.0
        for _ in range(ROUNDS):
            total = self._total(found)
            size = self.model.pyomo.y[self.total]
            if not self._solve(lambda total=total, ratio=ratio, size=size: total - ratio * size):  # type: ignore[misc]
                return found
            found = self.size
            reached = self._judge() / found
            if ratio - reached <= CLOSE * (1.0 + reached):
                return found
            ratio = reached
        return found

    def find_ratio(self, size: int) -> float:
        """The least ratio at a size, infinite where there is none or no time is left."""
        variable = self.model.pyomo.y[self.total]
        variable.fix(size)
        found = self._value(self._total(size)) / size if self._solve(lambda: self._total(size)) else float("inf")
        variable.unfix()
        return found

    def find_largest(self, level: float, start: int) -> float:
        """About the largest size whose ratio is at most `level`; `start` where the time is up."""
        program = self.model.pyomo
        held = append_row(program.hold, self._total(start) <= level * program.y[self.total])
        found = self.size if self._solve(lambda: -program.y[self.total]) else float(start)
        held.deactivate()
        return found

    def _value(self, expression: Any) -> float:
        import pyomo.environ as pyo

        return max(0.0, float(pyo.value(expression)))

    def _total(self, size: float) -> Any:
        """The divergence times the size, as the parts have it; where axes judge different numbers of items, as they
        compare at `size`."""
        return sum(
            part.weight * size / max(size - part.unknown, 1.0) * self.model.pyomo.part[number]
            for number, part in enumerate(self.parts)
        )

    def _judge(self) -> float:
        size = self.size
        return sum(
            part.weight * size / max(size - part.unknown, 1.0) * part.value(self._count(number), size)
            for number, part in enumerate(self.parts)
        )

    def _count(self, number: int) -> float:
        return max(0.0, float(self.model.pyomo.count[number].value))

    def _solve(self, goal: Callable[[], Any]) -> bool:
        """Minimises a goal, with new planes until they are the function at the solution."""
        program = self.model.pyomo
        for _ in range(ROUNDS):
            self.model.minimise_expression(goal())
            if self.session.solve(self.model, again=True) != "optimal":
                return False
            size, far = self.size, False
            for number, part in enumerate(self.parts):
                count = self._count(number)
                if part.value(count, size) > program.part[number].value + CLOSE * size:
                    far = True
                    by_count, by_size = part.tangent(count, size)
                    plane = by_count * program.count[number] + by_size * (program.y[self.total] - part.unknown)
                    append_row(program.cut, program.part[number] >= plane)
            if not far:
                return True
        return True
