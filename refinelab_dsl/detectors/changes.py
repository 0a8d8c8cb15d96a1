"""What a rewrite changed: how many tokens, and whether all of them lie near to what was to be replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from refinelab_dsl.detectors.detection import Detection

NEIGHBOURS: Final = 3
"""Tokens on either side of a part that may change with it: an article, an ending, a verb."""

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Change:
    """changed: tokens that were taken out, or put in, whichever are more, place by place. total: tokens of the text
    before. is_confined: whether every change is a part that was found, or beside one."""

    changed: int
    total: int
    is_confined: bool


def compare(before: str, found: Iterable[Detection], after: str, pseudonyms: Iterable[str]) -> Change:
    """The change from one text to another. A part that was found, and a pseudonym, is one token, however long it is."""
    old, marked = _cut(before, [(each.start, each.end) for each in found])
    new, _ = _cut(after, _find_all(after, pseudonyms))
    near = _widen(marked, len(old))
    changed, confined = 0, True
    head = _count_same(old, new)
    tail = _count_same(old[head:][::-1], new[head:][::-1])
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    for kind, low, high, low_new, high_new in matcher.get_opcodes():
        if kind == "equal":
            continue
        changed += max(high - low, high_new - low_new)
        touched = range(head + low, head + high) if high > low else range(max(0, head + low - 1), head + low + 1)
        grown = (high_new - low_new) - (high - low)
        if not all(place in near for place in touched if place < len(old)) or grown > 2 * NEIGHBOURS:
            confined = False
    return Change(changed, len(old), confined)


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> tuple[list[str], set[int]]:
    """The tokens, a span being one, and the places of the spans among them."""
    tokens: list[str] = []
    marked: set[int] = set()
    place = 0
    for start, end in sorted(spans):
        if start < place:
            continue
        tokens += _TOKEN.findall(text[place:start])
        marked.add(len(tokens))
        tokens.append(text[start:end])
        place = end
    return tokens + _TOKEN.findall(text[place:]), marked


def _find_all(text: str, parts: Iterable[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for part in sorted(set(parts), key=len, reverse=True):
        for match in re.finditer(re.escape(part), text):
            if not any(match.start() < end and start < match.end() for start, end in found):
                found.append(match.span())
    return found


def _widen(marked: set[int], length: int) -> set[int]:
    return {
        place
        for mark in marked
        for place in range(max(0, mark - NEIGHBOURS), min(length, mark + NEIGHBOURS + 1))
    }


def _count_same(left: Sequence[str], right: Sequence[str]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
