"""`self_judge` asked of a model: the mean of six grades, one repair, and what the simulated model answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refinelab_dsl.measures_paid import ask_value
from refinelab_dsl.prompts.shapes import GRADES
from refinelab_dsl.questions import Known
from tests.measures_paid.asking import drive, make_measure, make_qa, make_questions, simulate

ITEM = make_qa(1, "What is the area of a square of side 3?")


def ask(reply: Any, item: Any = ITEM) -> tuple[Any, int]:
    measure = make_measure("self_judge")
    found, calls = drive(ask_value(measure, item, make_questions(measure), Known()), reply)
    return found.value, len(calls)


def test_the_grade_is_the_mean_of_six() -> None:
    grades = dict(zip(GRADES, (10, 9, 8, 4, 3, 2), strict=True))
    assert ask(lambda request: json.dumps(grades)) == (6.0, 1)


@pytest.mark.parametrize(
    "reply",
    ["7", "{}", json.dumps(dict.fromkeys(GRADES[:5], 7)), json.dumps(dict.fromkeys(GRADES, 11)),
     json.dumps(dict.fromkeys(GRADES, -1)), json.dumps(dict.fromkeys(GRADES, "high")),
     '{"question_clarity": NaN}'],
)  # fmt: skip
def test_what_is_no_grade_is_repaired_once_and_then_unknown(reply: str) -> None:
    assert ask(lambda request: reply) == (None, 2)
    replies = iter([reply, json.dumps(dict.fromkeys(GRADES, 7))])
    assert ask(lambda request: next(replies)) == (7.0, 2)


def test_the_simulated_model_grades_near_what_the_item_declares() -> None:
    low = [ask(simulate, make_qa(number, grade=1))[0] for number in range(30)]
    high = [ask(simulate, make_qa(number, grade=9))[0] for number in range(30)]
    assert all(0 <= value <= 10 for value in (*low, *high))
    assert sum(value < 2 for value in low) >= 20
    assert sum(value > 8 for value in high) >= 20
