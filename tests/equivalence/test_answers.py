"""Answers that are the same, and answers that only look alike: `answers.txt` states both, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl.equivalence import compare_answers

TABLE = Path(__file__).with_name("answers.txt")

Row = tuple[str, str, str, tuple[str, ...] | None]


def rows() -> list[Row]:
    """(relation, one, other, choices) of each line."""
    found: list[Row] = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        relation, one, other, *choices = (part.strip() for part in line.split(" | "))
        offered = tuple(each.strip() for each in choices[0].split(" ; ")) if choices else None
        found.append((relation, one, other, offered))
    return found


ROWS = rows()
SAME = [row for row in ROWS if row[0] == "="]
NOT_THE_SAME = [row for row in ROWS if row[0] == "!"]
EITHER = [row for row in ROWS if row[0] == "?"]


def verdict(row: Row) -> str:
    return compare_answers(row[1], row[2], row[3])


def test_the_table_is_large_and_says_each_thing_once() -> None:
    assert len(ROWS) >= 300
    assert len({row[1:] for row in ROWS}) == len(ROWS)
    assert {row[0] for row in ROWS} == {"=", "!", "?"}


def test_nothing_that_differs_is_taken_as_the_same() -> None:
    assert [row for row in NOT_THE_SAME + EITHER if verdict(row) == "same"] == []


def test_nothing_that_is_the_same_is_taken_as_different() -> None:
    assert [row for row in SAME if verdict(row) == "different"] == []


def test_what_nobody_can_tell_is_unknown() -> None:
    assert [row for row in EITHER if verdict(row) != "unknown"] == []


def test_how_many_are_recognised() -> None:
    recognised = [row for row in SAME if verdict(row) == "same"]
    told_apart = [row for row in NOT_THE_SAME if verdict(row) == "different"]
    assert (len(recognised), len(SAME)) == (188, 188)
    assert (len(told_apart), len(NOT_THE_SAME)) == (133, 236)


def test_a_tolerance_is_relative_and_is_for_numbers_that_are_not_whole() -> None:
    assert compare_answers("1.42", "1.435") == "different"
    assert compare_answers("1.42", "1.435", tolerance=0.02) == "same"
    assert compare_answers("1.42", "1.46", tolerance=0.02) == "different"
    assert compare_answers("100", "101", tolerance=0.02) == "different"


@pytest.mark.parametrize(
    "text",
    ["9" * 100_000, "(" * 5_000, "1" + "+1" * 5_000, "9^" * 50 + "9", "2^(2^(2^(2^9)))", "(x+1)^(10^9)", "{" * 300,
     "sqrt(" * 40 + "2" + ")" * 40, "1," * 300, "\\frac" * 100, "10^10^10", "e^e^e^e", "500!!", "1/(1-1)", "\x00",
     "__import__('os').system('true')", "\\input{/etc/passwd}", "{{ 7 * 7 }}"],
)  # fmt: skip
def test_text_is_read_and_never_run(text: str) -> None:
    assert compare_answers(text, "49") != "same"
    assert compare_answers(text, text) == "same"


def test_nothing_is_not_an_answer() -> None:
    assert compare_answers("", " ") == "unknown"
    assert compare_answers("", "0") == "unknown"


def test_the_order_of_the_two_does_not_matter() -> None:
    turned = [row for row in ROWS if compare_answers(row[2], row[1], row[3]) != verdict(row)]
    assert turned == []
