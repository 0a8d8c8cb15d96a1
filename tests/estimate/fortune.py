"""Plans carried out by chance: a rate drawn from each operator's posterior, attempts one by one until the count is
reached or the list is at its end. It knows nothing of tails, quantiles or nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.estimate import Rate
from refinelab_dsl.estimate.spread import Lot


@dataclass(frozen=True)
class Fortunes:
    """Per draw: whether every count was reached, and the tokens that were spent."""

    reached: NDArray[np.bool_]
    tokens: NDArray[np.float64]


def draw_fortunes(
    lots: Sequence[Lot], rates: Mapping[str, Rate], tokens: Mapping[str, float], draws: int, seed: int
) -> Fortunes:
    """tokens: of one attempt, per operator."""
    generator = np.random.default_rng(seed)
    reached = np.ones(draws, dtype=np.bool_)
    spent = np.zeros(draws)
    for name in sorted({lot.operator for lot in lots}):
        rate = rates[name]
        drawn = np.ones(draws) if rate.beta == 0 else generator.beta(rate.alpha, rate.beta, draws)
        for lot in lots:
            if lot.operator != name or lot.count == 0:
                continue
            # numpy's negative binomial counts the failures before the last success that is wanted.
            tries = lot.count + generator.negative_binomial(lot.count, np.clip(drawn, 1e-12, 1.0))
            reached &= tries <= lot.listed
            spent += np.minimum(tries, lot.listed) * tokens[name]
    return Fortunes(reached, spent)
