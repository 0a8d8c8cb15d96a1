"""The Beta distribution and the binomial tail, by the regularised incomplete beta function I_x(a, b).

numpy has no I_x, and scipy is a development dependency only; the tests compare these with scipy.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p

_TINY = 1e-300
_EPSILON = 1e-15
_PRECISION = 1e-12


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) for X ~ Beta(a, b); a = 0 puts all mass at 0, b = 0 all mass at 1.

    Continued fraction (DLMF 8.17.22) by the modified Lentz method.
    """
    if b == 0:
        return 1.0 if x >= 1 else 0.0
    if a == 0:
        return 1.0 if x >= 0 else 0.0
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _continued_fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _continued_fraction(1 - x, b, a) / b)


@lru_cache(maxsize=2**10)  # a plan asks for the same few, once per action
def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with `beta_cdf(x, a, b) == p`, to 1e-12: by Newton's method, with bisection where a step would leave the
    interval that holds x or is no half of the one before."""
    if b == 0:
        return 1.0
    if a == 0:
        return 0.0
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)
    low, high, last = 0.0, 1.0, 1.0
    x = min(max(a / (a + b), _PRECISION), 1 - _PRECISION)
    while high - low > _PRECISION and last > _PRECISION / 10:
        excess = beta_cdf(x, a, b) - p
        low, high = (x, high) if excess < 0 else (low, x)
        density = exp(scale + (a - 1) * log(x) + (b - 1) * log1p(-x))
        step = excess / density if density > 0 else 1.0
        if not low < x - step < high or abs(step) > last / 2:
            step = x - (low + high) / 2
        x -= step
        last = abs(step)
    return x


@lru_cache(maxsize=2**16)
def binomial_tail(count: int, trials: int, rate: float) -> float:
    """P(X >= count) for X ~ Binomial(trials, rate); equals I_rate(count, trials - count + 1)."""
    if count <= 0:
        return 1.0
    if count > trials:
        return 0.0
    return beta_cdf(rate, count, trials - count + 1)


def _continued_fraction(x: float, a: float, b: float) -> float:
    c = 1.0
    d = 1 - (a + b) * x / (a + 1)
    value = d = 1.0 / (d if not -_TINY <= d <= _TINY else _TINY)
    for m in range(1, 10_000):
        # Both terms written out, without a call or a loop: a plan comes here a hundred thousand times.
        place = a + 2 * m
        even = m * (b - m) * x / ((place - 1) * place)
        d = 1 + even * d
        d = 1.0 / (d if not -_TINY <= d <= _TINY else _TINY)
        c = 1 + even / c
        if -_TINY <= c <= _TINY:
            c = _TINY
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / (place * (place + 1))
        d = 1 + odd * d
        d = 1.0 / (d if not -_TINY <= d <= _TINY else _TINY)
        c = 1 + odd / c
        if -_TINY <= c <= _TINY:
            c = _TINY
        change = c * d
        value *= change
        if -_EPSILON < change - 1 < _EPSILON:
            break
    return value
