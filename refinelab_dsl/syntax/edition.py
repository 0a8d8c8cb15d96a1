"""`edition = 1`: the first statement of every spec, judged before anything else."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax import literals
from refinelab_dsl.syntax.lex import NEWLINE, Token
from refinelab_dsl.syntax.nodes import Attribute, Statement

EDITIONS = (1,)


def find_unknown_edition(source: Source, tokens: Sequence[Token]) -> Diagnostic | None:
    """The complaint about a first statement `edition = …` that names no edition we know."""
    line = first_line(tokens)
    if len(line) < 3 or line[0].text != "edition" or line[1].type != "EQUAL":
        return None
    if len(line) == 3 and line[2].type == "NUMBER" and literals.parse_number(line[2].text) in EDITIONS:
        return None
    span = Span(source.name, line[2].start, line[-1].end)
    return faults.unknown_edition(span, source.text[span.start : span.end], EDITIONS)


def check_edition(
    source: Source,
    tokens: Sequence[Token],
    statements: Sequence[Statement],
    broken: Sequence[tuple[str, str | None]],
) -> list[Diagnostic]:
    """Complains where the first statement is not `edition`; a broken one has been complained about already."""
    line = first_line(tokens)
    if line and line[0].text == "edition":
        return []
    first = Span(source.name, line[0].start, line[0].end) if line else Span(source.name, 0, 0)
    for statement in statements:
        if isinstance(statement, Attribute) and statement.name == "edition":
            return [faults.misplaced_edition(statement.name_span, first)]
    if any(kind == "edition" for kind, _ in broken):
        return []
    return [faults.missing_edition(first, misspelt=is_misspelt(line))]


def is_misspelt(line: Sequence[Token]) -> bool:
    """Whether a first statement is `edition = 1` but for a slip in the word."""
    return len(line) == 3 and line[1].type == "EQUAL" and bool(nearest(line[0].text, ("edition",)))


def first_line(tokens: Sequence[Token]) -> list[Token]:
    """The tokens of the first statement, up to its end of line or comma."""
    line: list[Token] = []
    for token in tokens:
        if token.type == NEWLINE or token.type == "COMMA":
            if line:
                break
            continue
        line.append(token)
    return line
