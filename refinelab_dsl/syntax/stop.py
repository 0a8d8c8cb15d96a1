"""Where the parser stopped: the refused token, and what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax.lex import ERROR, NEWLINE, UNKNOWN, Token

END = "$END"

OPENERS = {"LBRACE": "{", "LPAR": "(", "LSQB": "["}
CLOSERS = {"RBRACE": "{", "RPAR": "(", "RSQB": "["}
NUMBERS = frozenset({"PERCENT", "MONEY", "COUNT", "DURATION", "NUMBER"})
VALUES = NUMBERS | {"STRING", "TEXT", "NAME", "TRUE", "FALSE", "NULL", "REST"}
OPERATORS = frozenset({"OR", "AND", "NOT", "IN", "COMPARE", "ADD", "MULTIPLY"})
# The terminals named among what was expected, in this order.
DESCRIBED = {
    "EQUAL": "`=`",
    "LBRACE": "`{`",
    "AS": "`as`",
    "COMMA": "`,`",
    NEWLINE: "a newline",
    "RBRACE": "`}`",
    "RSQB": "`]`",
    "RPAR": "`)`",
}


@dataclass(frozen=True)
class Open:
    """A bracket still open where the parser stopped; `role` says what it holds."""

    token: Token
    index: int
    bracket: str
    role: str


@dataclass(frozen=True)
class Stop:
    """The refused token `at` and what is around it.

    tokens: without the newlines that do not count; `index` is that of the refused one, `len(tokens)` at the end.
    accepts: the terminals the parser would have taken instead. end: where the text ends.
    """

    source: Source
    tokens: Sequence[Token]
    index: int
    accepts: frozenset[str]
    end: int

    @cached_property
    def at(self) -> Token:
        return self.token(0)

    @cached_property
    def previous(self) -> Token:
        return self.token(-1)

    @cached_property
    def next(self) -> Token:
        return self.token(1)

    def token(self, offset: int) -> Token:
        """The token so many places from the refused one; an empty one outside of the text."""
        index = self.index + offset
        if 0 <= index < len(self.tokens):
            return self.tokens[index]
        place = 0 if index < 0 else self.end_of_text
        return Token(END, "", place, place)

    @cached_property
    def end_of_text(self) -> int:
        """Just behind the last token that is no newline."""
        for token in reversed(self.tokens):
            if token.type != NEWLINE:
                return token.end
        return self.end

    @cached_property
    def span(self) -> Span:
        return self.of(self.at)

    def of(self, first: Token, last: Token | None = None) -> Span:
        end = (last or first).end
        if first.type == NEWLINE:
            end = first.start
        return Span(self.source.name, first.start, max(first.start, end))

    def after(self, token: Token) -> Span:
        return Span(self.source.name, token.end, token.end)

    def touches(self, offset: int) -> bool:
        """Whether that token and the one after it stand side by side."""
        left, right = self.token(offset), self.token(offset + 1)
        return left.type != END and right.type != END and left.end == right.start

    @cached_property
    def open(self) -> list[Open]:
        """The brackets open before the refused token, the innermost last."""
        found: list[Open] = []
        for index, token in enumerate(self.tokens[: self.index]):
            if token.type in OPENERS:
                found.append(Open(token, index, OPENERS[token.type], self._role(index)))
            elif token.type in CLOSERS and found:
                found.pop()
        return found

    def _role(self, index: int) -> str:
        before = self.tokens[index - 1].type if index else ""
        match self.tokens[index].type:
            case "LSQB":
                return "list"
            case "LPAR":
                return "call" if before == "NAME" else "group"
            case _:
                return "body" if before in ("NAME", "STRING") else "map"

    @cached_property
    def inside(self) -> str:
        """What the refused token stands in: `file`, `body`, `map`, `list`, `call` or `group`."""
        return self.open[-1].role if self.open else "file"

    @cached_property
    def head(self) -> list[Token]:
        """The tokens of the statement or entry before the refused one, inside the innermost bracket."""
        start = self.open[-1].index + 1 if self.open else 0
        depth = 0
        for index in range(self.index - 1, start - 1, -1):
            kind = self.tokens[index].type
            if kind in CLOSERS:
                depth += 1
            elif kind in OPENERS:
                depth -= 1
            elif depth == 0 and kind in (NEWLINE, "COMMA"):
                start = index + 1
                break
        return list(self.tokens[start : self.index])

    @cached_property
    def starts(self) -> bool:
        """Whether nothing of a statement or entry stands before the refused token."""
        return not self.head

    @cached_property
    def wants_value(self) -> bool:
        return "NUMBER" in self.accepts

    @cached_property
    def expected(self) -> str:
        """What could stand here, in words."""
        accepts = self.accepts
        if self.wants_value:
            words = ["a value"]
        else:
            words = ["a name"] if "NAME" in accepts else []
            words += ["quoted text"] if "STRING" in accepts and "NAME" not in accepts else []
        for kind, word in DESCRIBED.items():
            if kind not in accepts or (kind == "LBRACE" and self.wants_value):
                continue
            if kind == "COMMA" and NEWLINE not in accepts and self.inside in ("file", "body", "map"):
                continue
            words.append(word)
        if not words:
            words = ["the end of the file"] if END in accepts else ["something else"]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

    def describe(self) -> str:
        """The refused token, in words."""
        if self.at.type == END:
            return "the end of the file" if self.end >= len(self.source.text) else "the end of the statement"
        if self.at.type == NEWLINE:
            return "the end of the line"
        if self.at.type == "TEXT":
            return "a text block"
        text = self.at.text if len(self.at.text) <= 40 else f"{self.at.text[:39]}…"
        return f"`{text}`"

    def run(self, first: int, last: int) -> tuple[Token, Token]:
        """From the tokens `first` to `last` (offsets) outwards to all that stand side by side with them."""
        while self.touches(first - 1) and self._is_wordy(self.token(first - 1)):
            first -= 1
        while self.touches(last) and self._is_wordy(self.token(last + 1)):
            last += 1
        return self.token(first), self.token(last)

    @staticmethod
    def _is_wordy(token: Token) -> bool:
        wordy = NUMBERS | {"NAME", "ADD", "MULTIPLY", "DOT"}
        return token.type in wordy or token.type == UNKNOWN or (token.type == ERROR and token.text[:1].isalnum())
