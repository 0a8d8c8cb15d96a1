"""The allocation problem and its answer as plain values: no IR, no items, no Pyomo.

Counts are of *accepted* results. `optimisation.md`: the number of columns does not depend on the number of items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

FLAGGED, CLEAN = 0, 1  # labels of the axis that flags make

Bin: TypeAlias = tuple[int, ...]  # one label index per axis, -1 where unknown


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension in the problem. `target` holds one share per label (sums to 1), None for a dimension that only
    splits cells (an operator moves it). `tolerance` is absolute, in shares. `floor` is a count per label. `parts`: of a
    joint target, the places of the axes whose labels, side by side, are its own.

    flag: its labels are `FLAGGED` and `CLEAN`, it has no target, and the share of flagged items counts as it is.

    Items whose label is unknown (-1) on an axis with a target stay, outside of that axis' shares.
    """

    name: str
    labels: tuple[str, ...]
    target: tuple[float, ...] | None
    weight: float = 1.0
    tolerance: float | None = None
    floor: int = 0
    parts: tuple[int, ...] = ()
    flag: bool = False

    @property
    def is_derived(self) -> bool:
        """Whether it is no dimension: no result is made for a label of it."""
        return bool(self.parts) or self.flag


def join_parts(axes: Sequence[Axis], bin: Bin) -> Bin:
    """The bin with the label of a joint target that its other labels make."""
    joined = list(bin)
    for place, axis in enumerate(axes):
        if axis.parts:
            labels = [joined[part] for part in axis.parts]
            code = 0
            for part, label in zip(axis.parts, labels, strict=True):
                code = code * len(axes[part].labels) + label
            joined[place] = code if min(labels) >= 0 else -1
    return tuple(joined)


