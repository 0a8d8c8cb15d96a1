"""`provider = hashed`: texts as hashed counts of their character n-grams, weighted by tf-idf.

A text is normalised as likeness has it, and split at white space and between words and marks. Each part, with a space
before and after it, gives its n-grams of 3 to 5 characters. An n-gram counts 1 + log2 of how often the text has it
(Salton and Buckley 1988), times its inverse document frequency over the texts that were fitted, log2((1 + texts) / (1
+ texts that have it)) + 1. A hash of the n-gram says at which of `DIMENSIONS` places, and with which sign, that is
added (Weinberger et al. 2009); rows are scaled to length 1.

Frequencies are counted per hash in a table of 2^18 places, so a fitted embedding is 1 MB whatever was fitted, a
function of the multiset of the texts alone. Weights are whole numbers (logarithms are rounded to 1/256), and hashing
is fixed arithmetic: the same texts give the same numbers on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.embeddings.letters import mix, normalise, odd_numbers

DIMENSIONS: Final = 1024
_SIZES: Final = (3, 4, 5)
_TABLE_BITS: Final = 18
_STEPS: Final = 256  # of a logarithm
_SEAM: Final = re.compile(r"(?<=\w)(?=[^\w\s])|(?<=[^\w\s])(?=\w)")  # between a word and a mark
_FACTORS: Final = odd_numbers(max(_SIZES), "character")


@dataclass(frozen=True)
class Hashed:
    """An embedding that was fitted on some texts; on none, every n-gram weighs the same.

    texts: how many were fitted. frequencies: texts per place of the table, int32 of length 2^18.
    """

    texts: int = 0
    frequencies: NDArray[np.int32] = field(default_factory=lambda: np.zeros(2**_TABLE_BITS, np.int32), repr=False)

    @classmethod
    def fit(cls, texts: Iterable[str]) -> Hashed:
        """Counts in how many of the texts each n-gram occurs. One pass."""
        frequencies = np.zeros(2**_TABLE_BITS, np.int32)
        count = 0
        for text in texts:
            frequencies[np.unique(_places(_hash_grams(text)))] += 1
            count += 1
        return cls(count, frequencies)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of `DIMENSIONS` numbers for each text, of length 1; of length 0 for a text without a character."""
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            grams, counts = np.unique(_hash_grams(text), return_counts=True)
            if not grams.size:
                continue
            rarity = np.log2((1 + self.texts) / (1.0 + self.frequencies[_places(grams)])) + 1
            weights = _round(np.log2(counts) + 1) * _round(rarity)
            signs = np.where(grams >> np.uint64(63), -1, 1)
            places = (grams & np.uint64(DIMENSIONS - 1)).astype(np.int64)
            # Whole numbers below 2^53, so that the order of these sums does not count.
            total = np.bincount(places, weights=weights * signs, minlength=DIMENSIONS)
            length = float(np.sqrt((total.astype(np.int64) ** 2).sum()))
            if length:
                row[:] = total / length
        return rows


def _round(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(values * _STEPS).astype(np.int64)


def _places(grams: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where the table counts an n-gram: by other bits of its hash than those that say its place in a row."""
    return ((grams >> np.uint64(20)) & np.uint64(2**_TABLE_BITS - 1)).astype(np.int64)


def _hash_grams(text: str) -> NDArray[np.uint64]:
    """The hashes of a text's n-grams, each as often as it occurs."""
    parts = f" {_SEAM.sub(' ', normalise(text))} "
    points = np.frombuffer(parts.encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64)
    if points.size <= 2:
        return np.zeros(0, np.uint64)
    space = points == ord(" ")
    found = []
    with np.errstate(over="ignore"):
        scaled = points[:, None] * _FACTORS[None, :]
        for size in _SIZES:
            if points.size < size:
                continue
            count = points.size - size + 1
            hashes = np.full(count, size, np.uint64)
            inner = np.zeros(count, np.bool_)  # whether a space stands within, and not at an end
            for place in range(size):
                hashes += scaled[place : place + count, place]
                if 0 < place < size - 1:
                    inner |= space[place : place + count]
            found.append(hashes[~inner])
        return mix(np.concatenate(found)) if found else np.zeros(0, np.uint64)
