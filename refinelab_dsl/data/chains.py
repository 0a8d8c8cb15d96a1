"""Chains of answers (Refine-n-Judge): what a refiner made of an answer round by round, and what a judge said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Preferred: TypeAlias = Literal["previous", "refined", "tie"]
Stop: TypeAlias = Literal["previous", "tie", "accepted", "max_rounds", "unchanged", "oscillation", "unreadable"]

STOPS: Final[Mapping[Stop, str]] = {
    "previous": "the judge preferred the answer before",
    "tie": "the judge preferred neither",
    "accepted": "the judge accepts the answer",
    "max_rounds": "there were as many rounds as there may be",
    "unchanged": "the refiner gave the answer back as it was",
    "oscillation": "the refiner came back to an earlier answer",
    "unreadable": "a reply could not be read",
}
"""Why a chain ends, in words."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reply of a judge says of two answers.

    model: the declared name of who was asked. previous_first: the order in which they were shown. sample: which vote.
    preferred: None where the reply could not be read. previous, refined: sums of the grades, without a penalty; None
    where none were given.
    """

    model: str
    previous_first: bool
    sample: int
    preferred: Preferred | None
    previous: float | None = None
    refined: float | None = None

    @property
    def named_first(self) -> bool | None:
        """Whether the answer that was shown first is preferred; None where neither is."""
        if self.preferred is None or self.preferred == "tie":
            return None
        return (self.preferred == "previous") == self.previous_first


@dataclass(frozen=True, slots=True)
class Round:
    """One refinement. refiner: the declared name of the model. answer: what it made. verdict: None where no judge was
    asked. asked_twice: ballots for which both orders were asked; flips: those of them that went with the order."""

    refiner: str
    answer: str
    verdict: Preferred | None
    opinions: tuple[Opinion, ...] = ()
    asked_twice: int = 0
    flips: int = 0

    @property
    def scores(self) -> tuple[float | None, float | None]:
        """Mean sums of grades of the answer before and of this one; None where none were given."""
        previous = [each.previous for each in self.opinions if each.previous is not None]
        refined = [each.refined for each in self.opinions if each.refined is not None]
        return _mean(previous), _mean(refined)


@dataclass(frozen=True, slots=True)
class Preference:
    """Two answers to the same, and the mean sums of the grades that they got when they were compared."""

    chosen: str
    rejected: str
    score_chosen: float | None
    score_rejected: float | None


@dataclass(frozen=True, slots=True)
class Chain:
    """item: the id of the source item. answers: the first as it came in, each later one preferred to that before it.
    rounds: all refinements, those that were refused included."""

    item: str
    answers: tuple[str, ...]
    rounds: tuple[Round, ...]
    stop: Stop

    @property
    def is_refined(self) -> bool:
        return len(self.answers) > 1

    def preferences(self) -> Iterator[Preference]:
        """The pairs that a judge decided, in order: each answer over the one before it, and over a refinement that it
        refused. A tie decides nothing."""
        place = 0
        for each in self.rounds:
            previous, refined = each.scores
            if each.verdict == "refined":
                yield Preference(each.answer, self.answers[place], refined, previous)
                place += 1
            elif each.verdict == "previous":
                yield Preference(self.answers[place], each.answer, previous, refined)


def text_hash(text: str) -> str:
    """SHA-256 (hex) of a text: what logs know of an answer."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
