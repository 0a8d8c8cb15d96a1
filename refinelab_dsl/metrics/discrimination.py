"""How well an item tells strong from weak, from who solved it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def item_rest_correlations(correct: Sequence[Sequence[float]] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The point-biserial correlation of each item with the score on all other items, in [-1, 1].

    correct: one row per model, one column per item, 1 where the model was right, 0 where it was not. NaN for an item
    that all or none solved, and where the rest scores are all equal: nothing can be told there. The item itself is
    left out of the score, which it would correlate with by being part of it (Henrysson 1963).
    """
    table = np.asarray(correct, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError("the answers are no table")
    rest = table.sum(axis=1, keepdims=True) - table
    centred, scores = table - table.mean(axis=0), rest - rest.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = (centred * scores).sum(axis=0) / np.sqrt(
            (centred**2).sum(axis=0) * (scores**2).sum(axis=0)
        )
    found[~np.isfinite(found)] = np.nan
    return np.clip(found, -1, 1)
