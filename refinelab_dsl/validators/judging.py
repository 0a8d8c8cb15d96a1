"""A judge's verdict on two answers to the same, or on two items (Refine-n-Judge): graded or compared, in both orders,
by several voices.

A *ballot* is what one model says in one vote. With `swap` it is asked in both orders, and a ballot that goes with the
order decides nothing; without, the order alternates from round to round, beginning with either by a draw. The answer
with more ballots is preferred; where they are even, neither is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any, Final, TypeAlias

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

Grades: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """preferred: None where no ballot could be read. opinions: in the order of asking. previous, refined: mean grades
    by criterion, empty where there are none. asked_twice, flips: as of `Round`."""

    preferred: Preferred | None
    opinions: tuple[Opinion, ...]
    asked_twice: int = 0
    flips: int = 0
    previous: Grades = field(default_factory=dict)
    refined: Grades = field(default_factory=dict)

    @property
    def grades(self) -> Grades:
        """Of what is preferred, the one before where neither is."""
        return {} if self.preferred is None else self.refined if self.preferred == "refined" else self.previous


class _Grades(msgspec.Struct):
    first: dict[str, float]
    second: dict[str, float]
    justification: str = ""


class _Preference(msgspec.Struct):
    preferred: str
    justification: str = ""


class _Alone(msgspec.Struct):
    grades: dict[str, float]
    justification: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A reply: which of the two is named, and the grades of each."""

    named: str
    first: Grades = field(default_factory=dict)
    second: Grades = field(default_factory=dict)


Ask: TypeAlias = Callable[[str, bool, int], Program[_Read | Unreadable]]
"""Asks a model, the one before first or not, in one of its votes."""


def compare_answers(
    judge: Judge, item: Item, previous: str, refined: str, questions: Questions, *, turn: int, sample: int
) -> Program[Comparison]:
    """What a judge says of two answers to an item. turn: which comparison of a chain this is, from 0: the order
    alternates by it, and which comes first follows from the seed and the item. sample: which draw on the item."""
    fields = item_fields(item)
    conversation = [dict(message) for message in split_turn(questions.task, item.fields).messages]

    def ask(model: str, previous_first: bool, vote: int) -> Program[_Read | Unreadable]:
        pair = (previous, refined) if previous_first else (refined, previous)
        first, second = ({**fields, **show_answered(questions.task, item.fields, answer)} for answer in pair)
        request = questions.compose(
            judge_template(judge.name, model),
            {
                "item": fields, "conversation": conversation, "first": first, "second": second,
                "criteria": list(judge.criteria),
            },
            sample=sample * judge.votes + vote,
            subject=questions.subject(
                f"judge_{judge.mode}", item, success="0.95", first=pair[0], second=pair[1],
                criteria=list(judge.criteria),
            ),
        )  # fmt: skip
        return (yield from read_json(request, partial(_READ[judge.mode], judge.criteria)))

    return (yield from _hold_ballots(judge, item, len(previous), len(refined), questions, turn, ask))


def compare_items(judge: Judge, original: Item, result: Item, questions: Questions) -> Program[Comparison]:
    """What a judge says of a result beside the item that it was made of. The one before is the original."""

    def ask(model: str, previous_first: bool, vote: int) -> Program[_Read | Unreadable]:
        pair = (original, result) if previous_first else (result, original)
        first, second = map(item_fields, pair)
        request = questions.compose(
            judge_template(judge.name, model, "results"),
            {"item": item_fields(original), "first": first, "second": second, "criteria": list(judge.criteria)},
            sample=vote,
            subject=questions.subject(
                f"judge_{judge.mode}_results", original, success="0.95", first=first, second=second,
                criteria=list(judge.criteria),
            ),
        )  # fmt: skip
        return (yield from read_json(request, partial(_READ[judge.mode], judge.criteria)))

    return (
        yield from _hold_ballots(judge, original, _count_letters(original), _count_letters(result), questions, 0, ask)
    )


