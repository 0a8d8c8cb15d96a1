"""How expressions of the tree are written: their words, what they are called, where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.source import Span


def match_arguments(
    call: syntax.Call, row: builtins.Function, found_: list[Diagnostic]
) -> Mapping[str, tuple[syntax.Expression, ...]] | None:
    """The arguments of a call by parameter, in the order of the row; None where they do not fit (reported)."""
    given: dict[str, list[syntax.Expression]] = {parameter.name: [] for parameter in row.parameters}
    positional = [parameter for parameter in row.parameters if not parameter.named]
    before = len(found_)
    position = 0
    for argument in call.arguments:
        if argument.name is not None:
            if argument.name not in given or given[argument.name]:
                free = [name for name, values in given.items() if not values]
                name_span = Span(argument.span.file, argument.span.start, argument.span.start + len(argument.name))
                found_.append(faults.unknown_argument(name_span, row.name, argument.name, nearest(argument.name, free)))
                continue
            given[argument.name].append(argument.value)
        elif position < len(positional):
            parameter = positional[position]
            given[parameter.name].append(argument.value)
            position += 0 if parameter.rest else 1
        else:
            found_.append(faults.extra_argument(argument.span, row.name, len(row.parameters)))
    for parameter in row.parameters:
        if parameter.required and not given[parameter.name] and len(found_) == before:
            example = types.describe(parameter.type)
            found_.append(faults.missing_argument(call.span, row.name, parameter.name, example))
    return None if len(found_) > before else {name: tuple(values) for name, values in given.items()}


def relocate(expression: syntax.Expression, span: Span) -> syntax.Expression:
    """An expression as if it were written at `span`."""
    match expression:
        case syntax.Literal():
            return replace(expression, span=span)
        case syntax.Reference():
            return replace(expression, span=span)
        case syntax.Call(function=function, arguments=arguments):
            moved = tuple(syntax.Argument(each.name, relocate(each.value, span), span) for each in arguments)
            return syntax.Call(replace(function, span=span), moved, span)
        case syntax.ListOf(items=items):
            return syntax.ListOf(tuple(relocate(item, span) for item in items), span)
        case syntax.MapOf(pairs=pairs):
            entries = tuple(syntax.Pair(each.key, relocate(each.value, span), span, span) for each in pairs)
            return syntax.MapOf(entries, span)
        case syntax.Unary(operator=operator, operand=operand):
            return syntax.Unary(operator, relocate(operand, span), span)
        case syntax.Binary(operator=operator_, left=left, right=right):
            return syntax.Binary(operator_, relocate(left, span), relocate(right, span), span)


def word_of(expression: syntax.Expression) -> str | None:
    """The word of a bare or quoted word."""
    match expression:
        case syntax.Reference(parts=(word,)):
            return word
        case syntax.Literal(kind="text", value=str(word)):
            return word
    return None


def what_stands(expression: syntax.Expression) -> str:
    """What an expression is, in words."""
    match expression:
        case syntax.Literal(kind=kind):
            return _LITERALS[kind]
        case syntax.Reference(parts=parts):
            return f"the name `{'.'.join(parts)}`"
        case syntax.Call(function=function):
            return f"a call of `{'.'.join(function.parts)}`"
        case syntax.ListOf():
            return "a list"
        case syntax.MapOf():
            return "a map"
        case syntax.Unary(operator="not") | syntax.Binary(operator="and" | "or"):
            return "a condition"
        case syntax.Unary() | syntax.Binary(operator="+" | "-" | "*" | "/"):
            return "arithmetic"
        case syntax.Binary():
            return "a comparison"


def is_bare(expression: syntax.Expression) -> bool:
    """Whether an expression is made of bare words, and numbers beside them: a text that lost its quotes."""
    match expression:
        case syntax.Reference(parts=(first, *_)):
            return first != "var"
        case syntax.Binary(operator="-" | "/" | "+" | "*", left=left, right=right):
            return any(map(is_bare, (left, right))) and all(
                is_bare(side) or (isinstance(side, syntax.Literal) and side.kind == "number") for side in (left, right)
            )
    return False


def is_dotted(pair: syntax.Pair) -> bool:
    """Whether the key of an entry is a dotted name, and no quoted text with a dot in it."""
    return "." in pair.key and pair.key_span != pair.span and pair.key_span.end - pair.key_span.start == len(pair.key)


def find_pair(expression: syntax.Expression, name: str) -> syntax.Pair | None:
    """The entry of a map whose key is a name; `name` may be qualified where the key is not."""
    if not isinstance(expression, syntax.MapOf):
        return None
    member = name.rpartition(".")[2]
    exact = (pair for pair in expression.pairs if pair.key == name)
    return next(exact, None) or next((pair for pair in expression.pairs if pair.key.rpartition(".")[2] == member), None)


def is_numeric_text(expression: syntax.Expression) -> bool:
    """Whether a number stands in quotes."""
    return isinstance(expression, syntax.Literal) and bool(_NUMERIC.fullmatch(word_of(expression) or ""))


def find_calls(expression: syntax.Expression) -> Iterator[syntax.Call]:
    """The calls in an expression, the outer before the inner."""
    match expression:
        case syntax.Call(arguments=arguments):
            yield expression
            for argument in arguments:
                yield from find_calls(argument.value)
        case syntax.ListOf(items=items):
            for item in items:
                yield from find_calls(item)
        case syntax.Unary(operand=operand):
            yield from find_calls(operand)
        case syntax.Binary(left=left, right=right):
            yield from find_calls(left)
            yield from find_calls(right)


def find_references(expression: syntax.Expression) -> Iterator[syntax.Reference]:
    """The names in an expression, those of functions and keys left out."""
    match expression:
        case syntax.Reference():
            yield expression
        case syntax.Unary(operand=operand):
            yield from find_references(operand)
        case syntax.Binary(left=left, right=right):
            yield from find_references(left)
            yield from find_references(right)
        case syntax.ListOf(items=items):
            for item in items:
                yield from find_references(item)
        case syntax.MapOf(pairs=pairs):
            for pair in pairs:
                yield from find_references(pair.value)
        case syntax.Call(arguments=arguments):
            for argument in arguments:
                yield from find_references(argument.value)


def find_variables(expression: syntax.Expression) -> Iterator[str]:
    """What stands after `var.` in an expression; `mix(a = 40%)` and `with = { x = … }` name variables without it."""
    match expression:
        case syntax.Reference(parts=("var", first, *rest)):
            yield ".".join((first, *rest))
        case syntax.Unary(operand=operand):
            yield from find_variables(operand)
        case syntax.Binary(left=left, right=right):
            yield from find_variables(left)
            yield from find_variables(right)
        case syntax.ListOf(items=items):
            for item in items:
                yield from find_variables(item)
        case syntax.MapOf(pairs=pairs):
            for pair in pairs:
                yield from find_variables(pair.value)
                yield pair.key
        case syntax.Call(function=function, arguments=arguments):
            for argument in arguments:
                yield from find_variables(argument.value)
                if function.parts == ("mix",) and argument.name is not None:
                    yield argument.name


def find_relatives(
    declarations: Mapping[str, Mapping[str, syntax.Block]], name: str, kinds: tuple[str, ...]
) -> tuple[str, ...]:
    """The dimensions over a measure that is named where a dimension is expected, or the measure of a dimension that is
    named where a measure is; three at most."""
    pairs = [
        (dimension, word_of(each.value))
        for dimension, block in declarations.get("dimension", {}).items()
        for each in block.body
        if isinstance(each, syntax.Attribute) and each.name == "from"
    ]
    over = [dimension for dimension, measure in pairs if measure == name and "dimension" in kinds]
    under = [measure for dimension, measure in pairs if dimension == name and "measure" in kinds and measure]
    return tuple([*over, *under][:3])


def mentions(expression: syntax.Expression, name: str) -> bool:
    match expression:
        case syntax.Reference(parts=(word,)):
            return word == name
        case syntax.Unary(operand=operand):
            return mentions(operand, name)
        case syntax.Binary(left=left, right=right):
            return mentions(left, name) or mentions(right, name)
    return False


_NUMERIC: Final = re.compile(r"[$]?[0-9][0-9_.]*(%|[A-Za-z]{1,3})?")

_LITERALS: Final[Mapping[str, str]] = {
    "percent": "a percentage",
    "money": "an amount of money",
    "count": "a count",
    "duration": "a duration",
    "number": "a number",
    "text": "a text",
    "block": "a text block",
    "bool": "true or false",
    "null": "null",
    "rest": "`rest`",
}
