"""How fast a model is asked, and when a failed call is tried again."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.declarations import Run
from refinelab_dsl.execute.limits import Bucket
from refinelab_dsl.execute.retry import LONGEST, LONGEST_ASKED, delay_before

SETTINGS = Run(retries=4, backoff=Decimal("0.5"))


@given(
    st.integers(1, 6_000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), min_size=1, max_size=60),
)
def test_a_bucket_never_lets_more_out_than_its_rate_and_one_burst(rate: int, asks: list[tuple[float, int]]) -> None:
    now = 0.0
    bucket = Bucket(rate, lambda: now)
    out: list[tuple[float, int]] = []
    for pause, amount in asks:
        now += pause
        out.append((now + bucket.take(amount), amount))
    burst = max(1.0, rate / 6)
    for start, _ in out:
        for end in (at for at, _ in out if at >= start):
            inside = sum(amount for at, amount in out if start <= at <= end)
            # An ask larger than the bucket goes out when its debt is paid: the last one may exceed by itself.
            assert inside <= burst + (end - start) * rate / 60 + max(amount for _, amount in out) + 1e-6


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
