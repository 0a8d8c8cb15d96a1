"""Splitting a text that does not parse as a whole into statements that may parse by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from refinelab_dsl.syntax.lex import NEWLINE, Token

_OPENERS = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSERS = frozenset({"RBRACE", "RPAR", "RSQB"})

HEADLESS = ("", None)
"""Kind and name of a declaration whose first line is missing: any kind, any name."""


def split_statements(text: str, tokens: Sequence[Token]) -> list[list[Token]]:
    """The tokens in groups, a new one at each word in column 0.

    A word followed by `=` starts no group while a bracket is open: the body of a block need not be indented.
    """
    groups: list[list[Token]] = []
    depth = 0
    for index, token in enumerate(tokens):
        if token.text.isidentifier() and (token.start == 0 or text[token.start - 1] == "\n"):
            following = tokens[index + 1].type if index + 1 < len(tokens) else ""
            if not (depth > 0 and following == "EQUAL"):
                groups.append([])
                depth = 0
        if not groups:
            groups.append([])
        if token.type in _OPENERS:
            depth += 1
        elif token.type in _CLOSERS:
            depth -= 1
        groups[-1].append(token)
    return [group for group in groups if any(token.type != NEWLINE for token in group)]


def read_nested(group: Sequence[Token]) -> list[tuple[str, str | None]]:
    """The kinds and names that a broken statement swallowed: `dimension topic {` on a line of its own further on."""
    found: list[tuple[str, str | None]] = []
    for before, kind, name, brace in zip(group, group[1:], group[2:], group[3:], strict=False):
        if (before.type, kind.type, name.type, brace.type) == (NEWLINE, "NAME", "NAME", "LBRACE"):
            found.append((kind.text, name.text))
    return found


def read_name(group: Sequence[Token]) -> tuple[str, str | None] | None:
    """The kind and the name that a statement which does not parse would declare."""
    words = [token for token in group[:4] if token.type != NEWLINE]
    if not words or not words[0].text.isidentifier():
        return None
    if words[0].type == "IMPORT":
        named = [token.text for before, token in pairwise(group) if before.type == "AS"]
        return "import", named[0] if named else None  # which namespace was meant is not known
    label = words[1] if len(words) > 1 else None
    if len(words) == 4 and words[3].type == "LBRACE" and words[2].type in ("NAME", "STRING"):
        label = words[2]  # `model "openai" "small" {`, `model model small {`
    if label is not None and label.text.isidentifier():
        return words[0].text, label.text
    if label is not None and label.type == "STRING":
        return words[0].text, label.text[1:-1]
    return words[0].text, None
