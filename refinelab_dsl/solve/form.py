"""The problem in matrix form: integer columns, linear rows, and the counts whose shares the objective judges.

Built from a `Problem` with plain arithmetic, no Pyomo: `model` writes it down for a solver, `lift` reads the answer
back, and everything that is reported (objective, cost, feasibility) is computed again from here, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import ceil, floor, inf

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.problem import FLAGGED, Action, Axis, Bin, Cell, Problem, find_kin

Terms = tuple[tuple[int, float], ...]

LEAVING = ("remove", "move", "fix")  # what takes an item out of its cell
ROUNDING = 1e-9  # what binary fractions may be off when a share becomes a count


@dataclass(frozen=True, slots=True)
class Column:
    """`Allotment` without its count: accepted results of `operator` from `cell` into `bin`. 0 <= count <= upper.

    tokens, usd: expected per accepted result, failed attempts included. stock: results of earlier runs.
    """

    operator: int
    cell: int | None
    bin: Bin | None
    upper: int
    tokens: float
    usd: float
    stock: bool = False

    @property
    def family(self) -> int:
        """Columns of one family cost the same, so a family's total decides its cost: the operator's new results, and
        those that it has in stock."""
        return -2 - self.operator if self.stock else self.operator


@dataclass(frozen=True, slots=True)
class Row:
    """`lower <= sum of terms <= upper`. `user` names the user's constraint it stands for, None for a fact."""

    name: str
    terms: Terms
    lower: float | None
    upper: float | None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Final items with label `label` of axis `axis`: `constant` + sum of terms.

    wanted: T, the target in items; weight: of one unit of the count function in the scaled objective; both None for
    an axis without a target.
    """

    axis: int
    label: int
    constant: int
    terms: Terms
    lowest: int
    highest: int
    wanted: float | None
    weight: float


@dataclass(frozen=True)
class Form:
    """Columns, rows and tallies. Scaled objective = `scale` x objective = sum of weight x f(count) over tallies.

    total: index of the column that stands for the final size where that is free (only to find conflicts), else None.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]
    scale: float
    total: int | None = None

    def counts(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Final items per tally for `values` (one per column)."""
        return np.array(
            [tally.constant + sum(factor * values[index] for index, factor in tally.terms) for tally in self.tallies],
            dtype=np.float64,
        )

    def objective(self, values: NDArray[np.float64]) -> float:
        """The objective (weighted JSD in bits) at `values`; exact at integers, between them by chords."""
        if not self.tallies:
            return 0.0
        return sum(
            tally.weight * interpolate(tally, count)
            for tally, count in zip(self.tallies, self.counts(values), strict=True)
            if tally.wanted is not None
        ) / self.scale

    def is_feasible(self, values: NDArray[np.float64], tolerance: float = 1e-6) -> bool:
        """Whether `values` keep every row and bound, `tolerance` being relative to the row's limit."""
        for index, column in enumerate(self.columns):
            if not -tolerance <= values[index] <= column.upper + tolerance:
                return False
        for row in self.rows:
            activity = sum(factor * values[index] for index, factor in row.terms)
            if row.lower is not None and activity < row.lower - tolerance * max(1.0, abs(row.lower)):
                return False
            if row.upper is not None and activity > row.upper + tolerance * max(1.0, abs(row.upper)):
                return False
        return True

    def tokens(self, values: NDArray[np.float64]) -> float:
        return float(sum(column.tokens * value for column, value in zip(self.columns, values, strict=False)))

    def usd(self, values: NDArray[np.float64]) -> float:
        return float(sum(column.usd * value for column, value in zip(self.columns, values, strict=False)))


def divergence(count: float, wanted: float) -> float:
    """One label's part of the JSD, in bits x items: M f(p) with p = count / M and t = wanted / M.

    f(p) = 1/2 p log2(2p / (p + t)) + 1/2 t log2(2t / (p + t)); Lin 1991. Written with log1p: near its minimum at
    count = wanted the two terms cancel.
    """
    total = count + wanted
    if total <= 0.0:
        return 0.0
    if count <= 0.0:
        return wanted / 2.0
    if wanted <= 0.0:
        return count / 2.0
    lean = (count - wanted) / total
    return float((count * np.log1p(lean) + wanted * np.log1p(-lean)) / (2.0 * np.log(2.0)))


def divergences(counts: NDArray[np.float64], wanted: float) -> NDArray[np.float64]:
    """`divergence` of each of `counts`."""
    if wanted <= 0.0:
        return counts / 2.0
    lean = (counts - wanted) / (counts + wanted)
    inside = np.where(counts > 0, lean, 0.0)
    values = (counts * np.log1p(inside) + wanted * np.log1p(-inside)) / (2.0 * np.log(2.0))
    return np.where(counts > 0, values, wanted / 2.0)


def interpolate(tally: Tally, count: float) -> float:
    """The convex function through `divergence` at the integers, linear between them."""
    assert tally.wanted is not None
    low = floor(count)
    below = divergence(low, tally.wanted)
    if count == low:
        return below
    return below + (count - low) * (divergence(low + 1, tally.wanted) - below)


def build_form(problem: Problem) -> Form:
    """Columns in declaration order: by operator, then by cell or bin."""
    return _Builder(problem).build()


class _Builder:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.now = sum(cell.count for cell in problem.cells)
        self.size = problem.limits.size
        self.largest = self._largest()
        self.kin = find_kin(problem)
        self.columns: list[Column] = []
        self.rows: list[Row] = []
        self.total: int | None = None
        self.most_removed = self._most_removed()

    def build(self) -> Form:
        for index, action in enumerate(self.problem.operators):
            if action.success > 0:
                self._add_columns(index, action)
        for index, action in enumerate(self.problem.operators):
            self._add_stock(index, action)
        self._pin()
        if self.size is None:
            self.total = len(self.columns)
            self.columns.append(Column(-1, None, None, self.largest, 0.0, 0.0))
        self._limit_cells()
        self._limit_anchors()
        self._limit_sizes()
        self._limit_amounts()
        tallies, scale = self._tally()
        self._limit_shares(tallies)
        return Form(tuple(self.columns), tuple(self.rows), tallies, scale, self.total)

    def _is_mobile(self, bin: Bin) -> bool:
        """Items that are unknown on an axis with a target stay: its shares need a fixed number of items."""
        return all(label >= 0 or axis.target is None for label, axis in zip(bin, self.problem.axes, strict=True))

    def _add_columns(self, index: int, action: Action) -> None:
        cells = [
            (number, cell)
            for number, cell in enumerate(self.problem.cells)
            if index in cell.eligible and cell.count and (action.kind == "generate" or self._is_mobile(cell.bin))
        ]
        if action.kind == "remove":
            for number, cell in cells:
                if not cell.protected:
                    self._append(index, action, number, None, cell.count)
        elif action.kind == "expand":
            for number, cell in cells:
                if cell.kin is None:  # cells that differ in stock alone are one source of new copies
                    reach = self._reach(action, number)
                    self._append(index, action, number, cell.bin, inf if reach is None else reach)
        elif action.kind == "generate":
            assert action.targets is not None
            for target in sorted({bin for group in _target_groups(action, cells) for bin in group[0]}):
                self._append(index, action, None, target, inf)
        elif action.kind in ("move", "fix"):
            assert action.targets is not None
            for number, cell in cells:
                if not cell.protected:
                    for target in action.targets.get(cell.bin, ()):
                        if target != cell.bin:
                            self._append(index, action, number, target, cell.count)

    def _append(self, index: int, action: Action, cell: int | None, bin: Bin | None, upper: float) -> None:
        most = min(upper, self.most_removed if action.kind == "remove" else self._most_made(action))
        tokens, usd = action.tokens / action.success, action.usd / action.success
        self.columns.append(Column(index, cell, bin, floor(most + ROUNDING), tokens, usd))

    def _add_stock(self, index: int, action: Action) -> None:
        for cell, bin in sorted(action.stock or {}, key=lambda place: (-1 if place[0] is None else place[0], place[1])):
            self.columns.append(Column(index, cell, bin, (action.stock or {})[cell, bin], 0.0, 0.0, stock=True))

    def _pin(self) -> None:
        """What a person wants in every plan."""
        for number, column in enumerate(self.columns):
            action = self.problem.operators[column.operator]
            least = (action.pinned or {}).get((column.cell, column.bin), 0)
            if least and (column.stock or action.kind == "remove"):
                self.rows.append(Row(f"pinned_{number}", ((number, 1.0),), float(least), None, "pinned"))

    def _largest(self) -> int:
        """The largest size there can be."""
        limits = self.problem.limits
        if limits.size is not None:
            return limits.size
        return 2 * self.now + 10**7 if limits.sizes is None else limits.sizes[1]

    def _reach(self, action: Action, cell: int) -> float | None:
        return action.reach(cell, sum(action.left(n) * self.problem.cells[n].count for n in self.kin[cell]))

    def _most_removed(self) -> int:
        """What all removals together may take: a bound that follows from others, for a tighter box."""
        removers = [index for index, action in enumerate(self.problem.operators) if action.kind == "remove"]
        loose = sum(
            cell.count for cell in self.problem.cells if not cell.protected and cell.eligible.intersection(removers)
        )
        limits = self.problem.limits
        if limits.max_removed is not None:
            loose = min(loose, limits.max_removed)
        if limits.keep_originals is not None:
            loose = min(loose, max(0, self.now - limits.keep_originals))
        return loose

    def _most_made(self, action: Action) -> float:
        """What one operator may make: what the budget pays for and, of what it adds, the room that removals leave."""
        limits = self.problem.limits
        adds = action.kind in ("expand", "generate")
        most = float(max(0, self.largest - self.now + self.most_removed)) if adds else float(self.now)
        for limit, cost in ((limits.tokens, action.tokens), (limits.usd, action.usd), (action.max_usd, action.usd)):
            if limit is not None and cost > 0:
                most = min(most, max(0.0, limit) * action.success / cost)
        return most

    def _kind(self, column: Column) -> str:
        return self.problem.operators[column.operator].kind if column.operator >= 0 else "total"

    def _of_kind(self, kind: str) -> list[int]:
        return [number for number, column in enumerate(self.columns) if self._kind(column) == kind]

    def _limit_cells(self) -> None:
        """No item leaves twice, and an operator tries an item that stays at most `attempts_per_item` times."""
        leaving: dict[int, list[int]] = defaultdict(list)
        trying: dict[tuple[int, int], list[int]] = defaultdict(list)  # (cell, operator) -> columns
        copies: list[int] = []  # of earlier runs
        for number, column in enumerate(self.columns):
            if column.cell is None:
                continue
            kind = self._kind(column)
            if kind in LEAVING:
                leaving[column.cell].append(number)
            if column.stock:
                copies += [number] if kind == "expand" else []
            elif kind != "remove":
                trying[column.cell, column.operator].append(number)
        for cell, numbers in sorted(leaving.items()):
            if len(numbers) > 1:
                self.rows.append(
                    Row(f"cell_{cell}", tuple((n, 1.0) for n in numbers), None, self.problem.cells[cell].count)
                )
        for (cell, operator), numbers in sorted(trying.items()):
            action = self.problem.operators[operator]
            sources = self.kin[cell] if action.kind == "expand" else (cell,)
            # Without a limit on attempts a copy still needs an original that stays.
            limited = action.attempts_per_item is not None
            left = {number: action.left(number) if limited else 1 for number in sources}
            tries = sum(left[number] * self.problem.cells[number].count for number in sources)
            reach = action.reach(cell, tries)
            each = float(self.largest) if reach is None else reach / max(1, tries)
            own = set(numbers)
            stays = [(n, each * left[c]) for c in sources for n in leaving[c] if n not in own and left[c]]
            if stays or len(numbers) > 1 or not tries:
                terms = (*((n, 1.0) for n in numbers), *stays)
                self.rows.append(Row(f"tries_{operator}_{cell}", terms, None, each * tries))
        for number in copies:  # every item of the cell has the same number of them, and takes them along
            column = self.columns[number]
            assert column.cell is not None
            each = column.upper / self.problem.cells[column.cell].count
            stays = [(n, each) for n in leaving[column.cell]]
            if stays:
                self.rows.append(Row(f"stock_{number}", ((number, 1.0), *stays), None, float(column.upper)))

    def _limit_anchors(self) -> None:
        """An anchor is tried at most `attempts_per_item` times where the spec says so."""
        for index, action in enumerate(self.problem.operators):
            if action.kind != "generate" or action.attempts_per_item is None or action.success <= 0:
                continue
            cells = [
                (number, cell)
                for number, cell in enumerate(self.problem.cells)
                if index in cell.eligible and cell.count
            ]
            column_of = {
                column.bin: number
                for number, column in enumerate(self.columns)
                if column.operator == index and not column.stock
            }
            for place, (bins, anchors) in enumerate(_target_groups(action, cells)):
                terms = tuple((column_of[bin], 1.0) for bin in sorted(bins))
                limit = sum(self._reach(action, number) or 0.0 for number, cell in anchors if cell.kin is None)
                self.rows.append(Row(f"anchors_{index}_{place}", terms, None, limit))

    def _limit_sizes(self) -> None:
        limits = self.problem.limits
        removed = tuple((n, 1.0) for n in self._of_kind("remove"))
        copied = tuple((n, 1.0) for n in self._of_kind("expand"))
        added = (*copied, *((n, 1.0) for n in self._of_kind("generate")))
        change = (*added, *((n, -1.0) for n, _ in removed))
        if self.size is not None:
            wanted = float(self.size - self.now)
            self.rows.append(Row("size", change, wanted, wanted, "size"))
        else:
            assert self.total is not None
            self.rows.append(Row("total", (*change, (self.total, -1.0)), -float(self.now), -float(self.now)))
            if limits.sizes is not None:
                low, high = limits.sizes
                self.rows.append(Row("size", ((self.total, 1.0),), float(low), float(high), "size"))
        if limits.max_removed is not None:
            self.rows.append(Row("max_removed", removed, None, float(limits.max_removed), "max_removed"))
        if limits.keep_originals is not None:
            most = float(self.now - limits.keep_originals)
            self.rows.append(Row("keep_originals", removed, None, most, "keep_originals"))
        if limits.distinct is not None:
            share = 1.0 - limits.distinct
            if self.size is not None:
                self.rows.append(Row("distinct", copied, None, float(floor(share * self.size + ROUNDING)), "distinct"))
            else:
                assert self.total is not None
                self.rows.append(Row("distinct", (*copied, (self.total, -share)), None, 0.0, "distinct"))

    def _limit_amounts(self) -> None:
        limits = self.problem.limits
        tokens = tuple((n, column.tokens) for n, column in enumerate(self.columns) if column.tokens > 0)
        usd = tuple((n, column.usd) for n, column in enumerate(self.columns) if column.usd > 0)
        if limits.tokens is not None:
            self._limit_amount("budget.tokens", tokens, limits.tokens)
        if limits.usd is not None:
            self._limit_amount("budget.cost", usd, limits.usd)
        for index, action in enumerate(self.problem.operators):
            if action.max_usd is not None:
                own = tuple(term for term in usd if self.columns[term[0]].operator == index)
                self._limit_amount(f"max_cost:{action.operator}", own, action.max_usd)

    def _limit_amount(self, user: str, terms: Terms, limit: float) -> None:
        largest = max((factor for _, factor in terms), default=1.0)  # in units of the dearest result: well scaled
        scaled = tuple((n, factor / largest) for n, factor in terms)
        self.rows.append(Row(user, scaled, None, max(0.0, limit) / largest, user))

    def _tally(self) -> tuple[tuple[Tally, ...], float]:
        axes = self.problem.axes
        judged = [axis.weight for axis in axes if axis.target is not None or axis.flag]
        heaviest = max(judged, default=0.0)
        size = self.size or 0
        scale = size / heaviest if heaviest > 0 and size > 0 else 1.0
        tallies = []
        for place, axis in enumerate(axes):
            if axis.flag:
                tallies.append(self._tally_flag(place, axis, size, scale))
                continue
            if axis.target is None and not axis.floor:
                continue
            unknown = sum(cell.count for cell in self.problem.cells if cell.bin[place] < 0)
            known = size - unknown if axis.target is not None else size
            constants, terms = self._count(place)
            for label in range(len(axis.labels)):
                lowest, highest = self._range(constants[label], terms[label])
                judges = axis.target is not None and axis.weight > 0 and known > 0
                tallies.append(
                    Tally(
                        axis=place,
                        label=label,
                        constant=constants[label],
                        terms=terms[label],
                        lowest=lowest,
                        highest=highest,
                        wanted=axis.target[label] * known if judges and axis.target is not None else None,
                        weight=axis.weight / known * scale if judges else 0.0,
                    )
                )
        return tuple(tallies), scale

    def _tally_flag(self, place: int, axis: Axis, size: int, scale: float) -> Tally:
        """The flagged items. Against a target of 0 the divergence of a count is half of it: their share, by weight."""
        constants, terms = self._count(place)
        lowest, highest = self._range(constants[FLAGGED], terms[FLAGGED])
        judges = axis.weight > 0 and size > 0
        return Tally(
            axis=place,
            label=FLAGGED,
            constant=constants[FLAGGED],
            terms=terms[FLAGGED],
            lowest=lowest,
            highest=highest,
            wanted=0.0 if judges else None,
            weight=2.0 * axis.weight / size * scale if judges else 0.0,
        )

    def _count(self, place: int) -> tuple[list[int], list[Terms]]:
        """Per label of an axis: items now, and what each column changes of them."""
        labels = self.problem.axes[place].labels
        constants = [0] * len(labels)
        terms: list[dict[int, float]] = [defaultdict(float) for _ in labels]
        for cell in self.problem.cells:
            if cell.bin[place] >= 0:
                constants[cell.bin[place]] += cell.count
        for number, column in enumerate(self.columns):
            if self._kind(column) in LEAVING and column.cell is not None:
                source = self.problem.cells[column.cell].bin[place]
                if source >= 0:
                    terms[source][number] -= 1.0
            if column.bin is not None and column.bin[place] >= 0:
                terms[column.bin[place]][number] += 1.0
        return constants, [tuple((n, factor) for n, factor in each.items() if factor) for each in terms]

    def _range(self, constant: int, terms: Terms) -> tuple[int, int]:
        """The lowest and the highest count that the columns allow."""
        down = sum(self.columns[n].upper for n, factor in terms if factor < 0)
        most = constant + sum(self.columns[n].upper for n, factor in terms if factor > 0)
        return max(0, constant - down), most if self.size is None else min(most, self.size)

    def _limit_flagged(self, tally: Tally) -> None:
        """At most this share of the result is flagged."""
        share = self.problem.limits.flagged
        if share is None:
            return
        if self.size is not None:
            most = float(floor(share * self.size + ROUNDING) - tally.constant)
            self.rows.append(Row("max_flagged", tally.terms, None, most, "max_flagged"))
        else:
            assert self.total is not None
            terms = (*tally.terms, (self.total, -share))
            self.rows.append(Row("max_flagged", terms, None, -float(tally.constant), "max_flagged"))

    def _limit_shares(self, tallies: tuple[Tally, ...]) -> None:
        """`floor` and `tolerance`, rounded inward to whole items."""
        for tally in tallies:
            axis = self.problem.axes[tally.axis]
            name = f"{axis.name}_{tally.label}"
            if axis.flag:
                self._limit_flagged(tally)
                continue
            if axis.floor:
                need = float(axis.floor - tally.constant)
                self.rows.append(Row(f"floor_{name}", tally.terms, need, None, f"floor:{axis.name}"))
            if axis.tolerance is None or axis.target is None:
                continue
            low, high = axis.target[tally.label] - axis.tolerance, axis.target[tally.label] + axis.tolerance
            unknown = sum(cell.count for cell in self.problem.cells if cell.bin[tally.axis] < 0)
            user = f"tolerance:{axis.name}"
            if self.size is not None:
                known = self.size - unknown
                least, most = ceil(low * known - ROUNDING), floor(high * known + ROUNDING)
                self.rows.append(
                    Row(f"tolerance_{name}", tally.terms, least - tally.constant, most - tally.constant, user)
                )
            else:
                assert self.total is not None
                for suffix, share, sign in (("low", low, 1.0), ("high", high, -1.0)):
                    terms = (*((n, sign * factor) for n, factor in tally.terms), (self.total, -sign * share))
                    need = -sign * (tally.constant + share * unknown)
                    self.rows.append(Row(f"tolerance_{name}_{suffix}", terms, need, None, user))


def _target_groups(
    action: Action, cells: list[tuple[int, Cell]]
) -> list[tuple[tuple[Bin, ...], list[tuple[int, Cell]]]]:
    """Sets of bins that `generate` reaches, each with the cells (and their indices) that may anchor it."""
    assert action.targets is not None
    anchors: dict[tuple[Bin, ...], list[tuple[int, Cell]]] = defaultdict(list)
    for number, cell in cells:
        bins = action.targets.get(cell.bin, ())
        if bins:
            anchors[bins].append((number, cell))
    return sorted(anchors.items(), key=lambda group: group[0])
