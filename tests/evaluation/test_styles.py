"""What models are asked in each style, and what counts as right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model
from refinelab_dsl.evaluation.styles import STYLES, ask_item, build_request, build_template, is_right, vote
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.providers.simulation import simulate
from refinelab_dsl.source import Place

MODEL = Model(name="m", provider="simulated", id="m-1")
MCQ = {"question": "Which is even?", "choices": ["nine", "eleven", "four", "one"], "answer": "four"}
MATH = {"question": "What is 20 + 22?", "answer": "42", "solution": "20 + 22 = 42"}


def item(fields: dict[str, Any]) -> Item:
    return Item("i", "k", "h", fields, {}, {}, Place("f"))


def drive(style: str, task: str, fields: dict[str, Any], replies: list[str]) -> tuple[bool, list[Request]]:
    """Runs the program of one item with these replies; its verdict and what it asked."""
    program = ask_item(STYLES[style], build_template(STYLES[style], MODEL), MODEL, task, item(fields), 0)
    asked: list[Request] = []
    try:
        asked.append(next(program))
        for reply in replies:
            asked.append(program.send(Completion(reply, None, "stop", "m")))
    except StopIteration as end:
        return end.value, asked
    raise AssertionError("the program asks for more")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("task", "fields"), [("mcq", MCQ), ("math", MATH), ("qa", {**MATH, "context": "Sums."})])
def test_no_question_shows_the_key(style: str, task: str, fields: dict[str, Any]) -> None:
    own = {**fields, "answer": "KEYWORD", "solution": "SOLVED"}
    own |= {"choices": ["nine", "KEYWORD"]} if task == "mcq" else {}
    request = build_request(STYLES[style], build_template(STYLES[style], MODEL), MODEL, task, item(own), 0, 0)
    text = "".join(message.content for message in request.messages)
    assert "SOLVED" not in text
    assert text.count("KEYWORD") == (1 if task == "mcq" else 0)  # one choice among others
    assert str(fields["question"]) in request.messages[1].content
    assert str(fields["question"]) not in request.messages[0].content
    assert request.schema is not None
    assert ("reasoning" in request.schema["properties"]) == STYLES[style].reasons
    assert ("examiner" in text) == (style == "role_play")


@pytest.mark.parametrize(
    ("task", "fields", "reply", "right"),
    [
        ("mcq", MCQ, "C", True),
        ("mcq", MCQ, "four", True),
        ("mcq", MCQ, "c.", True),
        ("mcq", MCQ, "A", False),
        ("mcq", MCQ, "the fifth one", False),
        ("math", MATH, "42.0", True),
        ("math", MATH, "42 apples", True),
        ("math", MATH, "24", False),
        ("qa", MATH, "", False),
    ],
)
def test_replies(task: str, fields: dict[str, Any], reply: str, right: bool) -> None:
    assert drive("plain", task, fields, [json.dumps({"answer": reply})])[0] is right


def test_a_reply_that_cannot_be_read_is_repaired_once() -> None:
    right, asked = drive("plain", "mcq", MCQ, ["the answer is C", '{"answer": "C"}'])
    assert (right, len(asked)) == (True, 2)
    assert asked[1].messages[:2] == asked[0].messages
    assert drive("plain", "mcq", MCQ, ["C", "C again"])[0] is False


def test_several_chains_vote() -> None:
    letters = ["A", "C", "B", "C", "A"]
    replies = [json.dumps({"reasoning": "r", "answer": each}) for each in letters]
    right, asked = drive("self_consistency", "mcq", MCQ, replies)
    assert [request.sample for request in asked] == [0, 1, 2, 3, 4]
    assert right is False  # A and C are as frequent, and A came first
    assert vote(["1/2", "3", "0.5", "50%"], None) == "1/2"
    assert is_right("1/2", "0.5", None)
    assert vote(["four", "A", "C"], MCQ["choices"]) == "four"  # type: ignore[arg-type]


def test_simulated_models_differ_in_ability_and_obey_the_schema(tmp_path: Path) -> None:
    def share(name: str, style: str) -> float:
        model = Model(name=name, provider="simulated", id=name)
        right = 0
        for at in range(150):
            fields = {**MATH, "question": f"What is {at} + 22?", "answer": str(at + 22)}
            program = ask_item(STYLES[style], build_template(STYLES[style], model), model, "math", item(fields), 0)
            request = next(program)
            assert request.subject is not None
            text = simulate(request.subject, seed=0, sample=request.sample, schema=request.schema).text
            assert request.schema is not None
            assert list(json.loads(text)) == request.schema["required"]
            try:
                program.send(Completion(text, None, "stop", "m"))
            except StopIteration as end:
                right += end.value
        return right / 150

    shares = [share(name, "plain") for name in ("a", "b", "c", "d")]
    assert max(shares) - min(shares) > 0.1
    assert share("a", "plain") == shares[0]
