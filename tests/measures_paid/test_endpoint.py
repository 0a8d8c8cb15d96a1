"""The simulated model over HTTP reads off the blocks of a prompt what a measure asks, and answers in its shape."""

from __future__ import annotations

from typing import Any

from refinelab_dsl.measures_paid import ask_value, discover_labels
from refinelab_dsl.prompts import Request
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.providers.endpoint import Simulation, answer_body
from refinelab_dsl.questions import Exemplar, Known
from tests.measures_paid.asking import LABELS, drive, make_measure, make_qa, make_questions


def over_http(request: Request) -> str:
    """The reply of the simulated endpoint to the request's messages and schema."""
    body: dict[str, Any] = {
        "model": "test-model",
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": request.schema}},
    }
    reply = answer_body(body, Simulation())
    return str(reply["choices"][0]["message"]["content"])


def test_a_label_is_the_declared_one_as_a_rule() -> None:
    measure = make_measure("classify")
    questions = make_questions(measure, provider="openai")
    named = [
        drive(ask_value(measure, make_qa(number, area="geometry"), questions, Known()), over_http)[0].value
        for number in range(40)
    ]
    assert set(named) <= set(LABELS)
    assert named.count("geometry") >= 30


def test_harder_items_win() -> None:
    measure = make_measure("elo", neighbours=8)
    questions = make_questions(measure, provider="openai")
    known = Known(exemplars={"asked": [Exemplar(make_qa(number, level="medium"), 1500.0) for number in range(8)]})
    ratings = {
        level: [
            drive(ask_value(measure, make_qa(number, level=level), questions, known), over_http)[0].value
            for number in range(100, 105)
        ]
        for level in ("easy", "hard")
    }
    assert sum(ratings["hard"]) - sum(ratings["easy"]) > 5 * 200


def test_labels_are_found() -> None:
    measure = make_measure("classify", labels=None)
    items = [make_qa(number) for number in range(20)]
    found, calls = drive(discover_labels(measure, items, 4, make_questions(measure, provider="openai")), over_http)
    assert not isinstance(found, Unreadable)
    assert len({each.label for each in found}) == 4
    assert len(calls) == 3
