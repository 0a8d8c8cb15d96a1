"""The evaluator: exact numbers, no silent conversion, messages instead of exceptions of Python."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.expressions import Binary, Call, Constant, Expression, ListOf, Name, Unary
from refinelab_dsl.expressions.evaluate import EvaluationError, compile_expression, evaluate, evaluate_condition


def constant(value: Any) -> Constant:
    return Constant.of(Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value)


def binary(left: Expression, operator: Any, right: Expression) -> Binary:
    return Binary(operator=operator, left=left, right=right)


def field(name: str) -> Name:
    return Name(space="field", name=name)


def value_of(expression: Expression, **fields: Any) -> Any:
    return evaluate(expression, lambda space, name: fields.get(name), {})


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        (0.92, ">=", "0.92", True),  # the float of the data is the decimal that was written
        (0.1 + 0.2, "==", "0.3", False),  # and this float is another one
        (0.3, "==", "0.3", True),
        (3, "<", "3.5", True),
        (10**30, ">", "1", True),
        (-5, "<=", "-5", True),
        (5, "!=", "5.0", False),
    ],
)
def test_numbers_of_the_data_against_constants(left: float, operator: str, right: str, expected: bool) -> None:
    expression = binary(field("x"), operator, Constant(type="number", text=right))
    assert value_of(expression, x=left) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (binary(constant("a"), "==", constant("a")), True),
        (binary(constant("a"), "<", constant("b")), True),
        (binary(field("x"), "==", constant(None)), True),
        (binary(field("x"), "!=", constant("a")), True),
        (binary(constant("b"), "in", ListOf(items=(constant("a"), constant("b")))), True),
        (binary(constant("c"), "not in", ListOf(items=(constant("a"), constant("b")))), True),
        (binary(constant("bc"), "in", constant("abcd")), True),
        (binary(constant(0.1), "+", constant(0.2)), Decimal("0.3")),
        (binary(constant(7), "/", constant(2)), Decimal("3.5")),
        (binary(constant(2), "*", binary(constant(3), "-", constant(1))), Decimal(4)),
        (Unary(operator="-", operand=constant(2)), Decimal(-2)),
        (Unary(operator="not", operand=constant(True)), False),
        (ListOf(items=(constant(1), constant("a"))), [Decimal(1), "a"]),
    ],
)
def test_values(expression: Expression, expected: Any) -> None:
    assert value_of(expression) == expected


def test_what_decides_ends_the_evaluation() -> None:
    fails = binary(constant("a"), "<", constant(1))
    assert value_of(binary(constant(False), "and", fails)) is False
    assert value_of(binary(constant(True), "or", fails)) is True
    with pytest.raises(EvaluationError):
        value_of(binary(constant(True), "and", fails))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            binary(constant("5"), ">", constant(3)),
            '`>` compares the text "5" with the number 3; `number(x)` reads a number out of text',
        ),
        (
            binary(constant("5"), "==", constant(5)),
            '`==` compares the text "5" with the number 5; `number(x)` reads a number out of text',
        ),
        (binary(constant(True), "==", constant(1)), "`==` compares true with the number 1"),
        (binary(constant(True), "<", constant(False)), "`<` has no order for true"),
        (binary(constant(None), "<", constant(3)), "`<` has nothing to compare: one side is null"),
        (binary(constant("a"), "and", constant(True)), '`and` needs true or false, not the text "a"'),
        (Unary(operator="not", operand=constant(1)), "`not` needs true or false, not the number 1"),
        (
            binary(constant("a"), "+", constant(1)),
            '`+` needs a number, not the text "a"; `number(x)` reads a number out of text',
        ),
        (binary(constant(1), "/", constant(0)), "the number 1 / the number 0 is a division by zero"),
        (binary(constant(0), "/", constant(0)), "the number 0 / the number 0 is a division by zero"),
        (
            binary(constant("a"), "in", constant(5)),
            '`in` needs a list, or text in text, not the text "a" in the number 5',
        ),
        (Call(function="jsd"), "`jsd()` has no value here"),
    ],
)
def test_what_data_can_cause_is_said_in_words(expression: Expression, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        value_of(expression)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(EvaluationError, match="no number that can be compared"):
        value_of(binary(field("x"), "<", constant(1)), x=value)


def test_a_condition_is_true_or_false() -> None:
    compiled = compile_expression(constant("yes"))
    with pytest.raises(EvaluationError, match="neither true nor false"):
        evaluate_condition(compiled, lambda space, name: None, {})


def test_long_text_of_the_data_is_cut_in_messages() -> None:
    with pytest.raises(EvaluationError) as caught:
        value_of(binary(field("x"), "<", constant(1)), x="y" * 10_000)
    assert len(str(caught.value)) < 200


def test_functions_get_values_and_their_exceptions_pass() -> None:
    expression = binary(Call(function="share", arguments=(constant("topic"), constant("a"))), "<=", constant(0.25))
    assert evaluate(expression, lambda space, name: None, {"share": lambda dimension, label: 0.25}) is True

    def unknown() -> float:
        raise KeyError("not known yet")

    with pytest.raises(KeyError):
        evaluate(Call(function="share"), lambda space, name: None, {"share": unknown})


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=False),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(
    left=_SCALARS,
    right=_SCALARS,
    operator=st.sampled_from(["and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "+", "-", "*", "/"]),
)
def test_any_data_give_a_value_or_an_evaluation_error(left: Any, right: Any, operator: Any) -> None:
    expression = binary(field("left"), operator, field("right"))
    try:
        value = value_of(expression, left=left, right=right)
    except EvaluationError:
        return
    assert isinstance(value, bool | Decimal)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_equals_the_decimal_that_it_is_written_as(value: float) -> None:
    assert value_of(binary(field("x"), "==", Constant.of(Decimal(repr(value)))), x=value) is True
