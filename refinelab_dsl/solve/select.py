"""From counts to items: which items leave, which are paraphrased, which anchor a new one.

Protected items never leave. The worst leave first: `prefer`, then exact duplicates. Anchors: those on the target's
topic (its label on every unordered dimension), each once before any twice, the nearest level first, and items that
stay before those that leave. Under `max_per_item` an operator's targets share its anchors, and other topics serve
where the own one is used up. Of what earlier runs bought, the copies of those items are taken that would leave last.
Ties are broken by a seeded hash of the item's content key, so the order of the rows in a file does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.profile import Profile
from refinelab_dsl.ir import Program
from refinelab_dsl.solve.cells import group_items, split_dimensions
from refinelab_dsl.solve.form import LEAVING
from refinelab_dsl.solve.problem import Allotment, Assignment, Bin, Problem, find_kin
from refinelab_dsl.solve.stock import NOTHING, Bought, Stock

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # splitmix64 (Steele, Lea, Flood 2014)

_NO_ROWS = np.zeros(0, dtype=np.int64)
_LONGEST_LIST = 50  # attempts for one result, at the rate that is expected


@dataclass(frozen=True)
class Selection:
    """The choice for one assignment. Every method is a pure function of its arguments."""

    _program: Program
    _problem: Problem
    _keys: Sequence[str]
    _codes: NDArray[np.uint64]  # of the keys, before seeding
    _rows: NDArray[np.int64]  # row numbers sorted by cell
    _starts: NDArray[np.int64]  # where each cell's rows start in `_rows`; one more than there are cells
    _ordered: tuple[bool, ...]  # per axis
    _leaving: Mapping[Allotment, NDArray[np.int64]] = field(default_factory=dict)
    _gone: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    _anchored: Mapping[Allotment, NDArray[np.int64]] = field(default_factory=dict)  # under `max_per_item`: all attempts
    _bought: Mapping[Allotment, tuple[Bought, ...]] = field(default_factory=dict)
    _kin: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    _bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))  # cells x axes
    _reaching: Mapping[int, Mapping[Bin, NDArray[np.int64]]] = field(default_factory=dict)  # see `_find_reaching`

    def bought(self, allotment: Allotment) -> tuple[Bought, ...]:
        """The results of earlier runs that an allotment from stock stands for."""
        return self._bought[allotment]

    def key(self, row: int) -> str:
        """The content key of the item in a row."""
        return self._keys[row]

    def removals(self, allotment: Allotment) -> tuple[str, ...]:
        """The keys of the items that leave, worst first: as many as the allotment counts."""
        return tuple(self._keys[row] for row in self._leaving[allotment])

    def available(self, allotment: Allotment) -> int | None:
        """How many attempts the items of an `expand` or `generate` allow; None without limit."""
        if allotment in self._anchored:
            return len(self._anchored[allotment])
        limit = self._problem.operators[allotment.operator].attempts_per_item
        if limit is None:
            return None
        if allotment.cell is not None:
            return int(self._left(allotment).sum())
        return limit * sum(len(rows) for rows in self._candidates(allotment))

    def sources(self, allotment: Allotment, attempts: int) -> tuple[str, ...]:
        """The source or anchor of each of `attempts` attempts; fewer where `available` is less."""
        if allotment in self._anchored:
            return tuple(self._keys[row] for row in self._anchored[allotment][:attempts])
        limit = self._problem.operators[allotment.operator].attempts_per_item
        order = self._candidates(allotment)
        ranked = np.concatenate(order) if order else np.zeros(0, dtype=np.int64)
        if ranked.size == 0:
            return ()
        if limit is not None and allotment.cell is not None:
            left = self._left(allotment)
            size = self._problem.operators[allotment.operator].per_call
            turns = [
                np.repeat(ranked, np.clip(left - turn, 0, size)) for turn in range(0, min(limit, attempts), size)
            ]
            return tuple(self._keys[row] for row in np.concatenate([_NO_ROWS, *turns])[:attempts])
        rounds = -(-attempts // ranked.size)
        if limit is not None:
            rounds = min(rounds, limit)
        chosen = np.tile(ranked, rounds)[:attempts]
        return tuple(self._keys[row] for row in chosen)

    def _left(self, allotment: Allotment) -> NDArray[np.int64]:
        """How often each of the candidates of an `expand` may still be tried."""
        action = self._problem.operators[allotment.operator]
        [rows] = self._candidates(allotment)
        cells = self._sources(allotment)
        if len(cells) == 1:
            return np.full(len(rows), action.left(cells[0]), dtype=np.int64)
        known = np.concatenate([self._rows_of(cell) for cell in cells])
        left = np.repeat([action.left(cell) for cell in cells], [len(self._rows_of(cell)) for cell in cells])
        order = np.argsort(known)
        return left[order][np.searchsorted(known[order], rows)]

    def _sources(self, allotment: Allotment) -> tuple[int, ...]:
        """The cells whose items serve an allotment: a copy may be made of any that differs in stock alone."""
        assert allotment.cell is not None
        is_copied = self._problem.operators[allotment.operator].kind == "expand"
        return self._kin[allotment.cell] if is_copied else (allotment.cell,)

    def _candidates(self, allotment: Allotment) -> list[NDArray[np.int64]]:
        """Rows in order of preference, as blocks."""
        if allotment.cell is not None:
            rows = np.concatenate([self._rows_of(cell) for cell in self._sources(allotment)])
            return [self._shuffle(rows[~self._gone[rows]], allotment)]
        leaving: list[NDArray[np.int64]] = []  # of the nearest topic, for where no anchor stays
        for levels in self._anchors(allotment):
            staying = [rows[~self._gone[rows]] for rows in levels]
            if any(rows.size for rows in staying):
                return staying
            if not leaving and any(rows.size for rows in levels):
                leaving = levels
        return leaving

    def _anchors(self, allotment: Allotment) -> Iterator[list[NDArray[np.int64]]]:
        """Anchors by topic, the target's own first, as blocks of one level, the nearest first.

        The topics apart from the target are all other items, and mostly nobody asks for them.
        """
        assert allotment.bin is not None
        cells = self._reached_from(allotment)
        topics, levels = self._distances(cells, allotment.bin)
        for topic in np.unique(topics):
            here = topics == topic
            yield [
                self._shuffle(self._rows_in(cells[here & (levels == level)]), allotment)
                for level in np.unique(levels[here])
            ]

    def _reached_from(self, allotment: Allotment) -> NDArray[np.int64]:
        """The cells whose items may anchor an allotment of `generate`, in order."""
        assert allotment.bin is not None
        return self._reaching[allotment.operator].get(allotment.bin, _NO_ROWS)

    def _distances(self, cells: NDArray[np.int64], target: Bin) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Per cell, how many unordered dimensions differ from the target, and how many levels apart the ordered ones
        are."""
        apart = self._bins[cells] - np.asarray(target, dtype=np.int64)
        ordered = np.asarray(self._ordered, dtype=np.bool_)
        return np.count_nonzero(apart[:, ~ordered], axis=1), np.abs(apart[:, ordered]).sum(axis=1)

    def _rows_in(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([_NO_ROWS, *(self._rows_of(int(cell)) for cell in cells)])

    def _rows_of(self, cell: int) -> NDArray[np.int64]:
        return self._rows[self._starts[cell] : self._starts[cell + 1]]

    def _shuffle(self, rows: NDArray[np.int64], allotment: Allotment) -> NDArray[np.int64]:
        operator = self._problem.operators[allotment.operator].operator
        purpose = f"{operator}:{'' if allotment.cell is not None else allotment.bin}"
        return rows[np.lexsort((self._codes[rows], self._rank(rows, purpose)))]

    def _rank(self, rows: NDArray[np.int64], purpose: str) -> NDArray[np.uint64]:
        # By an operator's own name: which file of a spec it stands in changes nothing.
        return _mix(self._codes[rows], _salt(self._program.seed, purpose.rpartition(".")[2]))


def select(
    program: Program, profile: Profile, problem: Problem, assignment: Assignment, stock: Stock = NOTHING
) -> Selection:
    """Chooses the items for `assignment`; the removals at once, since what leaves is no source of anything."""
    grouping = group_items(program, profile, stock)
    rows = np.argsort(grouping.cell_of, kind="stable")
    starts = np.searchsorted(grouping.cell_of[rows], np.arange(len(grouping.cells) + 1))
    ordered = tuple(dimension.ordered for dimension in split_dimensions(program)) + (False,) * problem.has_flag
    codes = np.fromiter((_code(key) for key in profile.keys), dtype=np.uint64, count=profile.size)
    bins = np.array([cell.bin for cell in problem.cells], dtype=np.int64)
    blank = Selection(
        program, problem, profile.keys, codes, rows, starts.astype(np.int64), ordered, _kin=find_kin(problem),
        _bins=bins.reshape(len(problem.cells), len(problem.axes)),
        _reaching={
            index: _find_reaching(problem, index)
            for index, action in enumerate(problem.operators)
            if action.kind == "generate"
        },
    )  # fmt: skip
    repeated = np.fromiter(("-" in key for key in profile.keys), dtype=np.bool_, count=profile.size)
    gone = np.zeros(profile.size, dtype=np.bool_)

    def order_removals(allotment: Allotment, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        operator = problem.operators[allotment.operator].operator
        worst = profile.preference.get(operator)
        badness = np.zeros(len(candidates)) if worst is None else worst[candidates]
        order = np.lexsort((codes[candidates], blank._rank(candidates, operator), ~repeated[candidates], -badness))
        return candidates[order]

    removals = [each for each in assignment.allotments if problem.operators[each.operator].kind == "remove"]
    leaving: dict[Allotment, NDArray[np.int64]] = {}
    bound, bought, changed = _pick_bought(blank, assignment, stock, removals, order_removals)
    gone |= changed
    for allotment in removals:
        assert allotment.cell is not None
        candidates = blank._rows_of(allotment.cell)
        candidates = candidates[~gone[candidates] & ~bound[candidates]]
        leaving[allotment] = order_removals(allotment, candidates)[: allotment.count]
        gone[leaving[allotment]] = True
    chosen = replace(blank, _leaving=leaving, _gone=gone, _bought=bought)
    return replace(chosen, _anchored=_share_anchors(chosen, assignment, stock))


def _find_reaching(problem: Problem, index: int) -> dict[Bin, NDArray[np.int64]]:
    """Per target of a `generate`, the cells whose items may anchor it. Targets with the same anchors share the array;
    bins that lead to the same targets share their tuple, so each is walked once."""
    targets = problem.operators[index].targets or {}
    sources: dict[int, list[int]] = {}  # tuple of targets -> cells
    leading: dict[Bin, tuple[int, ...]] = {}  # target -> the tuples it is in
    for number, cell in enumerate(problem.cells):
        if not cell.count or index not in cell.eligible or cell.bin not in targets:
            continue
        bins = targets[cell.bin]
        if id(bins) not in sources:
            sources[id(bins)] = []
            for target in bins:
                leading[target] = (*leading.get(target, ()), id(bins))
        sources[id(bins)].append(number)
    merged = {
        tuples: np.array(sorted(number for each in tuples for number in sources[each]), dtype=np.int64)
        for tuples in set(leading.values())
    }
    return {target: merged[tuples] for target, tuples in leading.items()}


def _pick_bought(
    selection: Selection,
    assignment: Assignment,
    stock: Stock,
    removals: Sequence[Allotment],
    order_removals: Callable[[Allotment, NDArray[np.int64]], NDArray[np.int64]],
) -> tuple[NDArray[np.bool_], dict[Allotment, tuple[Bought, ...]], NDArray[np.bool_]]:
    """The results that stand for the allotments from stock, and the rows that must stay for them.

    All items of a cell have the same, so the items are taken in one order by all allotments of the cell: those that
    would leave last. What the form's rows leave room for then suffices. An item is changed once, and the copies that
    stay are of others. Last: the rows that are changed.
    """
    owned: dict[tuple[int, Bin], dict[int, list[Bought]]] = {}
    for each in sorted(stock.bought, key=lambda each: not each.pinned):  # what is pinned is picked first
        owned.setdefault((each.operator, each.bin), {}).setdefault(each.row, []).append(each)
    by_cell = {allotment.cell: allotment for allotment in reversed(removals)}
    bound = np.zeros(len(selection._keys), dtype=np.bool_)
    changed = np.zeros(len(selection._keys), dtype=np.bool_)
    bought: dict[Allotment, tuple[Bought, ...]] = {}
    operators = selection._problem.operators
    for allotment in sorted(
        (each for each in assignment.allotments if each.stock),
        key=lambda each: operators[each.operator].kind not in LEAVING,
    ):
        assert allotment.bin is not None
        mine = owned[allotment.operator, allotment.bin]
        if allotment.cell is None:  # in the order in which they were made
            alike = [
                each for each in stock.bought if (each.operator, each.bin) == (allotment.operator, allotment.bin)
            ]
            bought[allotment] = tuple(sorted(alike, key=lambda each: not each.pinned)[: allotment.count])
            continue
        rows = selection._rows_of(allotment.cell)
        first = by_cell.get(allotment.cell)
        rows = order_removals(allotment if first is None else first, rows)[::-1]
        taken: list[Bought] = []
        if operators[allotment.operator].kind not in LEAVING:
            pinned = [(int(row), each) for row in rows for each in mine[int(row)] if each.pinned]
            taken += [each for _, each in pinned]
            bound[[row for row, _ in pinned]] = True
            mine = {row: [each for each in known if not each.pinned] for row, known in mine.items()}
        for row in map(int, rows):
            if len(taken) == allotment.count:
                break
            if changed[row]:
                continue
            bound[row] = True
            if operators[allotment.operator].kind in LEAVING:
                changed[row] = True
                taken.append(mine[row][0])
            else:
                taken += mine[row][: allotment.count - len(taken)]
        bought[allotment] = tuple(taken)
    return bound, bought, changed


def _share_anchors(
    selection: Selection, assignment: Assignment, stock: Stock
) -> dict[Allotment, NDArray[np.int64]]:
    """The anchors of every `generate` whose items may be tried `max_per_item` times: who may ask whom, in order.

    Targets that the same items can lead to share the attempts of these items in proportion to their counts, which
    leaves each at least count / success of them (the model's row `anchors`). Own topics are dealt out first.
    """
    problem = selection._problem
    pools: dict[tuple[int, int], list[Allotment]] = {}  # by operator and anchors
    for allotment in assignment.allotments:
        action = problem.operators[allotment.operator]
        if (
            action.kind == "generate"
            and action.attempts_per_item is not None
            and allotment.count
            and not allotment.stock
        ):
            pools.setdefault((allotment.operator, id(selection._reached_from(allotment))), []).append(allotment)
    dealt: dict[Allotment, NDArray[np.int64]] = {}
    for (operator, _), allotments in pools.items():
        action = problem.operators[operator]
        limit = action.attempts_per_item or 0
        topics = {allotment: selection._anchors(allotment) for allotment in allotments}
        used = np.zeros(len(selection._keys), dtype=np.int64)
        for (tried_by, row), tries in stock.tried.items():
            if tried_by == operator:
                used[row] = min(tries, limit)
        slots = int((limit - used[selection._rows_in(selection._reached_from(allotments[0]))]).sum())
        wanted = sum(allotment.count for allotment in allotments)
        hands: dict[Allotment, list[NDArray[np.int64]]] = {allotment: [] for allotment in allotments}
        for most_topics in (1, None):  # the own topic, then the others
            for allotment in allotments:
                # More than this is never listed: see `estimate.chance`.
                most = _LONGEST_LIST + int(_LONGEST_LIST * allotment.count / max(action.success, 1e-3))
                quota = min(most, slots * allotment.count // wanted) - sum(len(rows) for rows in hands[allotment])
                if quota <= 0:
                    continue
                for levels in islice(topics[allotment], most_topics):
                    quota -= _deal(np.concatenate(levels), selection._gone, used, limit, quota, hands[allotment])
                    if quota <= 0:
                        break
        dealt |= {allotment: np.concatenate([_NO_ROWS, *hand]) for allotment, hand in hands.items()}
    return dealt


def _deal(
    rows: NDArray[np.int64], gone: NDArray[np.bool_], used: NDArray[np.int64], limit: int, quota: int,
    hand: list[NDArray[np.int64]],
) -> int:  # fmt: skip
    """Moves at most `quota` attempts of `rows` into `hand`, each item once before any twice; how many they were."""
    ranked = np.concatenate([rows[~gone[rows]], rows[gone[rows]]])
    taken = 0
    while taken < quota:
        free = ranked[used[ranked] < limit]
        if not free.size:
            break
        free = free[: quota - taken]
        used[free] += 1
        hand.append(free)
        taken += len(free)
    return taken


def _code(key: str) -> int:
    """A content key as a number; the second of two exact duplicates gets another than the first."""
    digits, _, repeat = key.partition("-")
    return (int(digits, 16) + int(repeat or 0)) % 2**64


def _salt(seed: int, purpose: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:8]))


def _mix(codes: NDArray[np.uint64], salt: np.uint64) -> NDArray[np.uint64]:
    mixed = codes ^ salt
    for multiplier, shift in zip(_MIX, (np.uint64(30), np.uint64(27)), strict=True):
        mixed = (mixed ^ (mixed >> shift)) * multiplier
    return mixed ^ (mixed >> np.uint64(31))
