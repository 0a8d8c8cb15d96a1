"""Markers that a merge left in a text."""

from __future__ import annotations

import re

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.source import Source, Span

_MARKER = re.compile(
    r"^(?:(?P<ours><{7})(?: [^\n]*)?|(?P<base>\|{7})(?: [^\n]*)?|(?P<middle>={7})|(?P<theirs>>{7})(?: [^\n]*)?)\r?$",
    re.M,
)
_DECLARED = re.compile(
    r'^(?P<kind>[A-Za-z_]\w*+)[ \t]*+(?:(?P<name>[A-Za-z_]\w*+)|"(?P<title>[^"\n]*)")?[ \t]*\{', re.M | re.A
)


def mask_conflicts(source: Source) -> tuple[str, list[Diagnostic], tuple[tuple[str, str | None], ...]]:
    """The text with the first side of each conflict kept and the rest of it blank; a complaint for each conflict; and
    the kinds and names that the other sides declare.

    Offsets stay the same, so that other errors of the file are reported in their places.
    """
    text = source.text
    if "<<<<<<<" not in text and ">>>>>>>" not in text:
        return text, [], ()
    problems: list[Diagnostic] = []
    blank: list[tuple[int, int]] = []
    lost: list[tuple[str, str | None]] = []
    ours: re.Match[str] | None = None
    other: re.Match[str] | None = None
    middle: re.Match[str] | None = None
    for found in _MARKER.finditer(text):
        kind = found.lastgroup
        if kind == "ours":
            ours, other, middle = found, None, None
            blank.append(found.span())
            problems.append(faults.lone_marker(Span(source.name, *found.span())))
        elif kind == "base" and ours and not other:
            other = found
        elif kind == "middle" and ours and not middle:
            other, middle = other or found, found
        elif kind == "theirs":
            blank.append((other.start() if other else found.start(), found.end()))
            if ours and other and middle:
                spans = (Span(source.name, *match.span()) for match in (ours, middle, found))
                problems[-1] = faults.merge_conflict(*spans)
                for declared in _DECLARED.finditer(text, other.end(), found.start()):
                    lost.append((declared["kind"], declared["name"] or declared["title"]))
            else:
                problems.append(faults.lone_marker(Span(source.name, *found.span())))
            ours = other = middle = None
    return _mask(text, blank), problems, tuple(lost)


def _mask(text: str, ranges: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    position = 0
    for start, end in ranges:
        parts.append(text[position:start])
        parts.append(re.sub(r"[^\r\n]", " ", text[start:end]))
        position = end
    parts.append(text[position:])
    return "".join(parts)
