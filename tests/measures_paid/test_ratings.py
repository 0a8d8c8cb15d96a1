"""Elo's update, its standard error, and the fit of all pairs: planted ratings are found again."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from refinelab_dsl.measures_paid.ratings import (
    MEAN,
    expected_result,
    fit_strengths,
    merge_orders,
    order_by_hash,
    rating_error,
    settle_rating,
    update_rating,
)


def test_the_update_is_the_papers() -> None:
    """e + 64 (r - 1 / (1 + 10^((e_ex - e) / 400)))."""
    assert update_rating(1500, 1500, 1) == 1532
    assert update_rating(1500, 1500, 0.5) == 1500
    assert update_rating(1500, 1900, 1) == pytest.approx(1500 + 64 * 10 / 11)
    assert expected_result(1900, 1500) == pytest.approx(10 / 11)
    assert expected_result(0, 1e9) == 0
    assert update_rating(1500, 1500, 1, k=10, eta=200) == 1505


@pytest.mark.parametrize(
    ("orders", "result"),
    [((1.0, 1.0), 1.0), ((0.0, 0.0), 0.0), ((1.0, 0.0), 0.5), ((1.0, 0.5), 0.5), ((None, 1.0), 1.0), ((0.0,), 0.0),
     ((None, None), None)],
)  # fmt: skip
def test_a_verdict_that_flips_with_the_order_is_a_draw(orders: tuple[float | None, ...], result: float | None) -> None:
    assert merge_orders(orders) == result


def test_draws_with_all_exemplars_settle_between_them() -> None:
    rating = settle_rating([(1400, 0.5), (1600, 0.5)], seed=0)
    assert rating.value == pytest.approx(1500, abs=5)
    assert rating.settled
    assert rating.comparisons == 2


def test_won_throughout_is_far_above_unsettled_and_unsure() -> None:
    won = settle_rating([(1500.0, 1.0)] * 8, seed=0, rounds=5)
    even = settle_rating([(1500.0, 0.5)] * 8, seed=0)
    assert won.value is not None
    assert won.value > 1900
    assert (won.rounds, won.settled) == (5, False)
    assert won.error > 1.8 * even.error
    lost = settle_rating([(1500.0, 0.0)] * 8, seed=0, rounds=5)
    assert lost.value is not None
    assert lost.value - MEAN == pytest.approx(-(won.value - MEAN), abs=0.2)


def test_without_a_comparison_there_is_no_rating() -> None:
    nothing = settle_rating([], seed=0)
    assert (nothing.value, nothing.error, nothing.settled) == (None, math.inf, False)


def test_the_standard_error_is_that_of_the_comparisons() -> None:
    assert rating_error(1500, [1500] * 8) == pytest.approx(400 / math.log(10) / math.sqrt(8 * 0.25), abs=0.1)
    assert rating_error(1500, [1500] * 32) == pytest.approx(rating_error(1500, [1500] * 8) / 2, abs=0.1)
    assert rating_error(1500, [9000] * 4) == math.inf


def test_planted_ratings_are_found_within_their_standard_errors() -> None:
    """A judge that follows the curve: of 95% intervals nearly 95% hold the truth, and the mean error is small."""
    random = np.random.default_rng(3)
    exemplars = random.normal(1500, 200, 60)
    off, errors = [], []
    for number in range(300):
        truth = float(random.normal(1500, 200))
        near = exemplars[np.argsort(np.abs(exemplars - truth))[:24]]
        results = [(float(other), float(random.random() < expected_result(truth, other))) for other in near]
        rating = settle_rating(results, seed=number)
        assert rating.value is not None
        off.append((rating.value - truth) / rating.error)
        errors.append(rating.error)
    assert 0.88 < np.mean(np.abs(off) < 1.96) <= 1
    assert abs(np.mean(off)) < 0.25
    assert 60 < np.median(errors) < 90


def test_the_order_of_updates_follows_from_the_seed() -> None:
    comparisons = [(1300.0, 1.0), (1500.0, 0.0), (1700.0, 1.0), (1600.0, 0.0)]
    assert settle_rating(comparisons, seed=1) == settle_rating(comparisons, seed=1)
    assert sorted(order_by_hash(6, 1)) == list(range(6))
    assert len({tuple(order_by_hash(6, seed)) for seed in range(20)}) > 10


def test_all_pairs_give_the_planted_ratings() -> None:
    random = np.random.default_rng(5)
    truth = random.normal(1500, 200, 40)
    results = {
        (i, j): float(random.random() < expected_result(truth[i], truth[j])) for i, j in combinations(range(40), 2)
    }
    found = fit_strengths(40, results)
    ratings, errors = np.array(found.ratings), np.array(found.errors)
    assert ratings.mean() == pytest.approx(MEAN, abs=0.1)
    off = (ratings - MEAN - (truth - truth.mean())) / errors
    assert 0.85 < (np.abs(off) < 1.96).mean() <= 1
    assert np.corrcoef(ratings, truth)[0, 1] > 0.93


def test_the_fit_is_a_maximum() -> None:
    """Of a likelihood written down anew: no rating can be moved and the results become likelier."""
    results = {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 0.5, (2, 3): 1.0, (1, 3): 0.0}

    def badness(ratings: list[float]) -> float:
        strengths = [(rating - 1500) * math.log(10) / 400 for rating in ratings]
        loss = sum(strength**2 / 8 for strength in strengths)
        for (i, j), result in results.items():
            chance = expected_result(ratings[i], ratings[j])
            loss -= result * math.log(chance) + (1 - result) * math.log(1 - chance)
        return loss

    ratings = list(fit_strengths(4, results).ratings)
    for place in range(4):
        for step in (-5.0, 5.0):
            moved = [rating + step * (place == at) for at, rating in enumerate(ratings)]
            assert badness(moved) > badness(ratings)


@pytest.mark.parametrize(
    "results",
    [{}, {(0, 1): 0.5}, {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0}, {(0, 2): 0.0}],
    ids=["nothing", "one draw", "always the same winner", "one pair of three"],
)
def test_poor_results_give_finite_ratings(results: dict[tuple[int, int], float]) -> None:
    found = fit_strengths(3, results)
    assert all(math.isfinite(each) for each in (*found.ratings, *found.errors))
    assert sum(found.ratings) == pytest.approx(3 * MEAN, abs=0.3)
    for (i, j), result in results.items():
        assert (found.ratings[i] > found.ratings[j]) == (result == 1.0)


def test_many_comparisons_come_to_rest_at_what_explains_them() -> None:
    """At the rating where the results sum to what was to be expected, whatever the order of the updates."""
    random = np.random.default_rng(9)
    results = [(float(other), float(random.random() < 0.6)) for other in random.normal(1500, 200, 64)]
    found = [settle_rating(results, seed=seed, rounds=50) for seed in range(5)]
    assert all(rating.settled for rating in found)
    values = [rating.value for rating in found if rating.value is not None]
    assert max(values) - min(values) < 12
    left = sum(result - expected_result(values[0], other) for other, result in results)
    assert abs(left) < 0.5
