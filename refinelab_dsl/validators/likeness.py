"""How alike two items read, and the nearest of many: what `duplicate` measures until embeddings stand (decision 30).

Likeness of two texts is the Dice coefficient of their multisets of character trigrams (Dice 1945): 2 |A and B| /
(|A| + |B|), 1 for equal texts, after Unicode NFKC, case folding and joining of white space. Items compare by question
and, for multiple choice, by their choices in any order; items with different passages (`context`) are never alike.

The nearest of many is searched among candidates that MinHash banding proposes (Broder 1997; 24 bands of 4 rows over
character 5-grams): two texts of which 70% of the 5-grams agree are found with a chance of 99.8%, and of which half
agree with 79%. So a likeness above 0.9 is exact in practice, and one below 0.6 may read as 0. Equal texts are always
found. All hashing is fixed arithmetic: the same texts in the same order give the same numbers on every machine.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item

_BANDS: Final = 24
_ROWS: Final = 4
_SHINGLE: Final = 5
_GRAM: Final = 3
_TAIL: Final = 4096  # rows that are scanned before they are sorted in
_CANDIDATES: Final = 256  # compared exactly per query, those with the most equal bands first


def normalise(text: str) -> str:
    """A text as it is compared: NFKC, case folded, white space joined."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def comparison_text(item: Item) -> str:
    """What of an item is compared: the question, and the choices in sorted order."""
    choices = sorted(normalise(choice) for choice in item.fields.get("choices", ()))
    return "\n".join([normalise(str(item.fields["question"])), *choices])


def likeness(one: str, other: str) -> float:
    """The Dice coefficient of the character trigrams of two normalised texts, in [0, 1]."""
    return 1.0 if one == other else _dice(_grams(one), _grams(other))


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

    def add(self, item: Item) -> None:
        """Puts an item among the neighbours."""
        text, passage = comparison_text(item), _passage(item)
        if self._in_tail == len(self._tail):
            self._sort_in()
        self._tail[self._in_tail] = _signature(text)
        self._in_tail += 1
        self._texts.append(text)
        self._passages.append(passage)
        self._exact.add(_digest(text, passage))

    def nearest(self, item: Item) -> float:
        """Likeness of the nearest item, 0 where none comes near."""
        text, passage = comparison_text(item), _passage(item)
        if _digest(text, passage) in self._exact:
            return 1.0
        grams = _grams(text)
        return max(
            (_dice(grams, _grams(self._texts[index])) for index in self._candidates(_signature(text), passage)),
            default=0.0,
        )

    def _candidates(self, signature: NDArray[np.uint32], passage: bytes) -> list[int]:
        hits: Counter[int] = Counter()
        for band, key in enumerate(signature):
            first, last = np.searchsorted(self._sorted[band], [key, key + np.uint64(1)])
            hits.update(self._owners[band, first:last].tolist())
        start = len(self._texts) - self._in_tail
        equal = (self._tail[: self._in_tail] == signature).sum(axis=1)
        for offset in np.flatnonzero(equal):
            hits[start + int(offset)] += int(equal[offset])
        ranked = sorted(
            (index for index in hits if self._passages[index] == passage), key=lambda index: (-hits[index], index)
        )
        return ranked[:_CANDIDATES]

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


def _constants(count: int, name: str) -> NDArray[np.uint64]:
    """Fixed odd 64-bit numbers."""
    content = b"".join(hashlib.sha256(f"{name} {index}".encode()).digest()[:8] for index in range(count))
    return np.frombuffer(content, dtype="<u8").astype(np.uint64) | np.uint64(1)


_SHINGLE_FACTORS: Final = _constants(_SHINGLE, "shingle")
_ROW_FACTORS: Final = _constants(_BANDS * _ROWS, "row")
_BAND_FACTORS: Final = _constants(_ROWS, "band")


def _signature(text: str) -> NDArray[np.uint32]:
    """One key per band: texts that share one are candidates."""
    points = np.frombuffer(text.ljust(_SHINGLE).encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(points, _SHINGLE)
    with np.errstate(over="ignore"):
        shingles = np.unique(_mix((windows * _SHINGLE_FACTORS).sum(axis=1, dtype=np.uint64)))
        least = _mix(shingles[:, None] * _ROW_FACTORS[None, :]).min(axis=0)
        bands = _mix((least.reshape(_BANDS, _ROWS) * _BAND_FACTORS).sum(axis=1, dtype=np.uint64))
    return (bands >> np.uint64(33)).astype(np.uint32)  # 31 bits: the key after the last is a number too


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _grams(text: str) -> Counter[str]:
    padded = text.ljust(_GRAM)
    return Counter(padded[index : index + _GRAM] for index in range(len(padded) - _GRAM + 1))


def _dice(one: Counter[str], other: Counter[str]) -> float:
    small, large = (one, other) if len(one) <= len(other) else (other, one)
    shared = sum(min(count, large[gram]) for gram, count in small.items() if gram in large)
    return 2 * shared / (one.total() + other.total())


def _passage(item: Item) -> bytes:
    context = item.fields.get("context")
    return b"" if context is None else hashlib.sha256(normalise(str(context)).encode("utf-8", "replace")).digest()[:8]


def _digest(text: str, passage: bytes) -> bytes:
    return hashlib.sha256(passage + text.encode("utf-8", "replace")).digest()[:16]
