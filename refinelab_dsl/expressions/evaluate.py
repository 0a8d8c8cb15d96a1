"""The one evaluator of `where`, `fields`, `accept`, `prefer`, `protect` and `assert`: pure, exact, small.

Values are None, bool, text, numbers and lists of these. Numbers are compared and computed as decimals: a float of the
data counts as the decimal that it is written as, so `0.1 + 0.2 == 0.3` holds and `score >= 0.92` means what it says.
Nothing is converted silently: comparing text with a number is an error that names `number(x)`.
"""

from __future__ import annotations

import operator as ops
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, DecimalException
from typing import Any, TypeAlias, assert_never

from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Expression, ListOf, Name, Unary

Names: TypeAlias = Callable[[str, str], Any]
"""`(space, name) -> value`, the value of a bare name; None where the item has none."""
Functions: TypeAlias = Mapping[str, Callable[..., Any]]
Compiled: TypeAlias = Callable[[Names, Functions], Any]

_EXACT = Context(prec=34)
_SHOWN = 40


class EvaluationError(Exception):
    """What data can cause: unlike types, nothing to compare, a division by zero. The message stands alone."""


def evaluate(expression: Expression, names: Names, functions: Functions) -> Any:
    """The value of an expression.

    Returns: None, bool, str, Decimal, list, or what a function or name gave.

    Raises:
        EvaluationError: the data do not fit the expression.
    """
    return compile_expression(expression)(names, functions)


def evaluate_condition(compiled: Compiled, names: Names, functions: Functions) -> bool:
    """The value of a compiled `where`, `accept`, `protect` or `assert`.

    Raises:
        EvaluationError: also where the value is neither true nor false.
    """
    value = compiled(names, functions)
    if value is True or value is False:
        return bool(value)
    raise EvaluationError(f"the condition is {_describe(value)}, neither true nor false")


def compile_expression(expression: Expression) -> Compiled:
    """The expression as one closure: walk the tree once, evaluate it for each of a million items."""
    match expression:
        case Constant():
            value = expression.value
            return lambda names, functions: value
        case Name(space=space, name=name):
            return lambda names, functions: names(space, name)
        case ListOf(items=items):
            parts = tuple(map(compile_expression, items))
            return lambda names, functions: [part(names, functions) for part in parts]
        case Call(function=function, arguments=arguments):
            return _compile_call(function, tuple(map(compile_expression, arguments)))
        case Unary(operator="not", operand=operand):
            inner = compile_expression(operand)
            return lambda names, functions: not _truth(inner(names, functions), "not")
        case Unary(operator="-", operand=operand):
            inner = compile_expression(operand)
            return lambda names, functions: -_number(inner(names, functions), "-")
        case Unary():
            raise AssertionError(expression.operator)
        case Binary(operator=operator, left=left, right=right):
            return _compile_binary(operator, compile_expression(left), compile_expression(right))
        case _ as never:
            assert_never(never)


def as_number(value: Any) -> Decimal | int | None:
    """`value` as an exact number, None if it is none (a bool is none, text is none).

    Raises:
        EvaluationError: a float that is infinite or not a number.
    """
    if value.__class__ is int or value.__class__ is Decimal:
        number: Decimal | int = value
        return number
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        # The shortest text that reads back as this float is what a person wrote; its binary value is not.
        number = Decimal(float.__repr__(value))
        if not number.is_finite():
            raise EvaluationError(f"{value} is no number that can be compared")
        return number
    if isinstance(value, int | Decimal):
        return value
    return None


def _compile_call(function: str, arguments: tuple[Compiled, ...]) -> Compiled:
    def call(names: Names, functions: Functions) -> Any:
        implementation = functions.get(function)
        if implementation is None:
            raise EvaluationError(f"`{function}()` has no value here")
        return implementation(*[argument(names, functions) for argument in arguments])

    return call


def _compile_binary(operator: str, left: Compiled, right: Compiled) -> Compiled:
    match operator:
        case "and":
            return lambda names, functions: (
                _truth(left(names, functions), "and") and _truth(right(names, functions), "and")
            )
        case "or":
            return lambda names, functions: (
                _truth(left(names, functions), "or") or _truth(right(names, functions), "or")
            )
        case "==":
            return lambda names, functions: _equal(left(names, functions), right(names, functions))
        case "!=":
            return lambda names, functions: not _equal(left(names, functions), right(names, functions))
        case "<" | "<=" | ">" | ">=":
            compare = {"<": ops.lt, "<=": ops.le, ">": ops.gt, ">=": ops.ge}[operator]
            return lambda names, functions: compare(
                *_comparable(left(names, functions), right(names, functions), operator)
            )
        case "in":
            return lambda names, functions: _contains(right(names, functions), left(names, functions))
        case "not in":
            return lambda names, functions: not _contains(right(names, functions), left(names, functions))
        case "+" | "-" | "*" | "/":
            compute = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply, "/": _EXACT.divide}[operator]
            return lambda names, functions: _compute(compute, operator, left(names, functions), right(names, functions))
        case _:
            raise AssertionError(operator)


def _truth(value: Any, operator: str) -> bool:
    if value is True or value is False:
        return bool(value)
    raise EvaluationError(f"`{operator}` needs true or false, not {_describe(value)}")


def _number(value: Any, operator: str) -> Decimal:
    number = as_number(value)
    if number is None:
        raise EvaluationError(f"`{operator}` needs a number, not {_describe(value)}{_hint(value)}")
    return Decimal(number)


def _compute(compute: Callable[[Decimal, Decimal], Decimal], operator: str, left: Any, right: Any) -> Decimal:
    first, second = _number(left, operator), _number(right, operator)
    if operator == "/" and second == 0:
        raise EvaluationError(f"{_describe(left)} / {_describe(right)} is a division by zero")
    try:
        return compute(first, second)
    except DecimalException:
        raise EvaluationError(f"{_describe(left)} {operator} {_describe(right)} is a number out of range") from None


def _equal(left: Any, right: Any) -> bool:
    """Equality of like with like; null equals only null."""
    if left.__class__ is str and right.__class__ is str:
        return bool(left == right)
    if left is None or right is None:
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    pair = _alike(left, right, "==")
    return bool(pair[0] == pair[1])


def _comparable(left: Any, right: Any, operator: str) -> tuple[Any, Any]:
    if left is None or right is None:
        raise EvaluationError(f"`{operator}` has nothing to compare: one side is null")
    pair = _alike(left, right, operator)
    if isinstance(pair[0], bool | list | dict):
        raise EvaluationError(f"`{operator}` has no order for {_describe(left)}")
    return pair


def _alike(left: Any, right: Any, operator: str) -> tuple[Any, Any]:
    first, second = as_number(left), as_number(right)
    if first is not None and second is not None:
        return first, second
    for kind in (str, bool, list, dict):
        if isinstance(left, kind) and isinstance(right, kind):
            return left, right
    raise EvaluationError(
        f"`{operator}` compares {_describe(left)} with {_describe(right)}{_hint(left) or _hint(right)}"
    )


def _contains(collection: Any, value: Any) -> bool:
    if isinstance(collection, list | tuple):
        return any(_equal(value, entry) for entry in collection)
    if isinstance(collection, str) and isinstance(value, str):
        return value in collection
    raise EvaluationError(f"`in` needs a list, or text in text, not {_describe(value)} in {_describe(collection)}")


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        short = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
        return f'the text "{short}"'
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Mapping):
        return "a map"
    text = str(value)
    return f"the number {text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}"


def _hint(value: Any) -> str:
    return "; `number(x)` reads a number out of text" if isinstance(value, str) else ""
