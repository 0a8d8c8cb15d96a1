"""Limits of the simulated endpoint, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from refinelab_dsl.serving.limits import Gate, RateLimits, claimed_tokens, render_wait


def passed(gate: Gate, times: int, now: float, tokens: int = 1, model: str = "m") -> int:
    return sum(gate.enter(model, tokens, now) is None for _ in range(times))


def test_requests_come_back_evenly() -> None:
    gate = Gate(RateLimits(rpm=60, burst=10))
    assert passed(gate, 99, now=100.0) == 10
    assert passed(gate, 99, now=103.0) == 3
    assert passed(gate, 99, now=103.5) == 0
    assert passed(gate, 99, now=104.0) == 1
    assert passed(gate, 99, now=900.0) == 10


def test_whoever_waits_as_long_as_is_said_passes() -> None:
    gate = Gate(RateLimits(rpm=20, tpm=1_000))
    now, waited = 0.0, 0
    for _ in range(60):
        excess = gate.enter("m", 130, now)
        if excess is not None:
            assert excess.wait is not None
            now, waited = now + excess.wait, waited + 1
            assert gate.enter("m", 130, now) is None
    assert waited > 40
    allowed = 1_000 + now * 1_000 / 60
    assert allowed - 131 <= 60 * 130 <= allowed + 1e-6


def test_the_limit_that_is_reached_first_is_named() -> None:
    gate = Gate(RateLimits(rpm=100, tpm=500))
    assert passed(gate, 5, now=0.0, tokens=100) == 5
    excess = gate.enter("m", 100, 0.0)
    assert excess is not None
    assert (excess.unit, excess.limit, excess.used, excess.requested) == ("tokens", 500, 500, 100)
    assert excess.wait == pytest.approx(12.0)
    assert excess.message("m") == (
        "Rate limit reached for m on tokens per min (TPM): Limit 500, Used 500, Requested 100. "
        "Please try again in 12s."
    )


def test_what_is_refused_takes_nothing() -> None:
    gate = Gate(RateLimits(rpm=10, tpm=100))
    assert passed(gate, 50, now=0.0, tokens=101) == 0
    excess = gate.enter("m", 101, 0.0)
    assert excess is not None
    assert excess.wait is None
    assert excess.message("m").startswith("Request too large for m on tokens per min (TPM): Limit 100, Requested 101")
    assert passed(gate, 1, now=0.0, tokens=100) == 1


def test_models_have_limits_of_their_own_and_without_any_nothing_is_said() -> None:
    gate = Gate(RateLimits(rpm=2))
    assert [passed(gate, 5, now=0.0, model=name) for name in ("a", "b", "a")] == [2, 2, 0]
    free = Gate(RateLimits())
    assert passed(free, 500, now=0.0, tokens=10**9) == 500
    assert free.headers("m", 0.0) == {}


def test_headers_say_what_is_left_and_when_all_of_it_is_back() -> None:
    gate = Gate(RateLimits(rpm=5_000, tpm=160_000))
    assert gate.enter("m", 24, 0.0) is None
    assert gate.headers("m", 0.0) == {
        "x-ratelimit-limit-requests": "5000", "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-reset-requests": "12ms", "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-tokens": "159976", "x-ratelimit-reset-tokens": "9ms",
    }  # fmt: skip
    assert gate.headers("m", 1.0)["x-ratelimit-reset-requests"] == "0ms"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0ms"), (0.0121, "13ms"), (0.9999, "1s"), (1.5, "1.5s"), (59.9999, "1m0s"), (60, "1m0s"), (61.25, "1m1.25s"),
     (3_600, "1h0m0s")],
)  # fmt: skip
def test_times_are_spelled_as_openai_does(seconds: float, shown: str) -> None:
    assert render_wait(seconds) == shown


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": [{"content": "x" * 400}], "max_completion_tokens": 50}, 100),
        ({"messages": [{"content": "x" * 400}], "max_tokens": 150}, 150),
        ({"messages": [{"content": None}, {}]}, 1),
        ({"input": ["x" * 80, "y" * 80]}, 40),
        ({"input": "x" * 80}, 20),
        ({}, 1),
    ],
)
def test_a_request_counts_for_its_text_or_its_output_limit(body: dict[str, Any], tokens: int) -> None:
    assert claimed_tokens(body) == tokens


def test_a_fixed_window_gives_all_of_it_at_once_and_nothing_until_the_next() -> None:
    gate = Gate(RateLimits(rpm=60, window=10))
    assert passed(gate, 99, now=103.0) == 10
    assert gate.headers("m", 103.0)["x-ratelimit-reset-requests"] == "7s"
    assert passed(gate, 99, now=109.9) == 0
    assert passed(gate, 99, now=110.0) == 10


def test_what_is_not_to_be_told_is_not() -> None:
    gate = Gate(RateLimits(rpm=1, headers=False, retry_after=False))
    assert passed(gate, 1, now=0.0) == 1
    excess = gate.enter("m", 1, 0.0)
    assert excess is not None
    assert gate.headers("m", 0.0) == gate.render_retry(excess) == {}
    telling = Gate(RateLimits(rpm=1))
    assert telling.render_retry(excess) == {"Retry-After": "60", "retry-after-ms": "60000"}
