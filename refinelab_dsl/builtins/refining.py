"""What is believed of refiners and judges before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from refinelab_dsl.builtins.table import Asking

ANSWERS: Final = (36, 35, 18, 7, 2, 1)
"""Of a hundred chains, how many came to 1, 2, … answers (Refine-n-Judge, appendix D, 78 000 queries). A chain of n
answers took n rounds: the last one is refused."""

JudgeRole: TypeAlias = Literal["answers", "results", "alone"]
"""What a judge is shown: two answers to an item, for a `refine`; as a check of another operator a result and the item
that it was made of, or the result alone, where an operator writes items anew."""

JUDGE_ASKS: Final[Mapping[str, Asking]] = MappingProxyType({
    "rubric": Asking(1, Decimal(1), 140, 900),
    "pairwise": Asking(1, Decimal(1), 60, 500),
    "rubric_results": Asking(1, Decimal(1), 140, 900),
    "pairwise_results": Asking(1, Decimal(1), 60, 500),
    "rubric_alone": Asking(1, Decimal(1), 80, 600),
})
"""One call of a judge, by `name_asking`."""

REVISIONS: Final = 1
"""How often a result is revised that a judge refuses, where its `max_rounds` does not say."""

PASS_MARK: Final = Decimal(6)
"""The mean grade from which on a judge accepts a result that it sees alone, where its `accept` does not say."""


def name_asking(mode: str, role: JudgeRole) -> str:
    """The row of `JUDGE_ASKS` by which a judge asks; with `judge_` before it the name of its built-in prompt."""
    return mode if role == "answers" else f"{mode}_{role}"


def expected_rounds(most: int) -> Decimal:
    """Rounds that a chain takes on average, where there are `most` at most."""
    total = sum(ANSWERS)
    return sum((Decimal(min(rounds, most) * share) for rounds, share in enumerate(ANSWERS, 1)), Decimal(0)) / total


def refining_share(round_: int) -> Decimal:
    """The share of refinements in a round (from 0) that are preferred to the answer before them."""
    reached = sum(ANSWERS[round_:])
    return Decimal(sum(ANSWERS[round_ + 1 :])) / reached if reached else Decimal(0)
