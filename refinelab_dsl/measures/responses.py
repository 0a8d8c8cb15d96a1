"""`measure { kind = responses }`: how hard an item is for models, from what models answered. `irt = rate`: the share of
the models that were right, in [0, 1], of those whose answer was recorded; `rasch` and `two_parameter`: a difficulty
(`measures.item_response`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from refinelab_dsl.data.answers import AnswerStyle, find_choice
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import number

Reading: TypeAlias = AnswerStyle | Literal["correctness", "text"]
"""What the values of a matrix are: answers to a multiple-choice item, right (1) or wrong (0), or free answers."""

_NEARLY_ALL: Final = Decimal("0.9")
_CORRECTNESS: Final = {"0": False, "1": True, "false": False, "true": True}


class Grade(Enum):
    RIGHT = 1
    WRONG = 0
    UNREAD = -1  # it names no choice; it counts as wrong
    ABSENT = None


def is_correctness(values: Iterable[Any]) -> bool:
    """Whether a matrix says of its models if they were right: nine of ten of its values are 0, 1, true or false."""
    right = total = 0
    for value in values:
        text = read_response(value)
        if text is not None:
            total += 1
            right += text in _CORRECTNESS
    return total > 0 and right >= _NEARLY_ALL * total


def read_response(value: Any) -> str | None:
    """The text of a recorded value without white space around it; None where nothing was recorded, which tables of
    numbers write as NaN. What is no scalar gives a text that no choice has."""
    if value is None or value != value:
        return None
    text = canonical_text(value)
    if text is None:
        return "\0"
    return text.strip() or None


def is_right_or_wrong(value: Any) -> bool:
    """Whether a value may stand in a matrix of right and wrong: 0, 1, true, false, or nothing."""
    text = read_response(value)
    return text is None or text in _CORRECTNESS


def grade(value: Any, item: Item, reading: Reading) -> Grade:
    """What one recorded value says of one item."""
    text = read_response(value)
    if text is None:
        return Grade.ABSENT
    if reading == "correctness":
        return Grade.RIGHT if _CORRECTNESS.get(text) else Grade.WRONG
    key: str = item.fields["answer"]
    if reading == "text":
        return Grade.RIGHT if _is_same(text, key) else Grade.WRONG
    choices: list[str] = item.fields["choices"]
    position = find_choice(reading, text, choices)
    if position is None:
        return Grade.UNREAD
    return Grade.RIGHT if choices[position] == key else Grade.WRONG


def rate_of(grades: Collection[Grade]) -> float | None:
    """The share of right answers among those recorded; None where there are none."""
    total = sum(each is not Grade.ABSENT for each in grades)
    return sum(each is Grade.RIGHT for each in grades) / total if total else None


def _is_same(answer: str, key: str) -> bool:
    """Free answers agree as texts without regard to case, or as numbers: `1,200.0` is `1200`."""
    if answer.casefold() == key.strip().casefold():
        return True
    try:
        return number(answer) == number(key)
    except EvaluationError:
        return False
