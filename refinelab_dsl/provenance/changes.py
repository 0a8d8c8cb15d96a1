"""What differs between two versions of an item's text: by words where a text is long, else as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, TypeAlias

from refinelab_dsl.data.conversation import show_turn

Kind: TypeAlias = Literal["same", "old", "new"]

_PIECES = re.compile(r"\s+|\w+|[^\w\s]")
_SHORT = 40  # characters: a text below is shown whole, in both versions
_ALIKE = 0.5  # share of the words that stay, below which two versions are told apart better as a whole
_MOST = 20_000  # pieces of both versions: comparing takes time that grows with their product


@dataclass(frozen=True, slots=True)
class Part:
    """Text that stands in both versions (`same`), or in one of them."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a field that belong together: one part, or several of one text that was changed in its words."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A field with its passages in order; `is_same` where both versions have it alike."""

    field: str
    passages: tuple[Passage, ...]

    @property
    def is_same(self) -> bool:
        return all(part.kind == "same" for passage in self.passages for part in passage.parts)


def compare_fields(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Change, ...]:
    """The fields of both versions in order, those of `before` first. A version that is None has none."""
    old, new = before or {}, after or {}
    by_lines = "entry_point" in old or "entry_point" in new  # code is read line by line
    return tuple(
        Change(name, tuple(_compare(_entries(old.get(name), by_lines), _entries(new.get(name), by_lines))))
        for name in dict.fromkeys((*old, *new))
    )


def spell_entry(value: Any) -> str:
    """A value of a field, or an entry of one, as text: `user: Hello` for a message."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and value.keys() == {"role", "content"}:
        return show_turn(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _entries(value: Any, by_lines: bool) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [spell_entry(each) for each in value]
    text = spell_entry(value)
    return text.rstrip("\n").split("\n") if by_lines else [text]


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Passage]:
    for tag, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Passage((Part("same", text),)) for text in old[first:last])
            continue
        gone, come = old[first:last], new[start:end]
        paired = min(len(gone), len(come)) if len(gone) == len(come) else 0
        for one, other in zip(gone[:paired], come[:paired], strict=True):
            yield from _compare_words(one, other)
        yield from (Passage((Part("old", text),)) for text in gone[paired:])
        yield from (Passage((Part("new", text),)) for text in come[paired:])


def _compare_words(old: str, new: str) -> Iterator[Passage]:
    """One passage of words that stay and words that do not, where enough stay; else both texts whole."""
    whole = (Passage((Part("old", old),)), Passage((Part("new", new),)))
    if min(len(old), len(new)) < _SHORT:
        yield from whole
        return
    one, other = _PIECES.findall(old), _PIECES.findall(new)
    if len(one) + len(other) > _MOST:
        yield from whole
        return
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.quick_ratio() < _ALIKE or matcher.ratio() < _ALIKE:
        yield from whole
        return
    yield Passage(tuple(_join(matcher, one, other)))


def _join(matcher: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Part]:
    """Runs of changes with nothing but white space between them are one change, which reads better."""
    gone = come = ""
    for tag, first, last, start, end in matcher.get_opcodes():
        kept = "".join(old[first:last])
        if tag == "equal" and not (kept.isspace() and (gone or come) and last < len(old)):
            yield from _both(gone, come)
            gone = come = ""
            yield Part("same", kept)
        else:
            gone += kept
            come += "".join(new[start:end])
    yield from _both(gone, come)


def _both(gone: str, come: str) -> Iterator[Part]:
    if gone:
        yield Part("old", gone)
    if come:
        yield Part("new", come)
