"""Models whose recorded answers are those of another model: one voice under two names.

Tables of answers are put together by hand and hold a column twice, or one model under two dates. Whoever counts them as
two counts one opinion twice. Agreement alone tells nothing: able models agree wherever keys are right, and on the right
answer where they are not. What tells is where a model departs from the answer that most gave. Of models that stand for
themselves less than three in five such answers were the same in the tables at hand; of a copy all are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

ALIKE: Final = 0.9
"""The share of departures, of the one or the other, in which both gave the same answer."""

FEWEST_DEPARTURES: Final = 20
"""Fewer say nothing."""

_ROWS: Final = 50_000  # of one block


def find_originals(votes: NDArray[np.uint8], weights: NDArray[np.float64], silent: int) -> tuple[int, ...]:
    """Per model the first one whose answers it repeats; itself where it repeats none.

    votes: (patterns, models), an answer each, `silent` where there is none. weights: how often each pattern occurs.
    """
    models = votes.shape[1]
    disputed, same = np.zeros((models, models)), np.zeros((models, models))
    codes = range(1 + max((int(code) for code in np.unique(votes) if code != silent), default=0))
    for start in range(0, len(votes), _ROWS):
        block, counted = votes[start : start + _ROWS], weights[start : start + _ROWS, None]
        counts = np.stack([(block == code).sum(axis=1) for code in codes], axis=1)
        most = counts.max(axis=1, keepdims=True)
        settled = (counts == most).sum(axis=1) == 1  # where two answers tie, nobody departs
        spoke = block != silent
        departs = spoke & settled[:, None] & (block != counts.argmax(axis=1)[:, None])
        apart, there = departs.astype(np.float64), spoke.astype(np.float64)
        one = (apart * counted).T @ there
        disputed += one + one.T - (apart * counted).T @ apart
        for code in codes:
            gave = (departs & (block == code)).astype(np.float64)
            same += (gave * counted).T @ gave
    alike = (disputed >= FEWEST_DEPARTURES) & (same >= ALIKE * disputed)
    originals: list[int] = []
    for model in range(models):
        repeated = np.flatnonzero(alike[model, :model])
        originals.append(originals[repeated[0]] if len(repeated) else model)
    return tuple(originals)


def join_voices(votes: NDArray[np.uint8], originals: Sequence[int], silent: int) -> NDArray[np.uint8]:
    """The answers of each model that repeats none, (patterns, voices); where it gave none, of those that repeat it."""
    joined = votes.copy()
    for model, original in enumerate(originals):
        if model != original:
            gap = joined[:, original] == silent
            joined[gap, original] = votes[gap, model]
    return joined[:, [model for model, original in enumerate(originals) if model == original]]
