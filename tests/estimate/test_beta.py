"""Our incomplete beta function against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from refinelab_dsl.estimate.beta import beta_cdf, beta_quantile, binomial_tail

shapes = st.floats(0.05, 500)


@given(st.floats(0, 1), shapes, shapes)
def test_beta_cdf_equals_scipys(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-9)


@given(st.floats(0.001, 0.999), st.floats(0.5, 200), st.floats(0.5, 200))
def test_beta_quantile_inverts_the_cdf(p: float, a: float, b: float) -> None:
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-7)


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0, 1))
def test_binomial_tail_equals_scipys(count: int, trials: int, rate: float) -> None:
    assert binomial_tail(count, trials, rate) == pytest.approx(stats.binom.sf(count - 1, trials, rate), abs=1e-8)


def test_a_rate_without_failures_is_certain() -> None:
    assert beta_quantile(0.05, 20, 0) == 1.0
    assert beta_cdf(0.999, 20, 0) == 0.0
