"""The text of `##` comments: paragraphs, lists and indented code, with `code` in backticks. All else is plain text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["paragraph", "items", "code"]


@dataclass(frozen=True, slots=True)
class Inline:
    """A run of text; `code` stood in backticks."""

    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A paragraph has one entry, a list one per item. `text` is that of code, its lines as they are."""

    kind: Kind
    entries: tuple[tuple[Inline, ...], ...] = ()
    text: str = ""


def parse_prose(text: str) -> tuple[Part, ...]:
    """The parts of a comment. A blank line ends a paragraph; `- ` starts an item; a line indented by two or more is
    code unless it goes on with an item."""
    return tuple(_parts(text.expandtabs(4).split("\n")))


def parse_inline(text: str) -> tuple[Inline, ...]:
    """Text, and code between backticks."""
    pieces = re.split(r"`([^`]+)`", text)
    return tuple(Inline(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece)


def _parts(lines: list[str]) -> Iterator[Part]:
    kinds: list[tuple[Kind | None, str]] = []
    previous: Kind | None = None
    for line in lines:
        previous = _kind(line, previous)
        kinds.append((previous, line))
    for kind, group in groupby(kinds, key=lambda pair: pair[0]):
        found = [line for _, line in group]
        if kind == "code":
            yield Part("code", text=textwrap.dedent("\n".join(found)))
        elif kind == "items":
            yield Part("items", tuple(parse_inline(item) for item in _items(found)))
        elif kind == "paragraph":
            yield Part("paragraph", (parse_inline(" ".join(line.strip() for line in found)),))


def _kind(line: str, previous: Kind | None) -> Kind | None:
    if not line.strip():
        return None
    if re.match(r" ?[-*] +\S", line) or (previous == "items" and line.startswith(" ")):
        return "items"
    return "code" if line.startswith("  ") else "paragraph"


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        start = re.match(r" ?[-*] +", line)
        if start is not None:
            items.append(line[start.end() :].strip())
        else:
            items[-1] += f" {line.strip()}"
    return items
