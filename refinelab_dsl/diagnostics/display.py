"""Text from files made safe and measurable for a terminal."""

from __future__ import annotations

import unicodedata

TAB = 4

_KEPT_FORMATS = frozenset("\u200c\u200d")  # joiners, part of words and of emoji
_SPELLED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escape(text: str) -> str:
    """A text on one line in which nothing steers a terminal: control characters, bidirectional and other invisible
    controls, line separators and lone surrogates are spelled out (`\\u{202e}`)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_SPELLED.get(character) or escape_character(character) for character in text)


def escape_character(character: str) -> str:
    """The character, or its number where it must not reach a terminal."""
    if character.isprintable():
        return character
    category = unicodedata.category(character)
    if category in ("Zs", "Co", "Cn") or character in _KEPT_FORMATS:
        return character
    return f"\\u{{{ord(character):x}}}"


def replace_surrogates(text: str) -> str:
    """The text without lone surrogates, which nothing in UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def width(text: str) -> int:
    """Columns that a text without tabs takes: two for wide East Asian characters, none for combining marks."""
    return len(text) if text.isascii() else sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if character in _KEPT_FORMATS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Line:
    """A line of a source as it is shown: escaped, tabs expanded, `columns[i]` where its character `i` stands.

    Lines wider than `limit` columns are cut around the characters `[start, end)`; `…` stands for what is left out.
    """

    def __init__(self, text: str, limit: int, start: int = 0, end: int = 0) -> None:
        pieces: list[str] = []
        columns = [0]
        for character in text:
            piece = " " * (TAB - columns[-1] % TAB) if character == "\t" else escape_character(character)
            pieces.append(piece)
            columns.append(columns[-1] + width(piece))
        self._pieces = pieces
        self._columns = columns
        self._first, self._last = 0, len(pieces)
        if columns[-1] > limit:
            self._cut(limit, min(start, len(pieces)), min(max(start, end), len(pieces)))

    def _cut(self, limit: int, start: int, end: int) -> None:
        """Keeps what fits: the marked characters first, a third of the room before them."""
        columns = self._columns
        room = max(10, limit - 2)
        before = max(room // 3, room - (columns[-1] - columns[start]))
        while self._first < start and columns[start] - columns[self._first] > before:
            self._first += 1
        while self._last > self._first + 1 and columns[self._last] - columns[self._first] > room:
            self._last -= 1

    @property
    def text(self) -> str:
        shown = "".join(self._pieces[self._first : self._last])
        return f"{'…' if self._first else ''}{shown}{'…' if self._last < len(self._pieces) else ''}"

    def column(self, index: int) -> int:
        """The column (from 0) at which character `index` of the line is shown; the nearest one if it was cut away."""
        clamped = max(self._first, min(index, self._last))
        return self._columns[clamped] - self._columns[self._first] + (1 if self._first else 0)
