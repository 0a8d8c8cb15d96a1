"""Text to tokens. Never fails: what is no token becomes an `ERROR` token that carries its complaint.

The terminals come from the grammar; what stands here is what a regular expression cannot say: escapes, the
indentation of text blocks, and (in `stray.py`) what to make of characters that no terminal knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax import literals
from refinelab_dsl.syntax.grammar import load_table
from refinelab_dsl.syntax.stray import Stray, find_last_closing, read_open_block, read_stray

NEWLINE = "_NL"
ERROR = "ERROR"
UNKNOWN = "UNKNOWN"
BLOCK = "TEXT"

MAX_FAULTY_BLOCKS = 50

_NUMBERS = frozenset({"PERCENT", "MONEY", "COUNT", "DURATION", "NUMBER"})


@dataclass(frozen=True, slots=True)
class Token:
    """`type` is a terminal of the grammar, `ERROR`, or `UNKNOWN`: a mark the grammar has no use for (`:`, `&&`)."""

    type: str
    text: str
    start: int
    end: int
    fault: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Lexed:
    """The tokens of a text in order, newlines among them; comments stand apart."""

    tokens: tuple[Token, ...]
    comments: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class _Scanner:
    pattern: re.Pattern[str]
    block: re.Pattern[str]
    keywords: dict[str, str]
    ignored: frozenset[str]


@cache
def _scanner() -> _Scanner:
    table = load_table()
    keywords: dict[str, str] = {}
    groups: list[tuple[int, int, str, str]] = []
    for order, terminal in enumerate(table.terminals):
        value = terminal.pattern.value
        if terminal.pattern.type == "str" and value.isidentifier():
            keywords[value] = terminal.name
            continue
        # `==` is part of a pattern and `=` a plain string: patterns are tried first.
        rank = terminal.priority if terminal.pattern.type == "re" else terminal.priority - 1
        groups.append((-rank, order, terminal.name, terminal.pattern.to_regexp()))
    pattern = "|".join(f"(?P<{name}>{regexp})" for _, _, name, regexp in sorted(groups) if name != BLOCK)
    block = next(regexp for _, _, name, regexp in groups if name == BLOCK)
    return _Scanner(re.compile(pattern), re.compile(block), keywords, frozenset(table.lexer_conf.ignore))


def keywords() -> frozenset[str]:
    """The reserved words, as the grammar has them."""
    return frozenset(_scanner().keywords)


def lex(source: Source, text: str | None = None, start: int = 0) -> Lexed:
    """The tokens of a source from `start` on. `text` stands in for its text where parts of it were masked; offsets stay
    the same."""
    text = source.text if text is None else text
    scanner = _scanner()
    match, words, ignored = scanner.pattern.match, scanner.keywords, scanner.ignored
    tokens: list[Token] = []
    comments: list[Token] = []
    position, end = start, len(text)
    last_closing = find_last_closing(text)
    faulty_blocks = 0
    while position < end:
        found = match(text, position)
        if found is None:
            hasty = faulty_blocks >= MAX_FAULTY_BLOCKS
            # Tried apart from the other terminals: without a closing mark further on it would read the whole rest.
            block = scanner.block.match(text, position) if position < last_closing else None
            if block is None:
                faulty_blocks += text.startswith('"""', position)
                position = _add_stray(tokens, read_stray(source, text, position, hasty))
            elif isinstance(bad := literals.parse_block(block.group()), literals.BadIndent):
                faulty_blocks += 1
                position = _add_stray(tokens, read_open_block(source, text, position, block.end(), bad, hasty))
            else:
                tokens.append(Token(BLOCK, block.group(), position, block.end()))
                position = block.end()
            continue
        kind, start, position = str(found.lastgroup), position, found.end()
        if kind in ignored:
            if kind == "COMMENT":
                comments.append(Token(kind, text[start:position], start, position))
            continue
        value = text[start:position]
        if kind == "NAME":
            tokens.append(Token(words.get(value, kind), value, start, position))
        elif fault := _find_fault(source, kind, value, start):
            tokens.append(Token(ERROR, value, start, position, fault))
        else:
            tokens.append(Token(kind, value, start, position))
    return Lexed(tuple(tokens), tuple(comments))


def _find_fault(source: Source, kind: str, value: str, start: int) -> Diagnostic | None:
    """What is wrong with a token of the right shape, if anything."""
    if kind in _NUMBERS and literals.parse_number(value) is None:
        return faults.number_out_of_reach(Span(source.name, start, start + len(value)), literals.MAX_DIGITS)
    if kind == "STRING" and isinstance(bad := literals.parse_text(value), literals.BadEscape):
        span = Span(source.name, start + bad.start, start + bad.end)
        return faults.bad_escape(span, value[bad.start : bad.end])
    return None


def _add_stray(tokens: list[Token], stray: Stray) -> int:
    """Appends what was made of stray characters; returns where to go on."""
    if stray.start < stray.end:
        # `größe` starts as the name `gr`: the word is wrong as a whole.
        while tokens and tokens[-1].end > stray.start:
            tokens.pop()
        kind = ERROR if stray.fault else UNKNOWN
        tokens.append(Token(kind, stray.text, stray.start, stray.end, stray.fault))
    return stray.resume
