"""How far several judges agree: on labels (Krippendorff's alpha), on ranks (Kendall's W)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def krippendorff_alpha(units: Iterable[Sequence[Hashable | None]]) -> float | None:
    """Alpha for nominal labels: 1 where all agree, 0 where they agree as often as by chance, negative below.

    units: for each unit the labels that judges gave it, None where one gave none; their order does not count. A unit
    with fewer than two labels says nothing and is left out. None where no unit is left, and where all labels of all
    units are the same: then nothing could have shown disagreement (Krippendorff 2011, Computing Krippendorff's
    Alpha-Reliability, C).
    """
    totals: Counter[Hashable] = Counter()
    disagreement = 0.0
    for unit in units:
        labels = Counter(label for label in unit if label is not None)
        size = labels.total()
        if size < 2:
            continue
        totals.update(labels)
        disagreement += (size * size - sum(count * count for count in labels.values())) / (size - 1)
    size = totals.total()
    expected = size * size - sum(count * count for count in totals.values())
    return None if expected == 0 else 1 - (size - 1) * disagreement / expected


def kendall_w(scores: Sequence[Sequence[float]] | NDArray[np.float64]) -> float | None:
    """The coefficient of concordance, corrected for ties: 1 where all rank alike, 0 where ranks cancel out.

    scores: one row per judge, one column per thing that is judged; ranks are taken within each row, equal scores share
    the mean of theirs. None with fewer than two judges or things, and where every judge ties everything (Kendall and
    Smith 1939; Siegel and Castellan 1988, 9.5).

    Raises:
        ValueError: the rows are of unlike lengths, or a score is no number.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or np.isnan(table).any():
        raise ValueError("the scores are no table of numbers")
    judges, things = table.shape
    if judges < 2 or things < 2:
        return None
    ranks = np.array([rank_mean(row) for row in table])
    sums = ranks.sum(axis=0)
    spread = float(((sums - sums.mean()) ** 2).sum())
    ties = sum(count**3 - count for row in table for count in np.unique(row, return_counts=True)[1].tolist())
    most = judges**2 * (things**3 - things) / 12 - judges * ties / 12
    return None if most <= 0 else min(1.0, spread / most)


def rank_mean(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, the smallest value first; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: NDArray[np.float64] = (ends - (counts - 1) / 2)[inverse]
    return means
