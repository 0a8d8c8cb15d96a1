"""`parse`: text to tree. The tree may be partial; whatever is wrong is a diagnostic, never an exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.source import Source, Sources, Span
from refinelab_dsl.syntax import encoding, layout
from refinelab_dsl.syntax.build import build_statements
from refinelab_dsl.syntax.complain import complain
from refinelab_dsl.syntax.conflicts import mask_conflicts
from refinelab_dsl.syntax.depth import MAX_DEPTH, find_too_deep
from refinelab_dsl.syntax.edition import check_edition, find_unknown_edition, first_line, is_misspelt
from refinelab_dsl.syntax.grammar import load_table
from refinelab_dsl.syntax.lex import ERROR, Token, lex
from refinelab_dsl.syntax.nodes import Statement, Tree
from refinelab_dsl.syntax.recover import HEADLESS, read_name, read_nested, split_statements
from refinelab_dsl.syntax.stop import Stop

if TYPE_CHECKING:
    from lark import Token as Fed
    from lark import Tree as Parsed

MAX_ERRORS = 50


def parse_bytes(name: str, data: bytes, path: Path | None = None) -> tuple[Source, Tree, Diagnostics]:
    """The text, the tree and the problems of a file's bytes (UTF-8; a byte-order mark is dropped)."""
    source, found = encoding.decode(name, data, path)
    if found:
        return source, Tree((), _whole(source)), found
    return source, *parse(source)


def parse(source: Source, *, edition: bool = True) -> tuple[Tree, Diagnostics]:
    """The tree of a spec and its problems of form (`RF1xxx`).

    After errors the tree holds the statements that parsed, and `Tree.broken` the kinds and names of those that did
    not. Every node has a span. An unknown edition is the only diagnostic, with an empty tree. `edition = False` reads
    a text that needs none, such as a file of variables.
    """
    sources = Sources([source])
    if found := encoding.check_text(source):
        return Tree((), _whole(source)), Diagnostics(found, sources)
    text, problems, lost = mask_conflicts(source)
    lexed = lex(source, text)
    if edition and (unknown := find_unknown_edition(source, lexed.tokens)):
        return Tree((), _whole(source)), Diagnostics((unknown,), sources)
    docs = layout.attach_docs(text, lexed.tokens, lexed.comments)
    reader = Reader(source, docs)
    result = reader.read(lexed.tokens)
    if isinstance(result, Diagnostic):
        statements, errors, broken = reader.recover(lexed.tokens, len(text))
    else:
        statements, errors, broken = result, [], []
    problems = sorted([*problems, *errors], key=lambda problem: problem.span.start if problem.span else 0)
    if edition:
        problems = [*check_edition(source, lexed.tokens, statements, broken), *problems]
        if is_misspelt(first_line(lexed.tokens)):
            statements = statements[1:]  # has been said
    tree = Tree(statements, _whole(source), (*broken, *lost))
    return tree, Diagnostics(tuple(_cap(problems)), sources)


def _whole(source: Source) -> Span:
    return Span(source.name, 0, len(source.text))


def _cap(problems: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The first problems, and a note where there are more: a data file read as a spec would give one per line."""
    shown = list(problems[:MAX_ERRORS])
    if more := problems[MAX_ERRORS:]:
        assert more[0].span is not None
        shown.append(faults.further_errors(more[0].span, MAX_ERRORS))
    return shown


@dataclass(frozen=True)
class Reader:
    """Reads tokens of one text. docs: the `##` comments by the offset of what they document."""

    source: Source
    docs: Mapping[int, str]

    def read(self, tokens: Sequence[Token], end: int | None = None) -> tuple[Statement, ...] | Diagnostic:
        """The statements of the tokens, or the first thing wrong with them; `end` is where they end in the text."""
        kept = layout.filter_newlines(tokens)
        deep = find_too_deep(kept)
        parsed = self.feed(kept[:deep], len(self.source.text) if end is None else end, complete=deep is None)
        if parsed is None:
            assert deep is not None
            span = Span(self.source.name, kept[deep].start, kept[deep].end)
            return faults.nested_too_deeply(span, MAX_DEPTH)
        if isinstance(parsed, Stop):
            return complain(parsed)
        return build_statements(parsed, self.source, self.docs)

    def feed(self, tokens: Sequence[Token], end: int, *, complete: bool) -> Parsed[Fed] | Stop | None:
        """Runs the parser over tokens to the tree, or to where it stops; None where they are only a beginning and
        right so far."""
        from lark import Token as Fed
        from lark import UnexpectedToken

        parser: Any = load_table().parse_interactive()
        for index, token in enumerate(tokens):
            try:
                if token.type == ERROR:
                    return Stop(self.source, tokens, index, frozenset(), end)
                fed = Fed(token.type, token.text, token.start, 1, 1, 1, 1, token.end)
                parser.feed_token(fed)
            except UnexpectedToken:
                return Stop(self.source, tokens, index, frozenset(parser.accepts()), end)
        if not complete:
            return None
        try:
            return cast("Parsed[Fed]", parser.feed_eof())
        except UnexpectedToken:
            return Stop(self.source, tokens, len(tokens), frozenset(parser.accepts()), end)

    def recover(
        self, tokens: Sequence[Token], end: int
    ) -> tuple[tuple[Statement, ...], list[Diagnostic], list[tuple[str, str | None]]]:
        """The statements that parse by themselves, one problem for each that does not, and the names of these."""
        statements: list[Statement] = []
        problems: list[Diagnostic] = []
        broken: list[tuple[str, str | None]] = []
        groups = split_statements(self.source.text, tokens)
        for number, group in enumerate(groups):
            stop = groups[number + 1][0].start if number + 1 < len(groups) else end
            if len(problems) > MAX_ERRORS:
                # More would not be shown; but what the rest declares is not to be missed by later stages.
                broken.extend(name for name in [read_name(group)] if name)
                continue
            result = self.read(group, stop)
            if isinstance(result, Diagnostic):
                problems.append(result)
                if name := read_name(group):
                    broken.append(name)
                broken.extend(read_nested(group))
                if result.code == "RF1012":
                    broken.append(HEADLESS)
            else:
                statements.extend(result)
        return tuple(statements), problems, broken
