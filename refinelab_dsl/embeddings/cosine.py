"""Cosines of embeddings that are the same on every machine.

Sums of floating-point products depend on their order, and every linear algebra library has its own. So components are
rounded to 1/4000 of a row's length first: then all products and sums are whole numbers below 2^24 (by Cauchy and
Schwarz, 4096 x 4096), which float32 holds exactly, in whatever order they are made. What is rounded off changes a
cosine by some 0.0002.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_STEPS: Final = 4000.0  # of a component; with what rounding adds, rows of up to 30 000 numbers stay below 4096


@dataclass(frozen=True)
class Rows:
    """Rows with whole components, float32 of shape (n, d), and the squares of their lengths."""

    whole: NDArray[np.float32]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> Rows:
        """From rows of any length; one of length 0 is like nothing.

        rows: finite, of shape (n, d).
        """
        lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        whole = np.rint(rows / np.where(lengths > 0, lengths, 1) * _STEPS).astype(np.float32)
        return cls(whole, (whole.astype(np.float64) ** 2).sum(axis=1))

    def slice(self, start: int, stop: int) -> Rows:
        """Some of the rows."""
        return Rows(self.whole[start:stop], self.squares[start:stop])

    def cosines(self, other: Rows) -> NDArray[np.float64]:
        """The cosine of each row with each of the other ones, in [-1, 1], exactly 1 for equal ones."""
        lengths = np.sqrt(self.squares[:, None] * other.squares[None, :])
        return (self.whole @ other.whole.T) / np.where(lengths > 0, lengths, 1)


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The cosine of two rows."""
    return float(Rows.of(one[None]).cosines(Rows.of(other[None]))[0, 0])
