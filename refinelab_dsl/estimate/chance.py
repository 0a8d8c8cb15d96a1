"""How many attempts to list so that every count is reached with a stated chance.

The actions of one operator share one uncertain success rate, so their outcomes are dependent: the chance is
the mean, over the rate's posterior, of the product of binomial tails (`optimisation.md`, Uncertainty).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from refinelab_dsl.estimate.beta import beta_quantile, binomial_tail
from refinelab_dsl.estimate.estimates import Rate

_LEAST_SHARE = 1e-6  # of the posterior given up at most: the knob's end
_NODES = 64  # midpoints of equal probability; the mean over them is within 1e-3 of the integral


@dataclass(frozen=True, slots=True)
class Want:
    """`count` accepted results of an action whose attempts are limited to `available` (None: without limit)."""

    operator: str
    count: int
    available: int | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Per action, in the order of the wants: attempts to list and their own chance; and the chance of all."""

    attempts: tuple[int, ...]
    chances: tuple[float, ...]
    chance: float


def size_attempts(wants: Sequence[Want], rates: Mapping[str, Rate], confidence: float) -> Attempts:
    """The least attempts, by one knob for all actions, with which every count is reached with `confidence`.

    The knob q is the share of the posterior that is given up at its low end, and of each binomial tail: for a
    design rate at the posterior's q-quantile, each action gets the least n with tail >= 1 - q / actions.
    """
    rates = {operator: rates[operator] for operator in sorted({want.operator for want in wants})}
    nodes = {operator: rate_nodes(rate) for operator, rate in rates.items()}

    def attempts_at(q: float, few: Sequence[int] | None = None, many: Sequence[int] | None = None) -> tuple[int, ...]:
        design = {operator: beta_quantile(q, rate.alpha, rate.beta) for operator, rate in rates.items()}
        wanted = 1 - q / max(1, len(wants))
        ranges = [None] * len(wants) if few is None or many is None else zip(few, many, strict=True)
        return tuple(
            _least_trials(want.count, design[want.operator], wanted, want.available, within)
            for want, within in zip(wants, ranges, strict=True)
        )

    most = attempts_at(_LEAST_SHARE)
    # Where sources are limited no reserve elsewhere can help: aim for what can be reached, not at any price.
    goal = min(confidence, _chance(wants, most, nodes) * (1 + confidence) / 2)
    best = attempts_at(0.5)
    if _chance(wants, best, nodes) < goal:
        low, high, few, best = _LEAST_SHARE, 0.5, best, most  # attempts and chance fall as q grows
        for _ in range(20):
            if len({want for want, more, less in zip(wants, best, few, strict=True) if more > less}) == 1 and all(
                more <= less + 1 for more, less in zip(best, few, strict=True)
            ):
                break  # nothing lies between: equal wants get equal attempts
            middle = (low * high) ** 0.5
            attempts = attempts_at(middle, few, best)
            if attempts == best or (attempts != few and _chance(wants, attempts, nodes) >= goal):
                low, best = middle, attempts
            else:
                high, few = middle, attempts
    chances = tuple(
        _mean(binomial_tail(want.count, trials, rate) for rate in nodes[want.operator])
        for want, trials in zip(wants, best, strict=True)
    )
    return Attempts(best, chances, _chance(wants, best, nodes))


def rate_nodes(rate: Rate) -> tuple[float, ...]:
    """Midpoints of equal probability of the posterior: means over them are means over what the rate may be."""
    if rate.beta == 0:
        return (1.0,)
    return tuple(beta_quantile((index + 0.5) / _NODES, rate.alpha, rate.beta) for index in range(_NODES))


def _chance(wants: Sequence[Want], attempts: Sequence[int], nodes: Mapping[str, tuple[float, ...]]) -> float:
    total = 1.0
    for operator, rates in nodes.items():
        mine = [(want.count, n) for want, n in zip(wants, attempts, strict=True) if want.operator == operator]
        total *= _mean(prod(binomial_tail(count, n, rate) for count, n in mine) for rate in rates)
    return total


def _least_trials(
    count: int, rate: float, wanted: float, available: int | None, within: tuple[int, int] | None = None
) -> int:
    """within: the least and the most that they can be, where that is known."""
    if rate >= 1 or count == 0:
        return count
    if within is not None:
        low, high = within
    else:
        cap = available if available is not None else max(50, int(count / max(rate, 1e-3) * 20))
        cap = max(cap, count)
        low, high = count, min(cap, max(count, int(count / max(rate, 1e-6)) + 1))
        while high < cap and binomial_tail(count, high, rate) < wanted:
            low, high = high, min(cap, high * 2)
    while low < high:
        middle = (low + high) // 2
        if binomial_tail(count, middle, rate) >= wanted:
            high = middle
        else:
            low = middle + 1
    return high


def _mean(values: Iterable[float]) -> float:
    numbers = tuple(values)
    return sum(numbers) / len(numbers)
