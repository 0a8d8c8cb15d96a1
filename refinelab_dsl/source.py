"""Source texts and places in them: what every diagnostic points at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range `[start, end)` of characters in the file named `file`.

    `file` is the name under which the text was opened (what a user typed), never a resolved
    machine path. Offsets count Unicode characters of the text after a byte-order mark was removed.
    """

    file: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Position:
    """A place as people and editors count: line and column from 1 (characters), byte from 0."""

    line: int
    column: int
    byte: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a data file: line from 1, row from 1 (a CSV row may hold several lines)."""

    file: str
    line: int | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.line is not None:
            parts.append(str(self.line))
        text = ":".join(parts)
        if self.row is not None and self.row != self.line:
            text += f" (row {self.row})"
        if self.column is not None:
            text += f", column `{self.column}`"
        return text


@dataclass(frozen=True)
class Source:
    """The text of one file. `path` is where it stands on disk, None for text that came from elsewhere."""

    name: str
    text: str
    path: Path | None = None
    line_starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        object.__setattr__(self, "line_starts", tuple(starts))

    def position(self, offset: int) -> Position:
        """The position of a character offset; offsets past the end give the end."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self.line_starts, offset)
        start = self.line_starts[line - 1]
        return Position(line, offset - start + 1, len(self.text[:offset].encode("utf-8", "surrogatepass")))

    def line_text(self, line: int) -> str:
        """Line number `line` (from 1), without its line ending."""
        start = self.line_starts[line - 1]
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


class Sources(Mapping[str, Source]):
    """The texts of one compilation by name; an immutable mapping."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._by_name = {source.name: source for source in sources}

    def __getitem__(self, name: str) -> Source:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def including(self, *more: Source) -> Sources:
        """These texts and `more`."""
        return Sources([*self._by_name.values(), *more])
