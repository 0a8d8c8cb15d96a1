"""A judge's verdict on two answers to the same (Refine-n-Judge): graded or compared, in both orders, by several voices.

A *ballot* is what one model says in one vote. With `swap` it is asked in both orders, and a ballot that goes with the
order decides nothing; without, the order alternates from round to round, beginning with either by a draw. The answer
with more ballots is preferred; where they are even, neither is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any, Final

import msgspec

from refinelab_dsl.data.chains import Opinion, Preferred
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import show_answered, split_turn
from refinelab_dsl.declarations import Judge
from refinelab_dsl.effects import Program
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import judge_template
from refinelab_dsl.questions import Questions, item_fields, read_json

BEST_GRADE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """preferred: None where no ballot could be read. opinions: in the order of asking. grades: mean grade of the
    preferred answer by criterion, empty where it has none. asked_twice, flips: as of `Round`."""

    preferred: Preferred | None
    opinions: tuple[Opinion, ...]
    asked_twice: int = 0
    flips: int = 0
    grades: Mapping[str, float] = field(default_factory=dict)


class _Grades(msgspec.Struct):
    first: dict[str, float]
    second: dict[str, float]
    justification: str = ""


class _Preference(msgspec.Struct):
    preferred: str
    justification: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A reply: which of the two is named, and the grades of each."""

    named: str
    first: Mapping[str, float] = field(default_factory=dict)
    second: Mapping[str, float] = field(default_factory=dict)


def compare_answers(
    judge: Judge, item: Item, previous: str, refined: str, questions: Questions, *, turn: int, sample: int
) -> Program[Comparison]:
    """What a judge says of two answers to an item. turn: which comparison of a chain this is, from 0: the order
    alternates by it, and which comes first follows from the seed and the item. sample: which draw on the item."""
    opinions: list[Opinion] = []
    ballots: Counter[Preferred | None] = Counter()
    grades: list[tuple[Mapping[str, float], Mapping[str, float]]] = []  # of the answer before, and of the refined one
    flips = 0
    start = hashlib.sha256(f"{questions.seed}\norder\n{item.hash}".encode()).digest()[0]
    for model in judge.models:
        for vote in range(judge.votes):
            straight = (start + turn + vote) % 2 == 0
            said: list[Preferred | None] = []
            for previous_first in (straight, not straight) if judge.swap else (straight,):
                first, second = (previous, refined) if previous_first else (refined, previous)
                read = yield from _ask(judge, model, item, first, second, questions, sample * judge.votes + vote)
                opinion = _weigh(judge, model, vote, previous_first, read, len(previous), len(refined))
                opinions.append(opinion)
                said.append(opinion.preferred)
                if isinstance(read, _Read) and read.first:
                    grades.append((read.first, read.second) if previous_first else (read.second, read.first))
            flips += set(said) == {"previous", "refined"}
            ballots[_settle(said)] += 1
    preferred = _count(ballots)
    return Comparison(
        preferred, tuple(opinions), len(judge.models) * judge.votes if judge.swap else 0, flips,
        {} if preferred is None else _mean_grades(judge, [each[preferred == "refined"] for each in grades]),
    )  # fmt: skip


def _ask(
    judge: Judge, model: str, item: Item, first: str, second: str, questions: Questions, sample: int
) -> Program[_Read | Unreadable]:
    conversation = [dict(message) for message in split_turn(questions.task, item.fields).messages]
    fields = item_fields(item)

    def show(answer: str) -> dict[str, Any]:
        return {**fields, **show_answered(questions.task, item.fields, answer)}

    request = questions.compose(
        judge_template(judge.name, model),
        {
            "item": fields, "conversation": conversation, "first": show(first), "second": show(second),
            "criteria": list(judge.criteria),
        },
        sample=sample,
        subject=questions.subject(
            f"judge_{judge.mode}", item, success="0.95", first=first, second=second, criteria=list(judge.criteria)
        ),
    )  # fmt: skip
    read = _read_grades if judge.mode == "rubric" else _read_preference
    return (yield from read_json(request, partial(read, judge.criteria)))


def _read_grades(criteria: Sequence[str], text: str) -> _Read | Unreadable:
    """The sums are made here: what a reply says they are does not count."""
    reply = read_object(text, _Grades)
    if isinstance(reply, Unreadable):
        return reply
    for grades in (reply.first, reply.second):
        for name in criteria:
            if name not in grades:
                return Unreadable(f"there is no grade for {name}")
            if not isfinite(grades[name]) or not 0 <= grades[name] <= BEST_GRADE:
                return Unreadable(f"the grade for {name} is not from 0 to 10")
    first, second = ({name: grades[name] for name in criteria} for grades in (reply.first, reply.second))
    return _Read("", first, second)


def _read_preference(criteria: Sequence[str], text: str) -> _Read | Unreadable:
    reply = read_object(text, _Preference)
    if isinstance(reply, Unreadable):
        return reply
    if reply.preferred not in ("first", "second", "tie"):
        return Unreadable("`preferred` is none of first, second, tie")
    return _Read(reply.preferred)


def _weigh(
    judge: Judge, model: str, vote: int, previous_first: bool, read: _Read | Unreadable, previous: int, refined: int
) -> Opinion:
    """previous, refined: lengths of the answers in characters."""
    if isinstance(read, Unreadable):
        return Opinion(model, previous_first, vote, None)
    if not read.first:
        if read.named == "tie":
            return Opinion(model, previous_first, vote, "tie")
        return Opinion(
            model, previous_first, vote, "previous" if (read.named == "first") == previous_first else "refined"
        )
    sums = [round(sum(grades.values()), 4) for grades in (read.first, read.second)]
    before, after = sums if previous_first else reversed(sums)
    penalty = float(judge.length_penalty or 0)
    # So many points for each 100% by which one is longer than the other.
    left = before - penalty * max(0.0, previous / max(1, refined) - 1)
    right = after - penalty * max(0.0, refined / max(1, previous) - 1)
    gap = round(right - left, 6)
    preferred: Preferred = "refined" if gap > 0 else "previous" if gap < 0 else "tie"
    return Opinion(model, previous_first, vote, preferred, before, after)


def _settle(said: Sequence[Preferred | None]) -> Preferred | None:
    """A ballot: what was said in every order in which it could be read; else a tie."""
    known = [each for each in said if each is not None]
    if not known:
        return None
    return known[0] if len(set(known)) == 1 else "tie"


def _count(ballots: Mapping[Preferred | None, int]) -> Preferred | None:
    if not any(number for name, number in ballots.items() if name is not None):
        return None
    lead = ballots.get("refined", 0) - ballots.get("previous", 0)
    return "refined" if lead > 0 else "previous" if lead < 0 else "tie"


def _mean_grades(judge: Judge, grades: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {
        name: round(sum(each[name] for each in grades) / len(grades), 4) for name in judge.criteria if grades
    }
