"""The nearest of many texts, and all that are near: candidates by MinHash, likeness exactly.

Candidates are those that MinHash banding proposes (Broder 1997; 24 bands of 4 rows over character 5-grams): two texts
of which 70% of the 5-grams agree are found with a chance of 99.8%, and of which half agree with 79%. So a likeness
above 0.9 is exact in practice, and one below 0.6 may read as 0. Equal texts are always found. All hashing is fixed
arithmetic: the same texts in the same order give the same numbers on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item
from refinelab_dsl.embeddings.letters import mix, odd_numbers
from refinelab_dsl.likeness.text import comparison_text, count_grams, dice, kin_digest, passage_digest

_BANDS: Final = 24
_ROWS: Final = 4
_SHINGLE: Final = 5
_TAIL: Final = 4096  # rows that are scanned before they are sorted in
_CANDIDATES: Final = 256  # compared exactly per query, those with the most equal bands first


class Neighbours:
    """Texts of items, and the likeness of the nearest of them to a new one. Grows; 300 bytes or so an item, and its
    text."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._texts: list[str] = []
        self._passages: list[bytes] = []
        self._exact: set[bytes] = set()
        self._sorted = np.empty((_BANDS, 0), np.uint32)  # per band, ascending
        self._owners = np.empty((_BANDS, 0), np.int32)
        self._tail = np.empty((_TAIL, _BANDS), np.uint32)
        self._in_tail = 0
        for item in items:
            self.add(item)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, item: Item, vectors: object = None) -> None:
        """Puts an item among the neighbours. vectors: no matter, where letters are compared."""
        text = comparison_text(item)
        self._add(text, passage_digest(item), sign(text))

    def nearest(self, item: Item, vectors: object = None) -> float:
        """Likeness of the nearest item, 0 where none comes near. vectors: as above."""
        text, passage = comparison_text(item), passage_digest(item)
        if _digest(text, passage) in self._exact:
            return 1.0
        grams = count_grams(text)
        return max(
            (dice(grams, count_grams(self._texts[index])) for index in self._candidates(sign(text), passage)),
            default=0.0,
        )

    def add_alike(self, item: Item, threshold: float, is_settled: Callable[[int], bool]) -> Iterator[int]:
        """Puts an item among the neighbours, after the places, in the order of `add`, of those candidates before it
        that are at least so alike and may be copies (`text.kin_digest`). What `is_settled` holds for when it is its
        turn is left out, and not compared. Not to be mixed with `add`."""
        text, passage = comparison_text(item), kin_digest(item)
        grams, signature = count_grams(text), sign(text)
        for index in self._candidates(signature, passage):
            if is_settled(index):
                continue
            other = self._texts[index]
            if text == other or dice(grams, count_grams(other)) >= threshold:
                yield index
        self._add(text, passage, signature)

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
        return list(islice((index for index in ranked if self._passages[index] == passage), _CANDIDATES))

    def _sort_in(self) -> None:
        """Moves the tail into the sorted bands; the tail grows with them, so that this happens rarely."""
        start = len(self._texts) - self._in_tail
        owners = np.arange(start, len(self._texts), dtype=np.int32)
        keys = np.concatenate([self._sorted, self._tail[: self._in_tail].T], axis=1)
        holders = np.concatenate([self._owners, np.broadcast_to(owners, (_BANDS, self._in_tail))], axis=1)
        for band in range(_BANDS):
            order = np.argsort(keys[band], kind="stable")
            keys[band], holders[band] = keys[band][order], holders[band][order]
        self._sorted, self._owners = keys, holders
        self._tail = np.empty((max(_TAIL, len(self._texts) // 8), _BANDS), np.uint32)
        self._in_tail = 0


_SHINGLE_FACTORS: Final = odd_numbers(_SHINGLE, "shingle")
_ROW_FACTORS: Final = odd_numbers(_BANDS * _ROWS, "row")
_BAND_FACTORS: Final = odd_numbers(_ROWS, "band")


def sign(text: str) -> NDArray[np.uint32]:
    """One key per band: texts that share one are candidates."""
    points = np.frombuffer(text.ljust(_SHINGLE).encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(points, _SHINGLE)
    with np.errstate(over="ignore"):
        shingles = np.unique(mix((windows * _SHINGLE_FACTORS).sum(axis=1, dtype=np.uint64)))
        least = (shingles[:, None] * _ROW_FACTORS[None, :]).min(axis=0)  # an odd factor permutes what is mixed already
        bands = mix((least.reshape(_BANDS, _ROWS) * _BAND_FACTORS).sum(axis=1, dtype=np.uint64))
    return (bands >> np.uint64(33)).astype(np.uint32)  # 31 bits: the key after the last is a number too


def _digest(text: str, passage: bytes) -> bytes:
    return hashlib.sha256(passage + text.encode("utf-8", "replace")).digest()[:16]
