"""Clusters of nearly equal items: the connected components of pairs that are alike enough.

Two items are such a pair only where their passages are the same and their answers, too: a question that differs from
another in a number or a `not` reads nearly the same, and asks something else.

A cluster is a chain: its first and its last item may be less alike than the threshold. Every item is told the first of
its cluster in the order in which they came; one that stands alone has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item
from refinelab_dsl.embeddings.cosine import Rows
from refinelab_dsl.likeness.candidates import propose_pairs, sign
from refinelab_dsl.likeness.text import (
    Grams,
    answer_text,
    comparison_text,
    count_grams,
    dice,
    is_same_answer,
    kin_digest,
)

_BLOCK: Final = 1024  # rows that are compared at a time with all before them


def cluster_by_text(items: Iterable[Item], threshold: float) -> list[int | None]:
    """Clusters by likeness of texts (`likeness.text`), of candidates that MinHash proposes (`likeness.candidates`).

    Returns, per item, the place of the first of its cluster.
    """
    firsts: dict[tuple[str, bytes, str], int] = {}
    copies: list[tuple[int, int]] = []
    kin: dict[bytes, list[int]] = {}
    texts: dict[int, str] = {}
    answers: dict[int, str] = {}
    count = 0
    for place, item in enumerate(items):
        count += 1
        text, digest, answer = comparison_text(item), kin_digest(item), answer_text(item)
        first = firsts.setdefault((text, digest, answer), place)
        if first != place:
            copies.append((first, place))
            continue
        texts[place], answers[place] = text, answer
        kin.setdefault(digest, []).append(place)
    forest = _Forest(count)
    for first, place in copies:
        forest.join(first, place)
    groups = [group for group in kin.values() if len(group) > 1]  # most problems have a number for themselves
    places = [place for group in groups for place in group]
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    grams: dict[int, Grams] = {}

    def weigh(place: int) -> Grams:
        found = grams.get(place)
        if found is None:
            found = grams[place] = count_grams(texts[place])
        return found

    for earlier, later in propose_pairs(sign([texts[place] for place in places]), numbers):
        one, other = places[earlier], places[later]
        shortest, longest = sorted((max(3, len(texts[one])) - 2, max(3, len(texts[other])) - 2))
        if 2 * shortest < threshold * (shortest + longest) or forest.is_joined(one, other):
            continue
        if not is_same_answer(answers[one], answers[other]):
            continue
        if texts[one] == texts[other] or dice(weigh(one), weigh(other)) >= threshold:
            forest.join(one, other)
    return forest.list_firsts()


def cluster_rows(
    rows: NDArray[np.float32], passages: Sequence[bytes], answers: Sequence[str], threshold: float
) -> list[int | None]:
    """Clusters by cosine of embeddings: every pair is compared, so the work grows with the square of the number.

    rows: one per item, as are its passage (`text.passage_digest`) and its answer (`text.answer_text`).
    Returns, per item, the place of the first of its cluster.
    """
    whole, forest = Rows.of(rows), _Forest(len(rows))
    for start in range(0, len(rows), _BLOCK):
        block = whole.slice(start, start + _BLOCK)
        for other in range(0, start + 1, _BLOCK):
            near = block.cosines(whole.slice(other, other + _BLOCK)) >= threshold
            for one, two in zip(*(found.tolist() for found in np.nonzero(near)), strict=True):
                first, second = other + two, start + one
                if first >= second or passages[first] != passages[second] or forest.is_joined(first, second):
                    continue
                if is_same_answer(answers[first], answers[second]):
                    forest.join(first, second)
    return forest.list_firsts()


class _Forest:
    """Disjoint sets of places, each with its least as root (Tarjan 1975, with paths halved)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def join(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        self._parents[max(one, other)] = min(one, other)

    def is_joined(self, one: int, other: int) -> bool:
        return self._root(one) == self._root(other)

    def list_firsts(self) -> list[int | None]:
        """Per place the root of its set; None where it is alone."""
        roots = [self._root(place) for place in range(len(self._parents))]
        counts = np.bincount(roots, minlength=1)
        return [root if counts[root] > 1 else None for root in roots]

    def _root(self, place: int) -> int:
        parents = self._parents
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place
