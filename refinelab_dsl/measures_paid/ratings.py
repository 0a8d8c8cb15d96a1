"""Ratings from comparisons: Elo's update against fixed exemplars, and Bradley and Terry's fit of all pairs.

A comparison has a result in {0, 1/2, 1}: 1 where the item at hand is the harder one. Ratings lie on Elo's scale: one of
`eta` points more than another is harder with the odds 10 to 1.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MEAN: Final = 1500.0
"""Of the exemplars that are rated among themselves."""

K: Final = 64.0
ETA: Final = 400.0
ROUNDS: Final = 20
"""Rounds of updates at most, where the spec does not say."""

SETTLED: Final = 1.0
"""Points that a rating may change in a round and still count as settled."""

DIGITS: Final = 1
"""Decimals of a rating: what lies beyond differs from machine to machine."""

_PRIOR: Final = 2.0  # standard deviation of a strength around the mean, in logits: 347 points at eta = 400
_NEWTON_STEPS: Final = 100
_NEWTON_END: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Rating:
    """value: in points; None where no comparison was had. error: its standard error in points, infinite without a
    comparison. settled: whether the last round changed it by less than `SETTLED`. comparisons: with exemplars, both
    orders of one counted once."""

    value: float | None
    error: float
    rounds: int
    settled: bool
    comparisons: int


def expected_result(rating: float, other: float, eta: float = ETA) -> float:
    """p_ij = 1 / (1 + 10^((e_j - e_i) / eta)), the result to expect of an item against another (Elo 1978)."""
    exponent = (other - rating) / eta
    if exponent > 300:
        return 0.0
    return 1 / (1 + 10**exponent)


def update_rating(rating: float, other: float, result: float, *, k: float = K, eta: float = ETA) -> float:
    """e_i + K (r_ij - p_ij) (RefineLab, Difficulty Calibrator); the other's rating stays."""
    return rating + k * (result - expected_result(rating, other, eta))


def merge_orders(results: Sequence[float | None]) -> float | None:
    """One result from the two orders of a pair: a verdict that flips with the order is a draw. None where neither
    order has one."""
    known = [result for result in results if result is not None]
    if not known:
        return None
    return known[0] if all(result == known[0] for result in known) else 0.5


def settle_rating(
    comparisons: Sequence[tuple[float, float]],
    *,
    seed: int | str,
    k: float = K,
    eta: float = ETA,
    rounds: int = ROUNDS,
) -> Rating:
    """The rating of an item from its results against rated exemplars.

    comparisons: (rating of the exemplar, result). It begins at their mean. A round updates it by each of them once, in
    an order drawn anew from the seed, and rounds go on until one changes it by less than `SETTLED`, or `rounds` are
    over: where every result is the same, no rating explains them best, and it moves on for as long.

    The first round has the K of the spec. With that K a rating would never rest, but go on swinging with the order of
    its last comparisons. So where a round's steps together would carry it farther than 2 / rounds done of the way to
    what explains the results, K is lowered to that: the steps of a stochastic approximation (Robbins and Monro 1951).
    """
    if not comparisons:
        return Rating(None, math.inf, 0, False, 0)
    rating = sum(other for other, _ in comparisons) / len(comparisons)
    done, settled = 0, False
    reach = len(comparisons) * k * math.log(10) / (4 * eta)  # of a round: the share of the way that its steps go
    while not settled and done < rounds:
        before = rating
        for place in order_by_hash(len(comparisons), seed, done):
            other, result = comparisons[place]
            rating = update_rating(rating, other, result, k=k / max(1.0, reach * done / 2), eta=eta)
        done += 1
        settled = abs(rating - before) < SETTLED
    error = rating_error(rating, [other for other, _ in comparisons], eta)
    return Rating(round(rating, DIGITS), error, done, settled, len(comparisons))


def rating_error(rating: float, others: Sequence[float], eta: float = ETA) -> float:
    """The standard error of a rating in points: one over the root of the Fisher information of its comparisons, each of
    which gives (ln 10 / eta)^2 p (1 - p)."""
    chances = [expected_result(rating, other, eta) for other in others]
    information = (math.log(10) / eta) ** 2 * sum(chance * (1 - chance) for chance in chances)
    return round(1 / math.sqrt(information), DIGITS) if information > 1e-12 else math.inf


@dataclass(frozen=True, slots=True)
class Strengths:
    """Ratings of items among themselves, and their standard errors, in points; `MEAN` is the mean of the ratings."""

    ratings: tuple[float, ...]
    errors: tuple[float, ...]


def fit_strengths(count: int, results: Mapping[tuple[int, int], float], *, eta: float = ETA) -> Strengths:
    """The ratings of `count` items that explain the results of their pairs best (Bradley and Terry 1952), by Newton's
    method.

    results: (i, j) -> result of i against j; pairs may be missing. Strengths have a normal prior with a standard
    deviation of 2 logits, so that an item that won or lost every time has a finite one; without a result it is the
    mean.
    """
    first, second = (np.array([pair[side] for pair in results], dtype=np.int64) for side in (0, 1))
    result = np.array(list(results.values()), dtype=np.float64)
    strength = np.zeros(count)
    prior = 1 / _PRIOR**2
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(strength[second] - strength[first]))
        gradient = -prior * strength
        np.add.at(gradient, first, result - chance)
        np.add.at(gradient, second, chance - result)
        step = np.linalg.solve(_curvature(count, first, second, chance, prior), gradient)
        strength = strength + np.clip(step, -1, 1)
        if np.abs(step).max() < _NEWTON_END:
            break
    chance = 1 / (1 + np.exp(strength[second] - strength[first]))
    covariance = np.linalg.inv(_curvature(count, first, second, chance, prior))
    center = np.eye(count) - 1 / count  # errors are those of the distance to the mean
    spread = np.sqrt(np.maximum(np.diag(center @ covariance @ center), 0))
    points = eta / math.log(10)
    ratings = MEAN + points * (strength - strength.mean())
    return Strengths(
        tuple(round(float(rating), DIGITS) for rating in ratings),
        tuple(round(float(points * each), DIGITS) for each in spread),
    )


def _curvature(
    count: int, first: NDArray[np.int64], second: NDArray[np.int64], chance: NDArray[np.float64], prior: float
) -> NDArray[np.float64]:
    """What the prior and the pairs say of the strengths: (count, count), positive definite."""
    weight = chance * (1 - chance)
    curvature = np.diag(np.full(count, prior))
    np.add.at(curvature, (first, first), weight)
    np.add.at(curvature, (second, second), weight)
    np.add.at(curvature, (first, second), -weight)
    np.add.at(curvature, (second, first), -weight)
    return curvature


def order_by_hash(count: int, *source: int | str) -> list[int]:
    """The numbers below `count` in an order that follows from `source`."""
    return sorted(range(count), key=lambda place: draw_bytes(*source, place))


def draw_bytes(*source: int | str) -> bytes:
    """Bytes that follow from `source`, the same on every machine."""
    return hashlib.sha256("\0".join(map(str, source)).encode("utf-8", "replace")).digest()
