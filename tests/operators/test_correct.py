"""`correct`: an item is repaired on evidence, verified again, and otherwise rejected."""

from __future__ import annotations

from typing import Any

import pytest

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Effect
from refinelab_dsl.operators.correct import make_item
from refinelab_dsl.operators.kind import Attempt
from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Request
from tests.harness.programs import drive, scripted
from tests.validators.evidence import PASSAGES, REPAIR, finding, item, questions, says


def _correct(*replies: Any, task: str = "mcq", **fields: Any) -> tuple[Item | Unreadable, list[Effect]]:
    attempt = Attempt(REPAIR, item(**fields), {}, 0, "step")
    return drive(make_item(attempt, questions(task)), scripted(replies, finding(*PASSAGES)))


def _reason(made: Item | Unreadable) -> str:
    assert isinstance(made, Unreadable)
    return made.message


REFUTED = says("refuted", 1, answer="Carbon dioxide.")


def test_another_choice_becomes_the_answer_and_is_verified() -> None:
    made, asked = _correct(REFUTED, says("supported", 1))
    assert isinstance(made, Item)
    assert made.fields == {**item().fields, "answer": "carbon dioxide"}
    assert made.attributes == {"area": "biology"}
    requests = [effect for effect in asked if isinstance(effect, Request)]
    assert [request.messages[0] for request in requests] == [requests[0].messages[0]] * 2
    assert parse_blocks(requests[1].messages[1].content)["item"]["answer"] == "carbon dioxide"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (says("supported", 1), "nothing to correct"),
        (says("not enough evidence"), "it is not sure that the item is wrong"),
        (says("refuted", 1), "the item is refuted, and no other answer is supported"),
        (says("refuted", answer="light"), "it is not sure that the item is wrong"),
    ],
)
def test_without_evidence_for_another_answer_nothing_is_changed(first: Any, reason: str) -> None:
    made, asked = _correct(first)
    assert _reason(made) == reason
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (says("refuted", 1, answer="soil"), "the corrected item is refuted"),
        (says("not enough evidence"), "the corrected item is not supported"),
        (says("supported"), "the corrected item is not supported"),
    ],
)
def test_an_item_that_stays_wrong_is_rejected(second: Any, reason: str) -> None:
    made, _ = _correct(REFUTED, second)
    assert _reason(made) == reason


def test_an_answer_that_is_no_choice_is_written_into_the_item() -> None:
    choices = ["oxygen", "nitrogen", "light", "soil"]
    repaired = {"question": item().fields["question"], "choices": ["carbon dioxide", *choices[1:]]}
    made, asked = _correct(
        REFUTED, {**repaired, "answer": "carbon dioxide"}, says("supported", 1), choices=choices
    )
    assert isinstance(made, Item)
    assert made.fields["choices"] == ["carbon dioxide", "nitrogen", "light", "soil"]
    repair = [effect for effect in asked if isinstance(effect, Request)][1]
    blocks = parse_blocks(repair.messages[1].content)
    assert blocks["finding"] == {"verdict": "refuted", "answer": "Carbon dioxide."}
    assert len(blocks["passages"]) == 2


@pytest.mark.parametrize(
    ("repaired", "reason"),
    [
        ({"question": "What is light?", "choices": ["a", "b"], "answer": "a"}, "the repair changed the question"),
        ({"question": "What do the leaves of a plant take in?", "choices": ["a", "b"], "answer": "c"},
         "the answer is none of the choices"),
    ],
)  # fmt: skip
def test_a_repair_changes_nothing_else(repaired: Any, reason: str) -> None:
    made, _ = _correct(REFUTED, repaired, choices=["oxygen", "nitrogen"])
    assert _reason(made) == reason


def test_a_plain_answer_is_replaced_and_a_derivation_is_written_anew() -> None:
    made, asked = _correct(REFUTED, says("supported", 1), task="qa", choices=None)
    assert isinstance(made, Item)
    assert made.fields["answer"] == "Carbon dioxide."
    assert len(asked) == 4
    repaired = {"question": item().fields["question"], "solution": "1 + 1 = 2", "answer": "2"}
    made, asked = _correct(
        says("refuted", 1, answer="2"), repaired, says("supported", 1), task="math", choices=None, solution="1 + 1 = 3"
    )
    assert isinstance(made, Item)
    assert (made.fields["solution"], made.fields["answer"]) == ("1 + 1 = 2", "2")


def test_a_model_that_always_says_supported_corrects_nothing() -> None:
    made, _ = _correct(says("supported", 1, 2, confidence=1.0))
    assert _reason(made) == "nothing to correct"
