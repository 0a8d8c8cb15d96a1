"""Which choice an answer names, settled for a whole dataset."""

from __future__ import annotations

import pytest

from refinelab_dsl.data.answers import Ambiguity, AnswerError, AnswerStyle, resolve_answer, settle_style
from refinelab_dsl.source import Place

LETTER, TEXT, ZERO, ONE = AnswerStyle.LETTER, AnswerStyle.TEXT, AnswerStyle.FROM_ZERO, AnswerStyle.FROM_ONE
WORDS = ["red", "green", "blue"]


def settle(*rows: tuple[str, list[str]] | tuple[str, list[str], list[str]]) -> AnswerStyle | Ambiguity:
    return settle_style(
        (Place("f", line), row[0], row[1], row[2] if len(row) == 3 else None) for line, row in enumerate(rows, 1)
    )


@pytest.mark.parametrize(
    ("style", "answer", "expected"),
    [
        (LETTER, "B", "green"),
        (LETTER, "b", "green"),
        (LETTER, "(C)", "blue"),
        (LETTER, "A.", "red"),
        (LETTER, " a) ", "red"),
        (TEXT, "blue", "blue"),
        (TEXT, " blue\n", "blue"),
        (ZERO, "0", "red"),
        (ZERO, " 2 ", "blue"),
        (ONE, "1", "red"),
        (ONE, "3", "blue"),
    ],
)
def test_an_answer_names_one_choice(style: AnswerStyle, answer: str, expected: str) -> None:
    assert resolve_answer(style, answer, WORDS, None) == expected


@pytest.mark.parametrize(
    ("style", "answer", "reason"),
    [
        (LETTER, "D", 'the answer "D" is no letter from A to C'),
        (LETTER, "AB", 'the answer "AB" is no letter from A to C'),
        (LETTER, "1", 'the answer "1" is no letter from A to C'),
        (TEXT, "Blue", 'the answer "Blue" is the text of no choice'),
        (ZERO, "3", 'the answer "3" is no position from 0 to 2'),
        (ZERO, "-1", 'the answer "-1" is no position from 0 to 2'),
        (ONE, "0", 'the answer "0" is no position from 1 to 3'),
    ],
)
def test_an_answer_that_names_none(style: AnswerStyle, answer: str, reason: str) -> None:
    with pytest.raises(AnswerError) as caught:
        resolve_answer(style, answer, WORDS, None)
    assert str(caught.value) == reason


def test_counting_from_one_gets_its_way_out() -> None:
    with pytest.raises(AnswerError) as caught:
        resolve_answer(ZERO, "3", WORDS, None)
    assert caught.value.help is not None
    assert 'number(column("answer")) - 1' in caught.value.help


def test_choices_that_are_the_same_are_bad_only_where_the_answer_is_one_of_them() -> None:
    choices = ["x", "y", "x"]
    assert resolve_answer(LETTER, "B", choices, None) == "y"
    for style, answer in ((LETTER, "A"), (LETTER, "C"), (TEXT, "x"), (ZERO, "2")):
        with pytest.raises(AnswerError, match="choices A and C are the same"):
            resolve_answer(style, answer, choices, None)


def test_texts_that_differ_in_white_space_alone_are_told_apart_by_exact_text() -> None:
    assert resolve_answer(TEXT, "x ", ["x", "x "], None) == "x "
    with pytest.raises(AnswerError, match="the text of 2 choices"):
        resolve_answer(TEXT, " x", ["x", "x "], None)


def test_labels_of_the_data_come_first() -> None:
    assert resolve_answer(LETTER, "1", WORDS, ["1", "2", "3"]) == "red"
    assert resolve_answer(LETTER, "C", WORDS, ["C", "B", "A"]) == "red"
    with pytest.raises(AnswerError, match="none of the labels 1, 2, 3"):
        resolve_answer(LETTER, "4", WORDS, ["1", "2", "3"])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("A", WORDS), ("c", WORDS)], LETTER),
        ([("red", WORDS), ("blue", WORDS)], TEXT),
        ([("0", WORDS), ("1", WORDS)], ZERO),  # a 0: counting starts there
        ([("1", WORDS), ("3", WORDS)], ONE),  # the number of choices: counting starts at 1
        ([("A", ["B", "A", "C"]), ("B", WORDS), ("C", WORDS)], LETTER),  # one choice spells another's letter
        ([("0", ["4", "2", "0"]), ("1", WORDS), ("2", WORDS)], ZERO),  # one choice is a number
        ([("5", ["3", "4", "5"]), ("3", ["3", "4", "5"]), ("7", ["7", "8", "9"])], TEXT),
        ([("A", WORDS)] * 9 + [("garbage", WORDS)], LETTER),
        ([("1", WORDS, ["1", "2", "3"]), ("A", WORDS)], LETTER),  # a label of the data says nothing about the others
        ([("B", WORDS), ("A", ["B", "A"])], LETTER),  # the first row fits letters alone
        ([], LETTER),
    ],
)
def test_the_whole_dataset_settles_the_reading(rows: list[tuple[str, list[str]]], expected: AnswerStyle) -> None:
    assert settle(*rows) is expected


@pytest.mark.parametrize(
    ("rows", "detail", "line"),
    [
        ([("1", WORDS), ("2", WORDS)], "as positions from 0 and as positions from 1", 1),
        ([("A", ["B", "A"])], "as letters and as texts of choices", 1),
        (
            [("1", ["1", "2", "0"]), ("2", ["0", "1", "2", "3"]), ("0", ["1", "0"])],
            "as texts of choices and as positions from 0",
            1,
        ),
    ],
)
def test_two_readings_that_fit_alike_are_not_guessed_between(
    rows: list[tuple[str, list[str]]], detail: str, line: int
) -> None:
    settled = settle(*rows)
    assert isinstance(settled, Ambiguity)
    assert detail in settled.detail
    assert settled.place.line == line


def test_readings_that_agree_everywhere_are_no_conflict() -> None:
    assert settle(("A", ["A", "B"]), ("B", ["A", "B"])) is LETTER
    assert settle(("0", ["0", "1"]), ("1", ["0", "1"])) is TEXT