def grade_item(judge: Judge, item: Item, questions: Questions) -> Program[Grades]:
    """The mean grades of an item, by criterion; empty where no reply could be read."""
    found: list[Grades] = []
    for model in judge.models:
        for vote in range(judge.votes):
            request = questions.compose(
                judge_template(judge.name, model, "alone"),
                {"item": item_fields(item), "criteria": list(judge.criteria)},
                sample=vote,
                subject=questions.subject(
                    "judge_rubric_alone", item, success="0.95", criteria=list(judge.criteria)
                ),
            )  # fmt: skip
            grades = yield from read_json(request, partial(_read_alone, judge.criteria))
            if not isinstance(grades, Unreadable):
                found.append(grades)
    return _average(judge, found)


def _hold_ballots(
    judge: Judge, item: Item, previous: int, refined: int, questions: Questions, turn: int, ask: Ask
) -> Program[Comparison]:
    """previous, refined: lengths in characters."""
    opinions: list[Opinion] = []
    ballots: Counter[Preferred | None] = Counter()
    grades: list[tuple[Grades, Grades]] = []  # of the one before, and of the refined one
    flips = 0
    start = hashlib.sha256(f"{questions.seed}\norder\n{item.hash}".encode()).digest()[0]
    for model in judge.models:
        for vote in range(judge.votes):
            straight = (start + turn + vote) % 2 == 0
            said: list[Preferred | None] = []
            for previous_first in (straight, not straight) if judge.swap else (straight,):
                read = yield from ask(model, previous_first, vote)
                opinion = _weigh(judge, model, vote, previous_first, read, previous, refined)
                opinions.append(opinion)
                said.append(opinion.preferred)
                if isinstance(read, _Read) and read.first:
                    grades.append((read.first, read.second) if previous_first else (read.second, read.first))
            flips += set(said) == {"previous", "refined"}
            ballots[_settle(said)] += 1
    return Comparison(
        _count(ballots), tuple(opinions), len(judge.models) * judge.votes if judge.swap else 0, flips,
        _average(judge, [before for before, _ in grades]), _average(judge, [after for _, after in grades]),
    )  # fmt: skip


def _count_letters(item: Item) -> int:
    """How long an item is, for the penalty: its texts, not their names."""
    return sum(map(_measure_text, item.fields.values()))


def _measure_text(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(map(_measure_text, value.values()))
    return sum(map(_measure_text, value)) if isinstance(value, list | tuple) else len(str(value))


def _read_grades(criteria: Sequence[str], text: str) -> _Read | Unreadable:
    """The sums are made here: what a reply says they are does not count."""
    reply = read_object(text, _Grades)
    if isinstance(reply, Unreadable):
        return reply
    first, second = (_check_grades(criteria, grades) for grades in (reply.first, reply.second))
    if isinstance(first, Unreadable):
        return first
    return second if isinstance(second, Unreadable) else _Read("", first, second)


def _read_alone(criteria: Sequence[str], text: str) -> Grades | Unreadable:
    reply = read_object(text, _Alone)
    return reply if isinstance(reply, Unreadable) else _check_grades(criteria, reply.grades)


def _check_grades(criteria: Sequence[str], grades: Grades) -> Grades | Unreadable:
    for name in criteria:
        if name not in grades:
            return Unreadable(f"there is no grade for {name}")
        if not isfinite(grades[name]) or not 0 <= grades[name] <= BEST_GRADE:
            return Unreadable(f"the grade for {name} is not from 0 to 10")
    return {name: grades[name] for name in criteria}


def _read_preference(criteria: Sequence[str], text: str) -> _Read | Unreadable:
    reply = read_object(text, _Preference)
    if isinstance(reply, Unreadable):
        return reply
    if reply.preferred not in ("first", "second", "tie"):
        return Unreadable("`preferred` is none of first, second, tie")
    return _Read(reply.preferred)


_READ: Final[Mapping[str, Callable[[Sequence[str], str], _Read | Unreadable]]] = {
    "rubric": _read_grades, "pairwise": _read_preference,
}  # fmt: skip


def _weigh(
    judge: Judge, model: str, vote: int, previous_first: bool, read: _Read | Unreadable, previous: int, refined: int
) -> Opinion:
    """previous, refined: lengths in characters."""
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


def _average(judge: Judge, grades: Sequence[Grades]) -> dict[str, Any]:
    return {
        name: round(sum(each[name] for each in grades) / len(grades), 4) for name in judge.criteria if grades
    }
