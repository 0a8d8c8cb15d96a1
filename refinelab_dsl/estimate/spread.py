"""How far the cost of a plan may lie above what is expected, and how much to hold back for it.

Two things spread: nobody knows an operator's success rate, only its posterior (13% of the cost after 20 pilot items),
and at a known rate the number of attempts is still chance (2%). Attempts stop at the count, and at what is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.estimate.chance import rate_nodes
from refinelab_dsl.estimate.estimates import Estimates

_CHANCES = 16  # midpoints of the chance that is left at a known rate
_LENGTHS = 4  # and of how long attempts happen to be
_STEPS = 2048  # of the cost, from nothing to the most that is listed


@dataclass(frozen=True, slots=True)
class Lot:
    """One action of a plan: `count` results wanted, `listed` attempts at most."""

    operator: str
    count: int
    listed: int


@dataclass(frozen=True, slots=True)
class Luck:
    """What a plan's cost may exceed its expected cost by, at a stated confidence: tokens and dollars (0 where a price
    is unknown)."""

    tokens: float
    usd: float


def weigh_luck(lots: Sequence[Lot], estimates: Estimates, confidence: float) -> Luck:
    """The reserve that a plan asks for: with it, its cost stays within the budget with a chance of `confidence`.

    At least as many standard deviations as the confidence stands for (1.28 at 90%), counted from the mean; and at least
    what the distribution itself asks for, which leans to the dear side. Rates of operators are independent.
    """
    draws = {name: _draw_attempts([lot for lot in lots if lot.operator == name], estimates) for name in _names(lots)}
    rates = {name: estimates.operators[name].rate.mean for name in draws}
    attempts = {
        name: sum(min(lot.count / max(rates[name], 1e-9), float(lot.listed)) for lot in lots if lot.operator == name)
        for name in draws
    }

    def exceed(costs: dict[str, float]) -> float:
        """costs: of one attempt, per operator."""
        spent = [draws[name] * costs[name] for name in draws if costs[name] > 0]
        if not spent:
            return 0.0
        expected = sum(attempts[name] * costs[name] for name in draws)
        mean = sum(float(values.mean()) for values in spent)
        deviation = sqrt(sum(float(values.var()) for values in spent))
        quantile = NormalDist().inv_cdf(min(max(confidence, 0.5), 1 - 1e-9))
        return max(0.0, mean + quantile * deviation - expected, _quantile(spent, confidence) - expected)

    return Luck(
        exceed({name: estimates.operators[name].cost.tokens for name in draws}),
        exceed({name: float(estimates.operators[name].cost.usd or 0) for name in draws}),
    )


def _names(lots: Sequence[Lot]) -> list[str]:
    return sorted({lot.operator for lot in lots if lot.count})


def _draw_attempts(lots: Sequence[Lot], estimates: Estimates) -> NDArray[np.float64]:
    """Equally likely numbers of attempts of one operator, each worth one attempt of the mean length.

    At a known rate the attempts until a count are Pascal's: mean n / s, variance n (1 - s) / s^2; their sum over
    actions is taken as normal. Attempts also differ in length, each by itself.
    """
    estimate = estimates.operators[lots[0].operator]
    length = estimate.cost.deviation / estimate.cost.tokens if estimate.cost.tokens > 0 else 0.0
    chances, lengths = _normal_midpoints(_CHANCES), _normal_midpoints(_LENGTHS) * length
    least, most = sum(lot.count for lot in lots), sum(lot.listed for lot in lots)
    rows = []
    for rate in rate_nodes(estimate.rate):
        mean = variance = 0.0
        for lot in lots:
            wanted = lot.count / max(rate, 1e-9)
            mean += min(wanted, float(lot.listed))
            if wanted < lot.listed:
                variance += lot.count * (1 - rate) / rate**2
        tries = np.clip(mean + chances * sqrt(variance), least, most)
        rows.append(np.add.outer(tries, lengths * sqrt(mean)).ravel())
    return np.concatenate(rows)


def _normal_midpoints(number: int) -> NDArray[np.float64]:
    """Deviations of equal probability."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((index + 0.5) / number) for index in range(number)])


def _quantile(spent: Sequence[NDArray[np.float64]], confidence: float) -> float:
    """The cost that the sum of independent, equally likely costs stays within with a chance of `confidence`."""
    most = sum(float(values.max()) for values in spent)
    step = most / _STEPS
    if step <= 0:
        return 0.0
    total = np.ones(1)
    for values in spent:
        places = np.maximum(np.rint(values / step).astype(np.int64), 0)
        total = np.convolve(total, np.bincount(places) / len(values))
    place = int(np.searchsorted(np.cumsum(total), min(confidence, 1 - 1e-12)))
    return place * step
