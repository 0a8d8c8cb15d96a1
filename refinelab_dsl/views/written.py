"""Values of a spec as they are written, on one line: documentation quotes the author, `ir.spelling` does not."""

from __future__ import annotations

from refinelab_dsl import syntax
from refinelab_dsl.source import Sources, Span


def quote_written(value: syntax.Expression, sources: Sources) -> str:
    """A value as it stands in its file, in the layout of one line and without comments."""
    match value:
        case syntax.MapOf(pairs=pairs):
            listed = ", ".join(
                f"{_text(pair.key_span, sources)} = {quote_written(pair.value, sources)}" for pair in pairs
            )
            return f"{{ {listed} }}" if listed else "{ }"
        case syntax.ListOf(items=items):
            return f"[{', '.join(quote_written(item, sources) for item in items)}]"
        case syntax.Call(function=function, arguments=arguments):
            listed = ", ".join(
                (f"{argument.name} = " if argument.name is not None else "") + quote_written(argument.value, sources)
                for argument in arguments
            )
            return f"{_text(function.span, sources)}({listed})"
    return " ".join(_text(value.span, sources).split())


def _text(span: Span, sources: Sources) -> str:
    return sources[span.file].text[span.start : span.end]
