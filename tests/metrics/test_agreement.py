"""Agreement, intervals, diversity and discrimination, beside published examples, hand counts and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from refinelab_dsl.metrics import (
    correction_ratio,
    distractor_diversity,
    item_rest_correlations,
    kendall_w,
    krippendorff_alpha,
    rank_mean,
    wilson_interval,
)


class TestAlpha:
    # Krippendorff 2011, example C: four observers, twelve units, missing values.
    ROWS = (
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    )

    def test_the_published_example(self) -> None:
        assert krippendorff_alpha(zip(*self.ROWS, strict=True)) == pytest.approx(0.743, abs=5e-4)

    def test_two_observers_by_hand(self) -> None:
        # Krippendorff 2011, example A: ten units, binary; alpha = 0.095.
        first, second = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
        assert krippendorff_alpha(zip(first, second, strict=True)) == pytest.approx(0.095, abs=5e-4)

    def test_ends(self) -> None:
        assert krippendorff_alpha([("a", "a"), ("b", "b")]) == 1
        assert krippendorff_alpha([("a", "b"), ("b", "a")]) == pytest.approx(-0.5)
        assert krippendorff_alpha([("a", "a"), ("a", "a")]) is None
        assert krippendorff_alpha([("a", None), (None, None)]) is None
        assert krippendorff_alpha([]) is None

    @given(st.lists(st.lists(st.sampled_from("abc") | st.none(), min_size=2, max_size=4), max_size=12))
    def test_lone_labels_and_order_say_nothing(self, units: list[list[str | None]]) -> None:
        alpha = krippendorff_alpha(units)
        assert krippendorff_alpha([*(unit[::-1] for unit in units), ["a", None], [None]]) == alpha
        assert alpha is None or alpha <= 1


class TestConcordance:
    def test_a_hand_count(self) -> None:
        # Three judges, six applicants (Siegel and Castellan 1988, table 9.7): W = 0.16.
        ranks = [(1, 6, 3, 2, 5, 4), (1, 5, 6, 4, 2, 3), (6, 3, 2, 5, 4, 1)]
        assert kendall_w(ranks) == pytest.approx(0.16, abs=5e-3)

    def test_ends(self) -> None:
        assert kendall_w([(1, 2, 3), (10, 20, 30)]) == 1
        assert kendall_w([(1, 2), (2, 1)]) == 0
        assert kendall_w([(1, 2, 3)]) is None
        assert kendall_w([(1, 1), (2, 2)]) is None
        with pytest.raises(ValueError, match="no table"):
            kendall_w([(1, math.nan), (1, 2)])

    @given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=3, max_size=6))
    def test_friedmans_statistic_is_the_same_with_ties(self, rows: list[list[int]]) -> None:
        w = kendall_w(rows)
        if w is None:
            assert all(len(set(row)) == 1 for row in rows)
            return
        statistic = stats.friedmanchisquare(*zip(*rows, strict=True)).statistic
        assert w == pytest.approx(statistic / (len(rows) * 3), abs=1e-9)

    @given(st.lists(st.integers(0, 5), min_size=1))
    def test_ranks_are_scipys(self, values: list[int]) -> None:
        assert rank_mean(values).tolist() == stats.rankdata(values).tolist()


class TestInterval:
    @given(st.integers(0, 400), st.integers(1, 400), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
    def test_scipys_interval(self, count: int, total: int, confidence: float) -> None:
        if count > total:
            count = total
        wanted = stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
        assert wilson_interval(count, total, confidence) == pytest.approx((wanted.low, wanted.high), abs=1e-12)

    def test_ends(self) -> None:
        assert wilson_interval(0, 0) == (0, 1)
        assert wilson_interval(0, 400) == (0, pytest.approx(0.00951, abs=1e-5))
        assert wilson_interval(9, 9)[1] == 1
        with pytest.raises(ValueError, match="5 of 4"):
            wilson_interval(5, 4)

    def test_corrections(self) -> None:
        assert correction_ratio(9, 10) == 0.9
        assert correction_ratio(0, 0) is None
        with pytest.raises(ValueError, match="3 corrected of 2"):
            correction_ratio(3, 2)


class TestDiversity:
    def test_by_hand(self) -> None:
        assert distractor_diversity([["a", "b", "c", "d"]], 4) == pytest.approx(1)
        assert distractor_diversity([["a", "a", "a"]], 4) == 0
        third = -(1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3)) / math.log(5)
        assert distractor_diversity([["a", "b", "b"], ["c", "c"], []], 5) == pytest.approx(third / 2)
        assert distractor_diversity([[], []], 5) is None

    @pytest.mark.parametrize(("items", "kinds"), [([["a"]], 1), ([["a", "b", "c"]], 2)])
    def test_impossible_kinds(self, items: list[list[str]], kinds: int) -> None:
        with pytest.raises(ValueError, match=r"kinds|types"):
            distractor_diversity(items, kinds)


class TestDiscrimination:
    def test_scipys_point_biserial(self) -> None:
        table = np.random.default_rng(3).integers(0, 2, size=(12, 7))
        found = item_rest_correlations(table)
        for item in range(7):
            rest = table.sum(axis=1) - table[:, item]
            assert found[item] == pytest.approx(stats.pointbiserialr(table[:, item], rest).statistic)

    def test_items_that_tell_nothing(self) -> None:
        found = item_rest_correlations([[1, 1, 0], [1, 0, 1], [1, 1, 0]])
        assert np.isnan(found[0])
        assert found[1] == pytest.approx(-1)