@dataclass(frozen=True, slots=True)
class Cell:
    """Interchangeable items: the same label on every axis, the same protection and eligibility.

    bin: one label index per axis, -1 where unknown (such items stay, outside of the shares).
    eligible: indices into `Problem.operators` of those whose `where` these items satisfy.
    count: number of such items; 0 for a cell that only results can fill.
    kin: the first of the cells that differ from this one only in what earlier runs made of their items; None where it
        is itself the first.
    """

    bin: Bin
    count: int
    protected: bool = False
    eligible: frozenset[int] = frozenset()
    kin: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What one operator may do: one column family of the model.

    kind: `remove` (item leaves), `expand` (item stays, + 1 in the same bin), `generate` (anchor stays, + 1 in the
        target bin), `move` (item goes to another bin), `fix` (in place).
    success: chance that an attempt is accepted. tokens, usd: expected cost of one attempt.
    attempts_per_item: how often one item may be tried (`max_per_item`), None without limit.
    targets: for `generate` and `move`, per source bin the bins it may lead to. Two source bins of a `generate` lead
        either to the same bins or to none in common, as `moves` makes them.
    max_usd: expected dollars of all its attempts together (`max_cost`), None without limit.
    sure: per index of a first cell, the accepted results that trying all items of it and its kin as often as is left
        gives almost surely; where absent, the expected number.
    stock: accepted results that earlier runs bought and that cost nothing, by (cell, bin); the cell is None for
        `generate`. Each item of a cell has equally many: cells are split where items differ in that.
    tried: per cell index, how many of each item's `attempts_per_item` earlier runs have used.
    pinned: by (cell, bin), how many of `stock` are in every plan; the bin is None for removals that are.
    """

    operator: str
    kind: Literal["remove", "expand", "generate", "move", "fix"]
    success: float = 1.0
    tokens: float = 0.0
    usd: float = 0.0
    attempts_per_item: int | None = 1
    per_call: int = 1  # attempts on one item that share a call: they stand side by side
    targets: Mapping[Bin, tuple[Bin, ...]] | None = None
    max_usd: float | None = None
    sure: Mapping[int, int] | None = None
    stock: Mapping[tuple[int | None, Bin], int] | None = None
    tried: Mapping[int, int] | None = None
    pinned: Mapping[tuple[int | None, Bin | None], int] | None = None

    def reach(self, cell: int, tries: int) -> float | None:
        """The most accepted results that may be planned from the `tries` that are left of a cell and its kin; None
        without limit."""
        if self.attempts_per_item is None:
            return None
        if self.sure is not None and cell in self.sure:
            return float(min(self.sure[cell], tries))
        return self.success * tries

    def left(self, cell: int) -> int:
        """How often each item of a cell may still be tried, where that is limited."""
        return max(0, (self.attempts_per_item or 0) - (self.tried or {}).get(cell, 0))


@dataclass(frozen=True, slots=True)
class Paid:
    """What earlier legs of a run paid of its budget. limit: that budget in tokens, as the first of them had it: a share
    of a full cost is settled once. embedded: the embeddings by which they bought vectors of all items."""

    tokens: int = 0
    usd: Decimal = Decimal(0)
    limit: int | None = None
    embedded: frozenset[str] = frozenset()


NOT_PAID = Paid()


@dataclass(frozen=True, slots=True)
class Limits:
    """Constraints, in counts and absolute amounts. None: not limited. Amounts are expected ones, reserve taken off.

    `size` is None only where `explain` asks which constraints conflict. Where `sizes` is given, the size is free from
    its first to its second number, and `size` is None. reserved_tokens, reserved_usd: the reserves that are taken off.
    before_tokens, before_usd: what is paid before the first result (vectors of the originals), taken off as well.
    """

    size: int | None
    max_removed: int | None = None
    keep_originals: int | None = None
    distinct: float | None = None  # share of the final size
    flagged: float | None = None  # share of the final size
    tokens: float | None = None
    usd: float | None = None
    sizes: tuple[int, int] | None = None
    reserved_tokens: float = 0.0
    reserved_usd: float = 0.0
    before_tokens: float = 0.0
    before_usd: float = 0.0


@dataclass(frozen=True)
class Problem:
    """What is to be decided, and how.

    gap: absolute, in the objective's unit; None: max(1e-6, 1e-4 objective). seed: of whatever a strategy draws. relax:
    the relaxation alone, rounded. static: `greedy` with the gains of the start, as in the paper.
    """

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    operators: tuple[Action, ...]
    limits: Limits
    gap: float | None = None
    time_limit: float = 60.0
    strategy: str = "joint"
    seed: int = 0
    relax: bool = False
    static: bool = False

    @property
    def has_flag(self) -> bool:
        """Whether flags make the last axis."""
        return bool(self.axes) and self.axes[-1].flag


def find_kin(problem: Problem) -> Mapping[int, tuple[int, ...]]:
    """Per first cell: itself and those that differ from it only in what earlier runs made of their items."""
    found: dict[int, list[int]] = {}
    for number, cell in enumerate(problem.cells):
        found.setdefault(number if cell.kin is None else cell.kin, []).append(number)
    return {first: tuple(numbers) for first, numbers in found.items()}


@dataclass(frozen=True, slots=True)
class Allotment:
    """`count` accepted results of operator `operator` (index) from cell `cell` (index) into `bin`.

    `cell` is None for `generate` (its anchor is chosen by `select`); `bin` is None for `remove`. `stock`: they are
    there already, bought by earlier runs.
    """

    operator: int
    cell: int | None
    bin: Bin | None
    count: int
    stock: bool = False


@dataclass(frozen=True, slots=True)
class Worth:
    """What moving one limit by `step` changes, solved again: the objective by `divergence`, the cost by the rest.

    limit: named as in `Infeasible`, or `target:topic:algebra` for a label that falls `short` (in items) of its target;
    of that `tokens` and `usd` are what `step` items more cost, `divergence` None where no more can be had whatever the
    budget. step: in items, shares, tokens or dollars; 0 for `protect`, which is left out as a whole.
    """

    limit: str
    step: float
    divergence: float | None = None
    tokens: float = 0.0
    usd: float = 0.0
    short: float = 0.0


@dataclass(frozen=True)
class Assignment:
    """The answer. `bound` <= `objective`; `status` is `optimal` only where objective - bound <= gap is proven.

    planned: per axis, final items per label. tokens, usd: expected, over all attempts. duals: what binds, and what one
    unit more of it is worth.
    """

    allotments: tuple[Allotment, ...]
    objective: float
    bound: float
    gap: float
    status: Literal["optimal", "feasible"]
    solver: str
    strategy: str
    planned: Mapping[str, tuple[int, ...]]
    tokens: float
    usd: float
    seconds: float
    rounds: int
    variables: int
    rows: int
    duals: Mapping[str, Worth] = field(default_factory=dict)  # by limit; `worth.add_duals` finds them


@dataclass(frozen=True)
class Infeasible:
    """No allocation meets every limit. `conflict` names user constraints (`size`, `max_removed`, `keep_originals`,
    `distinct`, `budget.tokens`, `budget.cost`, `max_cost:author`, `protect`, `tolerance:topic`, `floor:topic`), a
    minimal set;
    `proven` is false where only a time limit ended the search."""

    conflict: tuple[str, ...]
    proven: bool
    ways_out: tuple[tuple[str, str], ...] = ()  # (constraint, a value that was solved again and is feasible)
    sole: bool = True  # without any one of `conflict` a plan exists; else other constraints conflict as well
    together: tuple[tuple[str, str], ...] = ()  # where no single value suffices: values that together do


@dataclass(frozen=True, slots=True)
class Unsolved:
    """No answer: the solver is not installed, the time was up before any plan was found, or the solver failed."""

    reason: Literal["missing", "stopped", "failed"]
    solver: str
