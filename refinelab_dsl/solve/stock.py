"""Results that earlier runs bought, as the allocation counts them and as the selection picks them.

A copy takes its original along where that leaves, and a try is used up. So items that differ in what earlier runs made
of them are not interchangeable: the cells are split by it (`optimisation.md`, Cells).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.problem import Bin

Question: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]  # all that tells attempts apart but the sample
Signature: TypeAlias = tuple[tuple[int, Bin | None, int], ...]  # (operator, bin, results); bin None: tries


@dataclass(frozen=True, slots=True)
class Bought:
    """An accepted result: of operator `operator` (index) from the item in row `row` into `bin`. pinned: a person wants
    it in every plan.

    sample, key: of the attempt. request: the content key of the first call of its operator's own prompt; None where it
    needed none. replies: the hashes of its replies.
    """

    operator: int
    row: int
    bin: Bin
    sample: int
    key: str
    request: str | None
    replies: tuple[str, ...]
    pinned: bool = False


@dataclass(frozen=True)
class Stock:
    """What is there, in the order in which runs made it.

    bought: accepted results. tried: (operator, row) -> tries that are used up, for operators with `max_per_item`.
    bound: the operators whose results stand beside their item or in its place; of others it is only the anchor.
    samples: (operator's name, item's key, target) -> the samples that have been asked for, accepted or not.
    leaving: row -> the operator (index) that a person wants to take its item out in every plan.
    """

    bought: tuple[Bought, ...] = ()
    tried: Mapping[tuple[int, int], int] = field(default_factory=dict)
    bound: frozenset[int] = frozenset()
    samples: Mapping[Question, frozenset[int]] = field(default_factory=dict)
    leaving: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def signatures(self) -> Mapping[int, Signature]:
        """Row -> what its item has; rows without anything are left out."""
        owned: dict[int, Counter[tuple[int, Bin]]] = defaultdict(Counter)
        for each in self.bought:
            if each.operator in self.bound:
                owned[each.row][each.operator, each.bin] += 1
        used: dict[int, list[tuple[int, None, int]]] = defaultdict(list)
        for (operator, row), tries in sorted(self.tried.items()):
            used[row].append((operator, None, tries))
        return {
            row: (*((operator, bin, count) for (operator, bin), count in sorted(owned[row].items())), *used[row])
            for row in sorted(owned.keys() | used.keys())
        }

    @cached_property
    def pins(self) -> Mapping[int, Signature]:
        """Row -> what of its item is pinned, a bin of None: that it leaves; rows without anything are left out."""
        found: dict[int, Counter[tuple[int, Bin | None]]] = defaultdict(Counter)
        for each in self.bought:
            if each.pinned and each.operator in self.bound:
                found[each.row][each.operator, each.bin] += 1
        for row, operator in self.leaving.items():
            found[row][operator, None] += 1
        return {
            row: tuple(sorted(((*place, count) for place, count in pinned.items()), key=repr))
            for row, pinned in sorted(found.items())
        }

    @cached_property
    def pin_kinds(self) -> tuple[Signature, ...]:
        """As `kinds`, of `pins`."""
        return ((), *sorted(set(self.pins.values()), key=repr))

    def pin_codes(self, size: int) -> NDArray[np.int64]:
        """Per row the index of what of it is pinned, in `pin_kinds`."""
        return _number(self.pins, self.pin_kinds, size)

    @cached_property
    def kinds(self) -> tuple[Signature, ...]:
        """The signatures that occur, the empty one first, in an order of their own."""
        return ((), *sorted(set(self.signatures.values()), key=repr))

    def codes(self, size: int) -> NDArray[np.int64]:
        """Per row the index of its signature in `kinds`."""
        return _number(self.signatures, self.kinds, size)


def _number(signatures: Mapping[int, Signature], kinds: Sequence[Signature], size: int) -> NDArray[np.int64]:
    number = {signature: index for index, signature in enumerate(kinds)}
    codes = np.zeros(size, dtype=np.int64)
    for row, signature in signatures.items():
        codes[row] = number[signature]
    return codes


NOTHING = Stock()
