"""From an assignment to who is asked for what: actions, the sources of their attempts, candidates for removal.

`optimisation.md`: attempts are listed for the stated confidence; removals are listed as candidates, and their number
is settled by the runtime at the end, so that a shortfall never leaves a hole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from refinelab_dsl.estimate.chance import Attempts, Want, size_attempts
from refinelab_dsl.estimate.estimates import Estimates
from refinelab_dsl.ir import Program
from refinelab_dsl.solve.problem import Allotment, Assignment, Problem
from refinelab_dsl.solve.select import Selection
from refinelab_dsl.solve.stock import Bought


@dataclass(frozen=True)
class Group:
    """The allotments of one operator from one combination of labels into another: one action of the plan. effect: what
    an accepted result does to the counts."""

    operator: str
    kind: str
    effect: str
    origin: dict[str, str]
    target: dict[str, str]
    allotments: tuple[Allotment, ...]

    @property
    def adds_items(self) -> bool:
        return self.effect in ("expand", "generate")

    @property
    def count(self) -> int:
        return sum(allotment.count for allotment in self.allotments)

    @property
    def stock(self) -> int:
        """How many of `count` earlier runs have brought."""
        return sum(allotment.count for allotment in self.allotments if allotment.stock)

    @property
    def new(self) -> tuple[Allotment, ...]:
        """What is still to be made."""
        return tuple(allotment for allotment in self.allotments if not allotment.stock)


@dataclass(frozen=True)
class Sketch:
    """Who is asked for what, before any prompt is rendered: actions with the keys of their attempts' sources."""

    groups: tuple[Group, ...]
    attempts: Attempts
    bought: tuple[tuple[Bought, ...], ...]  # per group, what earlier runs brought: the first of its attempts
    sources: tuple[tuple[str, ...], ...]  # per group, one key per listed attempt, those of `bought` first
    removals: tuple[Group, ...]
    leaving: tuple[tuple[str, ...], ...]  # per removal, candidates in order

    @property
    def growth(self) -> int:
        """Items by which the set grows."""
        return sum(group.count for group in self.groups if group.adds_items) - sum(map(len, self.leaving))

    @property
    def keys(self) -> frozenset[str]:
        """Every item whose text a prompt needs."""
        return frozenset(chain.from_iterable(self.sources))


def sketch_plan(
    program: Program, problem: Problem, assignment: Assignment, estimates: Estimates, selection: Selection
) -> Sketch:
    """Chooses the sources of every attempt and the candidates of every removal."""
    kinds = {operator.name: operator.kind for operator in program.operators}
    groups = tuple(_group(problem, assignment, kinds, removing=False))
    removals = tuple(_group(problem, assignment, kinds, removing=True))
    pools = [_pool(group, selection) for group in groups]
    wants = [
        Want(group.operator, group.count - group.stock, pool) for group, pool in zip(groups, pools, strict=True)
    ]
    rates = {name: estimate.rate for name, estimate in estimates.operators.items()}
    attempts = size_attempts(wants, rates, float(program.solve.confidence))
    bought = tuple(
        tuple(chain.from_iterable(selection.bought(allotment) for allotment in group.allotments if allotment.stock))
        for group in groups
    )
    sources = tuple(
        (*(selection.key(each.row) for each in there), *_spread(group.new, count, selection))
        for group, there, count in zip(groups, bought, attempts.attempts, strict=True)
    )
    leaving = tuple(
        tuple(chain.from_iterable(selection.removals(allotment) for allotment in group.allotments))
        for group in removals
    )
    return Sketch(groups, attempts, bought, sources, removals, leaving)


def _group(
    problem: Problem, assignment: Assignment, kinds: Mapping[str, str], *, removing: bool
) -> Iterator[Group]:
    def describe(bin_: tuple[int, ...] | None) -> dict[str, str]:
        if bin_ is None:
            return {}
        labels = zip(problem.axes, bin_, strict=True)
        # A joint target's label is told by the others, and a flag is no label.
        return {axis.name: axis.labels[index] for axis, index in labels if index >= 0 and not axis.is_derived}

    found: dict[tuple[int, tuple[int, ...] | None, tuple[int, ...] | None], list[Allotment]] = {}
    for allotment in assignment.allotments:
        if allotment.count == 0 or (problem.operators[allotment.operator].kind == "remove") is not removing:
            continue
        origin = None if allotment.cell is None else problem.cells[allotment.cell].bin
        found.setdefault((allotment.operator, origin, allotment.bin), []).append(allotment)
    order = sorted(found, key=lambda key: (key[0], key[1] or (), key[2] or ()))
    for key in order:
        operator = problem.operators[key[0]]
        name = operator.operator
        yield Group(name, kinds[name], operator.kind, describe(key[1]), describe(key[2]), tuple(found[key]))


def _pool(group: Group, selection: Selection) -> int | None:
    """How many attempts the sources of a group allow; None without limit."""
    available = [selection.available(allotment) for allotment in group.new]
    return None if any(count is None for count in available) else sum(count or 0 for count in available)


def _spread(allotments: tuple[Allotment, ...], attempts: int, selection: Selection) -> tuple[str, ...]:
    """Sources of what is to be made: each allotment's own count first, then reserves in turn."""
    per_allotment = [list(selection.sources(allotment, attempts)) for allotment in allotments]
    first = [key for keys, allotment in zip(per_allotment, allotments, strict=True) for key in keys[: allotment.count]]
    reserves = [keys[allotment.count :] for keys, allotment in zip(per_allotment, allotments, strict=True)]
    longest = max(map(len, reserves), default=0)
    in_turn = [keys[index] for index in range(longest) for keys in reserves if index < len(keys)]
    return tuple((first + in_turn)[:attempts])
