"""The nearest of many texts: candidates by MinHash (`likeness.candidates`), likeness exactly. A likeness above 0.9 is
exact in practice, and one below 0.6 may read as 0. Equal texts are always found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item
from refinelab_dsl.likeness.candidates import BANDS, CANDIDATES, sign
from refinelab_dsl.likeness.text import comparison_text, count_grams, dice, passage_digest

_TAIL: Final = 4096  # rows that are scanned before they are sorted in


class Neighbours:
    """Texts of items, and the likeness of the nearest of them to a new one. Grows; 300 bytes or so an item, and its
    text."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._texts: list[str] = []
        self._passages: list[bytes] = []
        self._exact: set[bytes] = set()
        self._sorted = np.empty((BANDS, 0), np.uint32)  # per band, ascending
        self._owners = np.empty((BANDS, 0), np.int32)
        self._tail = np.empty((_TAIL, BANDS), np.uint32)
        self._in_tail = 0
        for item in items:
            self.add(item)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, item: Item, vectors: object = None) -> None:
        """Puts an item among the neighbours. vectors: no matter, where letters are compared."""
        text = comparison_text(item)
        self._add(text, passage_digest(item), sign([text])[0])

    def nearest(self, item: Item, vectors: object = None) -> float:
        """Likeness of the nearest item, 0 where none comes near. vectors: as above."""
        text, passage = comparison_text(item), passage_digest(item)
        if _digest(text, passage) in self._exact:
            return 1.0
        grams = count_grams(text)
        return max(
            (dice(grams, count_grams(self._texts[index])) for index in self._candidates(sign([text])[0], passage)),
            default=0.0,
        )

    def _add(self, text: str, passage: bytes, signature: NDArray[np.uint32]) -> None:
        if self._in_tail == len(self._tail):
            self._sort_in()
        self._tail[self._in_tail] = signature
        self._in_tail += 1
        self._texts.append(text)
        self._passages.append(passage)
        self._exact.add(_digest(text, passage))

    def _candidates(self, signature: NDArray[np.uint32], passage: bytes) -> list[int]:
        start = len(self._texts) - self._in_tail
        runs = []
        for band, key in enumerate(signature):
            first, last = np.searchsorted(self._sorted[band], [key, key + np.uint64(1)])
            runs.append(self._owners[band, first:last])
        owners = np.concatenate(runs)
        if owners.size > start // 8:  # many texts are made alike: counting is faster than sorting
            counted = np.bincount(owners, minlength=start)
            places = np.flatnonzero(counted)
            counts = counted[places]
        else:
            places, counts = np.unique(owners, return_counts=True)
        equal = (self._tail[: self._in_tail] == signature).sum(axis=1)
        late = np.flatnonzero(equal)
        places, counts = np.concatenate([places, start + late]), np.concatenate([counts, equal[late]])
        ranked = places[np.lexsort((places, -counts))].tolist()
        return list(islice((index for index in ranked if self._passages[index] == passage), CANDIDATES))

    def _sort_in(self) -> None:
        """Moves the tail into the sorted bands; the tail grows with them, so that this happens rarely."""
        start = len(self._texts) - self._in_tail
        owners = np.arange(start, len(self._texts), dtype=np.int32)
        keys = np.concatenate([self._sorted, self._tail[: self._in_tail].T], axis=1)
        holders = np.concatenate([self._owners, np.broadcast_to(owners, (BANDS, self._in_tail))], axis=1)
        for band in range(BANDS):
            order = np.argsort(keys[band], kind="stable")
            keys[band], holders[band] = keys[band][order], holders[band][order]
        self._sorted, self._owners = keys, holders
        self._tail = np.empty((max(_TAIL, len(self._texts) // 8), BANDS), np.uint32)
        self._in_tail = 0


def _digest(text: str, passage: bytes) -> bytes:
    return hashlib.sha256(passage + text.encode("utf-8", "replace")).digest()[:16]
