"""What an expression asks for, read off its tree."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Expression, ListOf, Name, Unary


def walk(expression: Expression | None) -> Iterator[Expression]:
    """It and all that it is made of, in the order of their appearance."""
    if expression is None:
        return
    yield expression
    match expression:
        case Call(arguments=parts) | ListOf(items=parts):
            for part in parts:
                yield from walk(part)
        case Unary(operand=operand):
            yield from walk(operand)
        case Binary(left=left, right=right):
            yield from walk(left)
            yield from walk(right)


def columns_of(expression: Expression | None) -> Iterator[str]:
    """The columns that it reads, in the order of their appearance."""
    return named_in_calls(expression, "column")


def named_in_calls(expression: Expression | None, function: str) -> Iterator[str]:
    """The texts that stand as only argument in calls of `function`: `column("x")`, `z(length)`."""
    for part in walk(expression):
        match part:
            case Call(function=name, arguments=(Constant(type="text", text=text),)) if name == function:
                yield text


def functions_of(expression: Expression | None) -> Iterator[str]:
    """The functions that it calls, in the order of their appearance."""
    return (part.function for part in walk(expression) if isinstance(part, Call))


def named_in(expression: Expression | None, space: str) -> Iterator[str]:
    """The bare names of a space (`measure`, `dimension`, …) that it reads, in the order of their appearance; those that
    `z` is asked of are measures."""
    for part in walk(expression):
        if isinstance(part, Name) and part.space == space:
            yield part.name
    if space == "measure":
        yield from named_in_calls(expression, "z")
