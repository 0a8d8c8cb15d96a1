"""Confident learning (Northcutt, Jiang and Chuang 2021): how far another class is before the label, where a model that
is surer of some classes than of others is not believed more in these.

The threshold of a class is the mean probability that the model gives it where it is the label. Thresholds are
subtracted from the probabilities, the largest is added again, and the rest scaled to the sum 1; then the value is
(1 + the largest of the other classes - the label's) / 2: above 0.5 another class is before the label.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def doubt_labels(probabilities: Floats, labels: NDArray[np.int64]) -> Floats:
    """How doubtful each label is, in [0, 1].

    probabilities: (items, classes), in [0, 1] with the sum 1 in each row; NaN where an item has no such class. labels:
    (items,), the class of each.
    """
    items, classes = probabilities.shape
    if not items:
        return np.zeros(0)
    rows = np.arange(items)
    own = probabilities[rows, labels]
    count = np.bincount(labels, minlength=classes)
    mean = np.bincount(labels, own, classes) / np.maximum(count, 1)
    # A class that is nobody's label has no threshold of its own: it is asked for as much as the surest one.
    thresholds = np.where(count > 0, mean, mean.max())
    moved = probabilities - thresholds + thresholds.max()
    moved = moved / np.nansum(moved, axis=1, keepdims=True)
    own = moved[rows, labels].copy()
    moved[rows, labels] = np.nan
    rival = np.where(np.isnan(moved), -np.inf, moved).max(axis=1)
    return np.where(np.isfinite(rival), (1 + rival - own) / 2, 0.0)
