"""The divergence against scipy's, and its bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from refinelab_dsl.metrics import jsd, jsd_of_counts

_WEIGHTS = st.lists(
    st.tuples(st.floats(0, 1e6, allow_subnormal=False), st.floats(0, 1e6, allow_subnormal=False)),
    min_size=1,
    max_size=20,
)


@given(_WEIGHTS)
def test_equals_the_square_of_scipys_distance(pairs: list[tuple[float, float]]) -> None:
    p, q = zip(*pairs, strict=True)
    assume(sum(p) > 1e-3 and sum(q) > 1e-3)
    with np.errstate(invalid="ignore"):  # for equal distributions scipy takes the root of a tiny negative
        expected = float(jensenshannon(p, q, base=2)) ** 2
    assert jsd(p, q) == pytest.approx(0.0 if math.isnan(expected) else expected, abs=1e-9)


@given(_WEIGHTS)
def test_lies_between_nought_and_one_and_is_symmetric(pairs: list[tuple[float, float]]) -> None:
    p, q = zip(*pairs, strict=True)
    assert 0 <= jsd(p, q) <= 1
    assert jsd(p, q) == pytest.approx(jsd(q, p), abs=1e-12)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_mix_equals_itself(counts: list[int]) -> None:
    assume(sum(counts) > 0)
    shares = np.array(counts) / sum(counts)
    assert jsd_of_counts(counts, shares.tolist()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "target", "expected"),
    [
        ([10, 0], [0.0, 1.0], 1.0),
        ([1, 1], [0.5, 0.5], 0.0),
        ([38, 50, 12], [0.0, 0.4, 0.6], 0.3200),  # cli.md shows 0.320 for this mix
        ([0, 0], [0.5, 0.5], 1.0),
        ([0, 0], [0.0, 0.0], 0.0),
    ],
)
def test_known_values(counts: list[int], target: list[float], expected: float) -> None:
    assert jsd_of_counts(counts, target) == pytest.approx(expected, abs=1e-4)


def test_bins_must_agree() -> None:
    with pytest.raises(ValueError, match="2 bins against 3"):
        jsd([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="negative"):
        jsd([1, -2], [1, 2])
