"""The functions over one item."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.builtins.functions import DATA
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import ITEM_FUNCTIONS, check_pattern, look_up, matches, number


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("len", ("añb",), 3),
        ("len", ([1, 2],), 2),
        ("words", (" a  b\nc ",), 3),
        ("lower", ("ÄB",), "äb"),
        ("strip", ("\t a \n",), "a"),
        ("before", ("work #### 1 #### 2", "####"), "work #### 1"),
        ("after", ("work #### 1 #### 2", "####"), "2"),
        ("remove_suffix", ("anatomy_test", "_test"), "anatomy"),
        ("remove_suffix", ("anatomy", "_test"), "anatomy"),
        ("matches", ("a 12 b", r"\d+"), True),
        ("matches", ("ab", r"^b"), False),
    ],
)
def test_values(function: str, arguments: tuple[Any, ...], expected: Any) -> None:
    assert ITEM_FUNCTIONS[function](*arguments) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", "18"),
        ("1,234", "1234"),
        ("1,234,567.5", "1234567.5"),
        ("$5", "5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("+7", "7"),
        (" .5 ", "0.5"),
        ("1e3", "1000"),
        ("40%", "0.4"),
        ("€ 3.20", "3.20"),
        ("0012", "12"),
    ],
)
def test_number_reads(text: str, expected: str) -> None:
    assert number(text) == Decimal(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "$",
        "1,23",
        "12,34",
        "1.2.3",
        "3/4",
        "five",
        "5 apples",
        "1e",
        "--5",
        "-$-5",
        "٣",
        "1e9999",
        "NaN",
        "inf",
    ],
)
def test_number_refuses(text: str) -> None:
    with pytest.raises(EvaluationError, match="finds no number"):
        number(text)


def test_number_keeps_numbers_and_null() -> None:
    assert (number(7), number(0.1), number(None)) == (7, Decimal("0.1"), None)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("words", (None,), "needs text, not null"),
        ("len", (5,), "needs text or a list, not a number"),
        ("lower", (True,), "needs text, not true or false"),
        ("after", ("no mark", "####"), "does not find the mark"),
        ("after", ("text", ""), "needs a mark that is not empty"),
        ("number", ([1],), "needs text, not a list"),
    ],
)
def test_what_does_not_fit_is_said(function: str, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        ITEM_FUNCTIONS[function](*arguments)


def test_no_pattern_hangs() -> None:
    """Patterns that take `re` longer than the age of the universe are linear here."""
    start = time.perf_counter()
    assert not matches("a" * 50_000 + "!", r"^(a+)+$")
    assert not matches("a" * 50_000, r"(x+x+)+y")
    assert not matches("a" * 20_000, r".*.*.*.*b")
    assert time.perf_counter() - start < 30  # `re` would not come back at all


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "unclosed group"),
        (r"(a)\1", "backreferences are not supported"),
        (r"(?=a)", "look-around"),
        (r"(a{1000}){1000}", "size limit"),
    ],
)
def test_a_pattern_that_cannot_be_used(pattern: str, reason: str) -> None:
    problem = check_pattern(pattern)
    assert problem is not None
    assert reason in problem
    with pytest.raises(EvaluationError, match="cannot be used"):
        matches("a", pattern)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", 1),
        ("question.stem", "q"),
        ("question.choices.text", ["x", "y"]),
        ("dotted.name", 2),
        ("question.nothing", None),
        ("question.choices.nothing", None),
        ("a.b", None),
        ("", None),
        (".", None),
    ],
)
def test_columns_of_nested_rows(name: str, expected: Any) -> None:
    row = {
        "a": 1,
        "dotted.name": 2,
        "question": {"stem": "q", "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}]},
    }
    assert look_up(row, name, None) == expected


def test_every_function_of_the_language_is_there() -> None:
    needs_surroundings = {"column", "stem", "line", "row", "z"}
    made_by_readers = {"dialogue", "asked"}  # turns of a conversation: tests/data/test_conversation.py
    assert {row.name for row in DATA} == set(ITEM_FUNCTIONS) | needs_surroundings | made_by_readers


@given(st.data())
def test_any_arguments_give_a_value_or_an_evaluation_error(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from([row for row in DATA if row.name in ITEM_FUNCTIONS]))
    scalars = st.one_of(st.none(), st.booleans(), st.text(), st.integers(), st.floats(), st.lists(st.integers()))
    arguments = [data.draw(scalars) for _ in row.parameters]
    try:
        value = ITEM_FUNCTIONS[row.name](*arguments)
    except EvaluationError:
        return
    assert value is None or isinstance(value, bool | int | str | Decimal)
