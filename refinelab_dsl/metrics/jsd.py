"""The Jensen–Shannon divergence in base 2: in [0, 1], 0 exactly for equal distributions.

Equals `scipy.spatial.distance.jensenshannon(p, q, base=2) ** 2` (Lin 1991; RefineLab, Metrics).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def jsd(p: Sequence[float] | NDArray[np.float64], q: Sequence[float] | NDArray[np.float64]) -> float:
    """The divergence of two distributions over the same bins.

    p, q: weights >= 0 of equal length, normalised here; all-zero weights diverge by 1 from anything else.

    Raises:
        ValueError: unlike lengths, or a negative weight.
    """
    first, second = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{first.size} bins against {second.size}")
    if first.size and min(first.min(), second.min()) < 0:
        raise ValueError("a weight is negative")
    total_first, total_second = first.sum(), second.sum()
    if total_first == 0 or total_second == 0:
        return 0.0 if total_first == total_second else 1.0
    first, second = first / total_first, second / total_second
    middle = (first + second) / 2
    value = (_entropy_terms(first, middle) + _entropy_terms(second, middle)) / 2
    return float(min(1.0, max(0.0, value)))


def jsd_of_counts(counts: Sequence[int], target: Sequence[float]) -> float:
    """The divergence of a mix, given as counts per bin, from a target, given as shares."""
    return jsd(np.asarray(counts, dtype=np.float64), target)


def _entropy_terms(shares: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    present = shares > 0
    return float(np.sum(shares[present] * np.log2(shares[present] / middle[present])))
