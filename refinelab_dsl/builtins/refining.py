"""What is believed of refiners and judges before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from refinelab_dsl.builtins.table import Asking

ANSWERS: Final = (36, 35, 18, 7, 2, 1)
"""Of a hundred chains, how many came to 1, 2, … answers (Refine-n-Judge, appendix D, 78 000 queries). A chain of n
answers took n rounds: the last one is refused."""

JUDGE_ASKS: Final[Mapping[str, Asking]] = MappingProxyType({
    "rubric": Asking(1, Decimal(1), 140, 900),
    "pairwise": Asking(1, Decimal(1), 60, 500),
})
"""One comparison of two answers, by a judge's `mode`."""


def expected_rounds(most: int) -> Decimal:
    """Rounds that a chain takes on average, where there are `most` at most."""
    total = sum(ANSWERS)
    return sum((Decimal(min(rounds, most) * share) for rounds, share in enumerate(ANSWERS, 1)), Decimal(0)) / total


def refining_share(round_: int) -> Decimal:
    """The share of refinements in a round (from 0) that are preferred to the answer before them."""
    reached = sum(ANSWERS[round_:])
    return Decimal(sum(ANSWERS[round_ + 1 :])) / reached if reached else Decimal(0)
