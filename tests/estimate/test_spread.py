"""What a plan states of its luck against what luck does: the chance of all counts, and the reserve of a budget."""

from __future__ import annotations

from decimal import Decimal
from math import sqrt

import numpy as np
import pytest

from refinelab_dsl.estimate import AttemptCost, Estimates, OperatorEstimate, Rate
from refinelab_dsl.estimate.chance import Want, size_attempts
from refinelab_dsl.estimate.spread import Lot, Luck, weigh_luck
from tests.estimate.fortune import draw_fortunes

DRAWS = 40_000
RATES = {
    "author": Rate(11, 9, "spec"), "paraphrase": Rate(17, 3, "default"), "judge": Rate(30, 70, "evidence"),
    "sure": Rate(20, 0, "spec"),
}  # fmt: skip
TOKENS = {"author": 400.0, "paraphrase": 150.0, "judge": 900.0, "sure": 50.0}
ESTIMATES = Estimates(
    {
        name: OperatorEstimate(rate, AttemptCost(1, TOKENS[name], 0.0, 0, Decimal("0.01"), None))
        for name, rate in RATES.items()
    },
    0.0,
    None,
)

PLANS = {
    "one count": [Want("author", 1)],
    "one large count": [Want("author", 400)],
    "many small counts": [Want("author", 2)] * 25,
    "two operators": [Want("author", 20), Want("paraphrase", 60)],
    "four operators": [Want("author", 9), Want("paraphrase", 30), Want("judge", 12), Want("sure", 5)],
    "limited sources": [Want("paraphrase", 40, available=44), Want("author", 10, available=30)],
    "sources that cannot suffice": [Want("paraphrase", 50, available=50), Want("author", 10)],
    "many of all": [Want("author", 7)] * 8 + [Want("paraphrase", 11, available=14)] * 8 + [Want("judge", 3)] * 8,
}


def expect_tokens(lots: list[Lot]) -> float:
    """As a plan states it: attempts at the rates' means."""
    return sum(min(lot.count / RATES[lot.operator].mean, lot.listed) * TOKENS[lot.operator] for lot in lots)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("wants", PLANS.values(), ids=PLANS.keys())
def test_the_stated_chance_is_how_often_every_count_is_reached(wants: list[Want], confidence: float) -> None:
    stated = size_attempts(wants, RATES, confidence)
    lots = [Lot(want.operator, want.count, listed) for want, listed in zip(wants, stated.attempts, strict=True)]
    frequency = draw_fortunes(lots, RATES, TOKENS, DRAWS, seed=3).reached.mean()
    # Four standard errors of the draws, and what means over 64 nodes are off the integral.
    error = 4 * sqrt(max(stated.chance * (1 - stated.chance), 1 / DRAWS) / DRAWS) + 3e-3
    assert abs(frequency - stated.chance) <= error, (frequency, stated.chance, error)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("wants", PLANS.values(), ids=PLANS.keys())
def test_a_budget_that_binds_is_seldom_overrun(wants: list[Want], confidence: float) -> None:
    """The least budget that the plan may have: what is expected, and the reserve."""
    listed = size_attempts(wants, RATES, confidence).attempts
    lots = [Lot(want.operator, want.count, attempts) for want, attempts in zip(wants, listed, strict=True)]
    budget = expect_tokens(lots) + weigh_luck(lots, ESTIMATES, confidence).tokens
    overrun = (draw_fortunes(lots, RATES, TOKENS, DRAWS, seed=4).tokens > budget).mean()
    allowed = 1 - confidence
    assert overrun <= allowed + 4 * sqrt(allowed * confidence / DRAWS) + 0.01, (overrun, allowed)


@pytest.mark.parametrize("wants", PLANS.values(), ids=PLANS.keys())
def test_the_reserve_is_at_least_the_deviations_that_the_confidence_stands_for(wants: list[Want]) -> None:
    listed = size_attempts(wants, RATES, 0.9).attempts
    lots = [Lot(want.operator, want.count, attempts) for want, attempts in zip(wants, listed, strict=True)]
    luck = weigh_luck(lots, ESTIMATES, 0.9)
    drawn = draw_fortunes(lots, RATES, TOKENS, DRAWS, seed=5).tokens
    assert luck.tokens >= drawn.mean() + 1.28 * drawn.std() * 0.95 - expect_tokens(lots)
    assert luck.tokens <= sum(lot.listed * TOKENS[lot.operator] for lot in lots)
    assert luck.usd > 0


def test_without_a_reserve_a_binding_budget_is_overrun_half_the_time() -> None:
    """Why there is one."""
    lots = [Lot("author", 200, 10_000)]
    drawn = draw_fortunes(lots, RATES, TOKENS, DRAWS, seed=6).tokens
    assert (drawn > 200 / RATES["author"].mean * TOKENS["author"]).mean() > 0.4


def test_what_is_sure_needs_no_reserve() -> None:
    luck = weigh_luck([Lot("sure", 100, 100)], ESTIMATES, 0.99)
    assert luck.tokens == pytest.approx(0, abs=1e-6)
    assert weigh_luck([], ESTIMATES, 0.9) == Luck(0, 0)


def test_the_reserve_grows_with_the_confidence() -> None:
    lots = [Lot("author", 30, 90), Lot("paraphrase", 50, 75)]
    held = [weigh_luck(lots, ESTIMATES, confidence).tokens for confidence in (0.1, 0.5, 0.8, 0.9, 0.99, 0.999)]
    assert held == sorted(held)
    assert held[0] >= 0
    assert np.isfinite(held).all()


def test_attempts_of_uneven_length_need_more() -> None:
    def weigh(deviation: float) -> float:
        cost = AttemptCost(1, 400.0, 0.0, 0, None, None, deviation)
        estimates = Estimates({"author": OperatorEstimate(RATES["author"], cost)}, 0.0, None)
        return weigh_luck([Lot("author", 5, 20)], estimates, 0.9).tokens

    assert weigh(400.0) > weigh(0.0) * 1.02
