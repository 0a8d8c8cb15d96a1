"""How fast a model is asked, and when a failed call is tried again."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.declarations import Run
from refinelab_dsl.execute.meter import Meter
from refinelab_dsl.execute.retry import LONGEST, LONGEST_ASKED, delay_before

SETTINGS = Run(retries=4, backoff=Decimal("0.5"))


@given(
    st.integers(1, 6_000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), min_size=1, max_size=60),
)
def test_what_is_declared_is_spread_evenly(rate: int, asks: list[tuple[float, int]]) -> None:
    now = 0.0
    meter = Meter(rate, is_exact=True)
    out: list[tuple[float, int]] = []
    for pause, amount in asks:
        now += pause
        while (delay := meter.delay(amount, now)) > 0:
            now += delay + 1e-6
        meter.take(amount, now)
        out.append((now, amount))
    for first, (start, _) in enumerate(out):
        for last in range(first, len(out)):
            inside = sum(amount for _, amount in out[first:last])  # each goes out when what was before it is paid for
            assert inside <= (out[last][0] - start + 0.6) * rate / 60 + 1e-6 + max(a for _, a in out)


@given(st.text(max_size=8), st.integers(1, 5))
def test_backoff_is_full_jitter_and_the_same_twice(key: str, tries: int) -> None:
    delay = delay_before(SETTINGS, key, tries, None)
    assert delay == delay_before(SETTINGS, key, tries, None)
    if tries > SETTINGS.retries:
        assert delay is None
    else:
        assert delay is not None
        assert 0 <= delay <= min(LONGEST, 0.5 * 2 ** (tries - 1))


def test_calls_that_failed_together_do_not_come_back_together() -> None:
    assert len({delay_before(SETTINGS, f"key {number}", 1, None) for number in range(50)}) == 50


def test_the_endpoint_says_how_long_to_wait_within_reason() -> None:
    assert delay_before(SETTINGS, "key", 1, 7.5) == 7.5
    assert delay_before(SETTINGS, "key", 1, -3.0) == 0
    assert delay_before(SETTINGS, "key", 1, 86_400.0) == LONGEST_ASKED
    assert delay_before(SETTINGS, "key", 5, 7.5) is None
