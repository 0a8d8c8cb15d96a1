"""A spec with one part of it written otherwise, without reading the rest again: how ways out of an error are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax import layout
from refinelab_dsl.syntax.depth import find_too_deep
from refinelab_dsl.syntax.lex import Token, lex
from refinelab_dsl.syntax.nodes import Block, Statement, Tree
from refinelab_dsl.syntax.parse import Reader
from refinelab_dsl.syntax.recover import HEADLESS, read_name, read_nested, split_statements
from refinelab_dsl.syntax.stop import Stop


@dataclass(frozen=True)
class Part:
    """The characters `[start, end)` of a text: one or several whole statements, by the words in column 0.

    tokens: newlines among them, comments not.
    """

    source: Source
    tokens: tuple[Token, ...]
    start: int
    end: int

    def find_stop(self) -> Stop | None:
        """Where the parser stops in it; None where it does not."""
        kept = layout.filter_newlines(self.tokens)
        if find_too_deep(kept) is not None:
            return None
        found = Reader(self.source, {}).feed(kept, self.end, complete=True)
        return found if isinstance(found, Stop) else None


def split_parts(source: Source) -> tuple[Part, ...]:
    """A text in parts, each of which can be read by itself."""
    groups = split_statements(source.text, lex(source).tokens)
    starts = [0, *(group[0].start for group in groups[1:]), len(source.text)]
    return tuple(
        Part(source, tuple(group), start, end) for group, (start, end) in zip(groups, pairwise(starts), strict=True)
    )


def reread(tree: Tree, part: Part, text: str) -> tuple[Source, Tree] | Diagnostic:
    """The source and the tree where `part` reads `text` instead; what is wrong with `text`, if anything.

    The new text stands behind the old one, so that nodes of the rest keep their places. The part's own statements
    are where they were among the others.
    """
    place = len(part.source.text) + 1
    source = replace(part.source, text=f"{part.source.text}\n{text}")
    read = Reader(source, {}).read(lex(source, start=place).tokens)
    if isinstance(read, Diagnostic):
        return read
    before = tuple(each for each in tree.statements if each.span.start < part.start)
    after = tuple(each for each in tree.statements if each.span.start >= part.end)
    broken = list(tree.broken)
    own = tuple(each for each in tree.statements if part.start <= each.span.start < part.end)
    name = read_name(part.tokens)
    if name in broken and not _declares(own, name):
        broken.remove(name)
        for lost in (HEADLESS, *read_nested(part.tokens)):
            if lost in broken:
                broken.remove(lost)
    return source, Tree((*before, *read, *after), Span(source.name, 0, len(source.text)), tuple(broken))


def _declares(statements: Sequence[Statement], name: tuple[str, str | None] | None) -> bool:
    return any(isinstance(each, Block) and (each.kind, each.label) == name for each in statements)
