"""The attempts that a plan lists, and the chance that it states, against simulation."""

import numpy as np
import pytest

from refinelab_dsl.estimate import Rate
from refinelab_dsl.estimate.chance import Want, size_attempts

RATES = {"author": Rate(11, 9, "spec"), "paraphrase": Rate(18, 2, "default"), "sure": Rate(20, 0, "spec")}


@pytest.mark.parametrize(
    "wants",
    [
        [Want("author", 38)],
        [Want("author", 1)],
        [Want("author", 10)] * 12 + [Want("paraphrase", 100)],
        [Want("paraphrase", 3), Want("paraphrase", 40), Want("author", 7)],
    ],
)
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_stated_chance_equals_the_simulated_frequency(wants: list[Want], confidence: float) -> None:
    answer = size_attempts(wants, RATES, confidence)
    generator = np.random.default_rng(5)
    draws = 20_000
    reached = np.ones(draws, dtype=bool)
    for name in sorted({want.operator for want in wants}):
        rate = generator.beta(RATES[name].alpha, RATES[name].beta, draws)  # shared by the operator's actions
        for want, attempts in zip(wants, answer.attempts, strict=True):
            if want.operator == name:
                reached &= generator.binomial(attempts, rate) >= want.count
    assert answer.chance >= confidence
    assert reached.mean() == pytest.approx(answer.chance, abs=0.015)


def test_certain_operators_need_no_reserve() -> None:
    answer = size_attempts([Want("sure", 17)], RATES, 0.9)
    assert answer.attempts == (17,)
    assert answer.chance == 1.0


def test_a_limited_source_lowers_the_chance_and_says_so() -> None:
    answer = size_attempts([Want("paraphrase", 50, available=52)], RATES, 0.9)
    assert answer.attempts == (52,)
    assert answer.chance < 0.9


def test_what_cannot_be_reached_is_not_bought_elsewhere() -> None:
    alone = size_attempts([Want("author", 10)], RATES, 0.9).attempts[0]
    beside_a_limited_one = size_attempts([Want("author", 10), Want("paraphrase", 50, available=50)], RATES, 0.9)
    assert beside_a_limited_one.chance < 0.1
    assert beside_a_limited_one.attempts[0] <= 2 * alone


def test_more_confidence_never_lists_fewer_attempts() -> None:
    wants = [Want("author", 20), Want("paraphrase", 20)]
    listed = [sum(size_attempts(wants, RATES, confidence).attempts) for confidence in (0.5, 0.8, 0.9, 0.95, 0.99)]
    assert listed == sorted(listed)


def test_nothing_wanted_is_reached_at_once() -> None:
    answer = size_attempts([], RATES, 0.9)
    assert answer.attempts == ()
    assert answer.chance == 1.0
