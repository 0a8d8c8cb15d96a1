"""`measure { kind = self_judge }` where a model is asked: its grade of an item, 0 to 10, the mean of six.

Middo: clarity, completeness and factuality, of what is asked and of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure
from refinelab_dsl.effects import Measured, Program
from refinelab_dsl.measures.recorded import GRADE
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import measure_template
from refinelab_dsl.questions import Known, Questions, item_fields, read_json


class _Reply(msgspec.Struct):
    question_clarity: float
    question_completeness: float
    question_factuality: float
    answer_clarity: float
    answer_completeness: float
    answer_factuality: float


@dataclass(frozen=True, slots=True)
class _Grade:
    mean: float


def ask_value(measure: Measure, item: Item, questions: Questions, known: Known) -> Program[Measured]:
    """The grade; None where neither the reply nor its repair holds six numbers from 0 to 10."""
    request = questions.compose(
        measure_template(measure.name),
        {"item": item_fields(item)},
        subject=questions.subject("self_judge", item),
    )
    graded = yield from read_json(request, _read_grade)
    return Measured(None if isinstance(graded, Unreadable) else graded.mean)


def _read_grade(text: str) -> _Grade | Unreadable:
    reply = read_object(text, _Reply)
    if isinstance(reply, Unreadable):
        return reply
    grades = [float(value) for value in msgspec.structs.astuple(reply)]
    outside = next((grade for grade in grades if not GRADE.holds(grade)), None)
    if outside is not None:
        return Unreadable(f"a grade is {GRADE.words}, and not {outside:g}")
    return _Grade(round(sum(grades) / len(grades), 6))
