"""Figures: a limit never reads lower than it is, and what is not zero never reads as zero."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.plan import figures


@pytest.mark.parametrize(
    ("value", "text", "limit"),
    [
        ("0", "$0.00", "$0.00"),
        ("1.21", "$1.21", "$1.21"),
        ("1.214", "$1.21", "$1.22"),
        ("0.0031", "$0.0031", "$0.0031"),
        ("0.00312", "$0.0031", "$0.0032"),
        ("0.000000123", "$0.00000012", "$0.00000013"),
        ("0.00999", "$0.0100", "$0.0100"),
        ("12345.678", "$12,345.68", "$12,345.68"),
    ],
)
def test_dollars(value: str, text: str, limit: str) -> None:
    assert figures.render_usd(Decimal(value)) == text
    assert figures.render_usd(Decimal(value), at_most=True) == limit


def test_an_unknown_price_is_unknown() -> None:
    assert figures.render_usd(None) == figures.render_tokens(None) == "unknown"


@pytest.mark.parametrize(
    ("value", "text", "limit"),
    [
        (0, "0", "0"), (8210, "8,210", "8,210"), (9999.2, "10k", "10k"), (10_049, "10k", "10.1k"),
        (214_300, "214k", "215k"), (999_999, "1M", "1M"), (1_251_000, "1.25M", "1.26M"), (2 * 10**9, "2B", "2B"),
    ],
)  # fmt: skip
def test_tokens(value: float, text: str, limit: str) -> None:
    assert figures.render_tokens(value) == text
    assert figures.render_tokens(value, at_most=True) == limit


@given(st.decimals(min_value="0.0000001", max_value=10**9, places=8))
def test_money_is_never_nothing_and_limits_never_too_low(value: Decimal) -> None:
    shown = Decimal(figures.render_usd(value, at_most=True).lstrip("$").replace(",", ""))
    assert shown >= value
    assert Decimal(figures.render_usd(value).lstrip("$").replace(",", "")) > 0


@given(st.integers(0, 10**13))
def test_token_limits_are_never_too_low(value: int) -> None:
    text = figures.render_tokens(value, at_most=True)
    scale = {"k": 10**3, "M": 10**6, "B": 10**9}.get(text[-1], 1)
    assert Decimal(text.rstrip("kMB").replace(",", "")) * scale >= value


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.38, "38.0%"), (0.0, "0.0%"), (0.0001, "<0.1%"), (0.0006, "0.1%"), (1.0, "100.0%"), (None, "-")],
)
def test_shares(value: float | None, text: str) -> None:
    assert figures.render_share(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.000"), (0.046, "0.046"), (1e-7, "<0.001"), (None, "-")])
def test_divergences(value: float | None, text: str) -> None:
    assert figures.render_divergence(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.21, "0.2 s"), (59.4, "59 s"), (112.2, "1m 52s"), (7500, "2h 05m"), (3599.7, "1h 00m")]
)
def test_durations(value: float, text: str) -> None:
    assert figures.render_seconds(value) == text


def test_success() -> None:
    assert figures.render_interval({"mean": 0.72, "low": 0.6, "high": 0.82, "source": "spec"}) == "72% (60-82)"
    assert figures.render_interval({"mean": 1, "low": 1, "high": 1, "source": "spec"}) == "100%"
    assert figures.render_interval(None) == "-"
