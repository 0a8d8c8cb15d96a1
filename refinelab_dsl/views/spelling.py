"""Values of a spec on one line: as they are written, and defaults as one would write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from refinelab_dsl import syntax, types
from refinelab_dsl.source import Sources, Span


def spell_written(value: syntax.Expression, sources: Sources) -> str:
    """A value as it stands in its file, in the layout of one line and without comments."""
    match value:
        case syntax.MapOf(pairs=pairs):
            listed = ", ".join(
                f"{_text(pair.key_span, sources)} = {spell_written(pair.value, sources)}" for pair in pairs
            )
            return f"{{ {listed} }}" if listed else "{ }"
        case syntax.ListOf(items=items):
            return f"[{', '.join(spell_written(item, sources) for item in items)}]"
        case syntax.Call(function=function, arguments=arguments):
            listed = ", ".join(
                (f"{argument.name} = " if argument.name is not None else "") + spell_written(argument.value, sources)
                for argument in arguments
            )
            return f"{_text(function.span, sources)}({listed})"
    return " ".join(_text(value.span, sources).split())


def spell_default(value: Any, type_: types.ValueType) -> str:
    """A default of the table of the language."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal() if isinstance(type_, types.Percent) or (isinstance(type_, types.Form) and value <= 1):
            share = f"{_digits(value * 100)}%"
            return f"at_least({share})" if isinstance(type_, types.Form) else share
        case Decimal() if isinstance(type_, types.Duration):
            return f"{_digits(value)}s"
        case Decimal():
            return _digits(value)
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case "":
            return '""'
    return str(value)


def _digits(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _text(span: Span, sources: Sources) -> str:
    return sources[span.file].text[span.start : span.end]
