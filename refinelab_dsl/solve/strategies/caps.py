"""Bin caps: what gains of the start need, so that a gap is filled and not overfilled."""

from __future__ import annotations

import numpy as np

from refinelab_dsl.solve.strategies.steps import Floats, Walk


def cap_labels(walk: Walk) -> tuple[Floats, Floats]:
    """Least and most items per tally: one below its target is filled up to it at most, one above is emptied down to it.

    Where `walk` stands outside, its own count is the cap. Labels that nothing judges have none.
    """
    judged = walk.weights > 0
    low, high = np.floor(walk.wanted), np.ceil(walk.wanted)
    least = np.where(judged & (walk.counts > walk.wanted), np.minimum(low, walk.counts), -np.inf)
    most = np.where(judged & (walk.counts < walk.wanted), np.maximum(high, walk.counts), np.inf)
    return least, most
