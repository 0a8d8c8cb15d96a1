"""Figures as people read them: dollars, tokens, shares, times. A figure that is not zero never reads as zero."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal


def render_usd(value: Decimal | None, *, at_most: bool = False) -> str:
    """`$1.21`, `$0.0031` below a cent, `unknown`. `at_most` rounds up, so that a limit stays one."""
    if value is None:
        return "unknown"
    if value == 0:
        return "$0.00"
    rounding = ROUND_CEILING if at_most else ROUND_HALF_EVEN
    digits = 2 if abs(value) >= Decimal("0.01") else 1 - value.adjusted()
    return f"${value.quantize(Decimal(1).scaleb(-digits), rounding):,f}"


def render_tokens(value: Decimal | float | None, *, at_most: bool = False) -> str:
    """`8,210`, `214k`, `1.25M`, `unknown`: three figures from ten thousand on. `at_most` rounds up."""
    if value is None:
        return "unknown"
    exact = Decimal(value).quantize(Decimal(1), ROUND_CEILING)
    if exact < 10_000:
        return f"{exact:,}"
    digits = exact.adjusted()
    rounded = exact.quantize(Decimal(1).scaleb(digits - 2), ROUND_CEILING if at_most else ROUND_HALF_EVEN)
    for unit, sign in ((9, "B"), (6, "M"), (3, "k")):
        if rounded.adjusted() >= unit:
            return f"{rounded.scaleb(-unit).normalize():f}{sign}"
    raise AssertionError(rounded)


def render_share(value: float | None, digits: int = 1) -> str:
    """`38.0%`, `-` for none; a share between 0 and the least that shows is `<0.1%`."""
    if value is None:
        return "-"
    least = 10 ** -(digits + 2)
    if 0 < value < least / 2:
        return f"<{least:.{digits}%}"
    return f"{value:.{digits}%}"


def render_interval(success: Mapping[str, float | str] | None) -> str:
    """`72% (60-82)`."""
    if success is None:
        return "-"
    mean, low, high = (float(success[name]) for name in ("mean", "low", "high"))
    if low == high == 1:
        return "100%"
    return f"{mean:.0%} ({low * 100:.0f}-{high * 100:.0f})"


def render_divergence(value: float | None) -> str:
    """`0.046`, `-` for none; one that is not zero and would read as zero is `<0.001`."""
    if value is None:
        return "-"
    return "<0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def render_seconds(value: float) -> str:
    """`0.2 s`, `1m 52s`, `2h 05m`."""
    if value < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def count_of(number: int, noun: str) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
