"""What an expression asks for, read off its tree."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Expression, ListOf, Unary


def columns_of(expression: Expression | None) -> Iterator[str]:
    """The columns that it reads, in the order of their appearance."""
    return named_in_calls(expression, "column")


def named_in_calls(expression: Expression | None, function: str) -> Iterator[str]:
    """The texts that stand as only argument in calls of `function`: `column("x")`, `z(length)`."""
    match expression:
        case Call(function=name, arguments=(Constant(type="text", text=text),)) if name == function:
            yield text
        case Call(arguments=parts) | ListOf(items=parts):
            for part in parts:
                yield from named_in_calls(part, function)
        case Unary(operand=operand):
            yield from named_in_calls(operand, function)
        case Binary(left=left, right=right):
            yield from named_in_calls(left, function)
            yield from named_in_calls(right, function)


def functions_of(expression: Expression | None) -> Iterator[str]:
    """The functions that it calls, in the order of their appearance."""
    match expression:
        case Call(function=name, arguments=parts):
            yield name
            for part in parts:
                yield from functions_of(part)
        case ListOf(items=parts):
            for part in parts:
                yield from functions_of(part)
        case Unary(operand=operand):
            yield from functions_of(operand)
        case Binary(left=left, right=right):
            yield from functions_of(left)
            yield from functions_of(right)
