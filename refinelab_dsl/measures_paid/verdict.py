"""`measure { kind = verdict }`: what a validator says of an item that came in."""

from __future__ import annotations

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure
from refinelab_dsl.effects import Measured, Program
from refinelab_dsl.questions import Known, Questions
from refinelab_dsl.validators import VALIDATORS


def ask_value(measure: Measure, item: Item, questions: Questions, known: Known) -> Program[Measured]:
    """`supported`, `refuted` or `unknown`."""
    validator = questions.validator(str(measure.options["validator"]))
    inquire = VALIDATORS[validator.kind].inquire
    assert inquire is not None
    finding = yield from inquire(validator, item, questions)
    return Measured(finding.verdict)
