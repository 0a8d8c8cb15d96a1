"""What to say about the token at which the parser stopped."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax.lex import Token


def complain(source: Source, tokens: Sequence[Token], index: int, accepts: frozenset[str], end: int) -> Diagnostic:
    """The one complaint about a statement."""
    if index < len(tokens):
        token = tokens[index]
        return token.fault or faults.unexpected(Span(source.name, token.start, token.end), f"`{token.text}`", "something else")
    return faults.unexpected(Span(source.name, end, end), "the end", "something else")
