"""Items as what is asked and the answer to it."""

from __future__ import annotations

from refinelab_dsl.data.turns import split_turn, with_answer


def test_a_question_is_one_turn() -> None:
    turn = split_turn("qa", {"question": "Who wrote Emma?", "answer": "Jane Austen"})
    assert turn.messages == ({"role": "user", "content": "Who wrote Emma?"},)
    assert turn.answer == "Jane Austen"


def test_a_passage_stands_before_its_question() -> None:
    turn = split_turn("qa", {"context": "Emma is a novel.", "question": "By whom?", "answer": "Jane Austen"})
    assert turn.messages[0]["content"] == "Emma is a novel.\n\nBy whom?"


def test_another_answer_takes_its_derivation_with_it() -> None:
    fields = {"question": "2 + 2?", "solution": "2 + 2 = 5", "answer": "5"}
    assert with_answer("qa", fields, "4") == {"question": "2 + 2?", "answer": "4"}
