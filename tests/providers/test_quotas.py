"""What headers say of rate limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.providers.quotas import Quota, Quotas, read_quotas, read_reset

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"content-type": "application/json", "x-request-id": "req_1"}, None),
        (
            {
                "x-ratelimit-limit-requests": "5000", "x-ratelimit-remaining-requests": "4999",
                "x-ratelimit-reset-requests": "12ms", "x-ratelimit-limit-tokens": "160000",
                "x-ratelimit-remaining-tokens": "159976", "x-ratelimit-reset-tokens": "1m3.5s",
            },
            Quotas(Quota(5000, 4999, 0.012, False), Quota(160_000, 159_976, 63.5, False)),
        ),
        (
            {
                "anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-01T09:30:12Z",
            },
            Quotas(Quota(50, 0, 12.0, True), None),
        ),
        ({"x-ratelimit-remaining-requests": "19"}, Quotas(Quota(None, 19), None)),
        ({"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1"}, None),
        ({"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"}, None),
        ({"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-tokens": "nan"}, None),
    ],
    ids=["nothing", "others", "openai", "anthropic", "azure", "minus one", "zero", "no numbers"],
)
def test_headers_as_endpoints_send_them(headers: Mapping[str, str], found: Quotas | None) -> None:
    assert read_quotas(headers, NOW) == found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0), ("59.5", 59.5), ("6m0s", 360.0), ("1h2m3s", 3723.0), ("1d", 86_400.0), ("250ms", 0.25),
        ("1793525460", 60.0), ("2026-11-01T09:31:00+00:00", 60.0), ("2026-11-01T09:29:00Z", 0.0), ("", None),
        ("soon", None), ("-5", None), ("1s2m", None),
    ],
)  # fmt: skip
def test_a_reset_is_a_duration_or_a_point_in_time(text: str, seconds: float | None) -> None:
    assert read_reset(text, NOW) == seconds


@given(st.dictionaries(st.sampled_from(["x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens"]), st.text()))
def test_nothing_that_a_header_says_is_an_error(headers: Mapping[str, str]) -> None:
    read_quotas(headers, NOW)
