"""From a reply to an item."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.declarations import Dimension, Measure
from refinelab_dsl.operators import (
    OPERATORS,
    Made,
    Unreadable,
    expand,
    find_broken_key,
    generate,
    read_reply,
    result_id,
)
from tests.validators.items import make_item

MCQ = {"question": "Which?", "choices": ["a", "b"], "answer": "b"}
QA = {"question": "Which?", "answer": "b"}
MATH = {"question": "How many?", "solution": "1 + 1", "answer": "2"}
PARENT = make_item(
    "Which acid is strong?", "HCl", "HF", key="parent", context="On acids.",
    attributes={"topic": "acids", "source_id": "17"},
)


def make(fields: dict[str, Any], **target: str) -> Made:
    return Made(
        task="mcq", parent=PARENT, fields=fields, step_key="step", target=target,
        dimensions=(Dimension(name="area", measure="topic"), Dimension(name="size", measure="words")),
        measures=(
            Measure(name="topic", kind="column", options={"column": "topic"}),
            Measure(name="words", kind="length", options={"unit": "words"}),
        ),
    )


def test_the_table_holds_what_the_language_says_can_be_used() -> None:
    assert set(OPERATORS) == {name for name, row in OPERATOR_KINDS.items() if row.reached}
    for name, kind in OPERATORS.items():
        assert (kind.make_item is not None) == (OPERATOR_KINDS[name].calls > 0)


@pytest.mark.parametrize(("task", "reply"), [("mcq", MCQ), ("qa", QA), ("math", MATH)])
def test_a_reply_of_the_tasks_shape_is_read(task: str, reply: dict[str, Any]) -> None:
    text = json.dumps(reply)
    assert read_reply(task, text) == reply
    assert read_reply(task, f"```json\n{text}\n```\n") == reply
    assert read_reply(task, json.dumps({**reply, "note": "extra members do no harm"})) == reply


def test_white_space_around_texts_goes() -> None:
    read = read_reply("mcq", '{"question": " Which?\\n", "choices": [" a", "b "], "answer": "b "}')
    assert read == MCQ


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "no JSON", "[1, 2]", "null", '{"question": "Which?"}',
        '{"question": 1, "choices": [], "answer": "b"}',
        '{"question": "Which?", "choices": "a, b", "answer": "b"}', json.dumps(MCQ) + json.dumps(MCQ),
        json.dumps(MCQ)[:-3], "Sure! " + json.dumps(MCQ), '{"question": "\\ud800", "choices": [], "answer": ""}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_unreadable_and_says_why(text: str) -> None:
    read = read_reply("mcq", text)
    assert isinstance(read, Unreadable)
    assert 0 < len(read.message) <= 200


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for task in ("mcq", "qa", "math"):
        assert isinstance(read_reply(task, text), Unreadable | dict)


@given(st.text(), st.lists(st.text(), max_size=5), st.text())
def test_what_is_read_can_be_written(question: str, choices: list[str], answer: str) -> None:
    read = read_reply("mcq", json.dumps({"question": question, "choices": choices, "answer": answer}))
    if not isinstance(read, Unreadable):
        json.dumps(read, ensure_ascii=False).encode()


def test_the_key_is_the_exact_text_of_one_choice() -> None:
    assert find_broken_key("mcq", MCQ) is None
    assert find_broken_key("mcq", {**MCQ, "answer": "B"}) == "the answer is none of the choices"
    assert find_broken_key("mcq", {**MCQ, "choices": ["b", "b"]}) == "the answer is several of the choices"
    assert find_broken_key("qa", QA) is None


def test_a_paraphrase_keeps_what_is_true_of_its_parent() -> None:
    item = expand.build_item(make(MCQ, area="acids", size="short"))
    assert item.fields == {**MCQ, "context": "On acids."}
    assert item.attributes == {"topic": "acids", "source_id": "17"}
    assert (item.raw, item.place, item.row) == (PARENT.raw, PARENT.place, -1)


def test_a_new_item_has_the_labels_of_its_target_and_nothing_else_of_its_anchor() -> None:
    item = generate.build_item(make(MCQ, area="bases", size="short"))
    assert item.attributes == {"topic": "bases", "source_id": None}
    assert item.fields["question"] == "Which?"


def test_ids_follow_from_the_parent_and_the_step() -> None:
    assert result_id(PARENT.key, "step") == hashlib.sha256(b"parent\nstep").hexdigest()[:16]
    item = generate.build_item(make(MCQ))
    assert item.id == item.key == result_id(PARENT.key, "step")
    assert len(item.hash) == 64
