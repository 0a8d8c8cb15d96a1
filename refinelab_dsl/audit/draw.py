"""A stratified sample: of each stratum as many as its share of the set asks, at least one, by a hash of the seed."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from refinelab_dsl.diagnostics.catalog import audit as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may be drawn. key: what tells it from every other. labels: by what it may be drawn.
    shown: what a reviewer reads, by column; nothing in it says who made the item."""

    key: str
    id: str
    row: int
    labels: Mapping[str, str | None]
    shown: Mapping[str, str]
    origin: Literal["original", "changed", "added"] | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A stratum: its labels, how many items it has, and those that were drawn."""

    labels: Mapping[str, str | None]
    items: int
    chosen: tuple[Candidate, ...]


@dataclass
class _Stratum:
    """The `size` items with the smallest hashes are held; a heap of negated ones, so that the largest leaves first."""

    labels: Mapping[str, str | None]
    items: int = 0
    heap: list[tuple[int, int, Candidate]] = field(default_factory=list)


def draw_sample(
    candidates: Iterable[Candidate], by: Sequence[str], size: int, seed: int
) -> tuple[Drawn, ...] | Diagnostic:
    """At most `size` items, stratified by the labels that `by` names; strata in the order of their labels.

    The same items, seed and size give the same sample, whatever their order. Memory holds `size` items per stratum.
    """
    strata: dict[tuple[str | None, ...], _Stratum] = {}
    for number, candidate in enumerate(candidates):
        labels = {name: candidate.labels.get(name) for name in by}
        stratum = strata.setdefault(tuple(labels.values()), _Stratum(labels))
        stratum.items += 1
        entry = (-_rank(seed, candidate.key), number, candidate)
        if len(stratum.heap) < size:
            heapq.heappush(stratum.heap, entry)
        else:
            heapq.heappushpop(stratum.heap, entry)
    if len(strata) > size:
        return faults.too_many_strata(size, len(strata), by)
    ordered = [strata[labels] for labels in sorted(strata, key=lambda labels: [label or "" for label in labels])]
    counts = allocate([stratum.items for stratum in ordered], size)
    return tuple(
        Drawn(
            stratum.labels,
            stratum.items,
            tuple(candidate for _, _, candidate in sorted(stratum.heap, key=lambda entry: -entry[0])[:count]),
        )
        for stratum, count in zip(ordered, counts, strict=True)
    )


def allocate(items: Sequence[int], size: int) -> list[int]:
    """How many to draw of strata with so many items, `size` in all: in proportion (largest remainders; of equal ones
    the first), at least one of each, never more than there are.

    size: at least the number of strata.
    """
    total = sum(items)
    if size >= total:
        return list(items)
    counts = [max(1, size * each // total) for each in items]
    while (missing := size - sum(counts)) != 0:
        # What is furthest from its share moves by one; the least of one, and what there is, stay bounds.
        step = 1 if missing > 0 else -1
        movable = [at for at, count in enumerate(counts) if (count < items[at] if step > 0 else count > 1)]
        at = max(movable, key=lambda at: (step * (size * items[at] - total * counts[at]), -at))
        counts[at] += step
    return counts


def code_of(seed: int, key: str) -> str:
    """How the sheets call an item: a hash that says nothing of it."""
    return f"{_rank(seed, 'code/' + key) >> 216:010x}"


def _rank(seed: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode("utf-8", "surrogatepass")).digest())
