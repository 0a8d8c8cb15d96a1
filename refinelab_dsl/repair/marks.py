"""Ways out where the parser stopped: one word or mark doubled, swapped, missing or too many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from refinelab_dsl.diagnostics import Help, ways_out
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.repair.trial import Choice
from refinelab_dsl.source import Span
from refinelab_dsl.syntax.lex import NEWLINE, Token, keywords
from refinelab_dsl.syntax.stop import CLOSERS, NUMBERS, OPENERS, VALUES, Open, Stop

_REACH: Final = 24
"""How many tokens before the stop a fault is looked for."""

_GLUED: Final = re.compile(r"([a-z_]+)[0-9]+")
"""`below20)`: a name and a number that lost the bracket between them."""

_EDGES: Final = re.compile(r"(?<=[\w.!?])(?=[,\])}\s]|$)|(?<=[\[(,={ ])(?=[\w.])")
"""Where a text may start or end."""

_CLOSING: Final = {"{": "}", "(": ")", "[": "]"}
_WRITTEN: Final = {
    "EQUAL": ("=",),
    "LBRACE": ("{",),
    "LPAR": ("(",),
    "LSQB": ("[",),
    "COMMA": (",",),
    "MULTIPLY": ("/", "*"),
    "DOT": (".",),
    "IN": ("in",),
    "AND": ("and",),
    "OR": ("or",),
    "COMPARE": ("==",),
    "ADD": ("-", "+"),
    "AS": ("as",),
}
"""What may be missing before the refused token, by the terminal that the parser would have taken."""


def find_ways(stop: Stop, span: Span) -> Iterator[Choice]:
    """Ways out of a syntax error, the likeliest first. span: what the complaint points at."""
    yield Choice(_doubled(stop))
    yield Choice(_swapped(stop))
    yield Choice(_unclosed(stop, span))
    yield Choice(_square(stop))
    yield Choice(_quotes(stop))
    yield Choice(_missing(stop))
    yield Choice(_unopened(stop))
    yield Choice(_closed_twice(stop))
    yield Choice(_misspelt(stop))
    yield Choice(_deleted(stop))


def _pairs(stop: Stop) -> Iterator[tuple[Token, Token]]:
    """Neighbours on one line, nearest to the stop first: at it, before it, after it, and further back."""
    for offset in (-1, 0, -2, *range(-3, -_REACH, -1)):
        left, right = stop.token(offset), stop.token(offset + 1)
        if NEWLINE in (left.type, right.type) or not left.text or not right.text:
            continue
        if "\n" not in stop.source.text[left.end : right.start]:
            yield left, right


def _doubled(stop: Stop) -> Iterator[Help]:
    for left, right in _pairs(stop):
        if left.text == right.text:
            sure = right.text in ("=", ",") and right is stop.at
            yield ways_out.write_once(Span(stop.source.name, left.end, right.end), right.text, sure=sure)


def _swapped(stop: Stop) -> Iterator[Help]:
    text = stop.source.text
    for number, (left, right) in enumerate(_pairs(stop)):
        # `= column("a")` lacks a name; `column` is none.
        is_call = right.type == "NAME" and text[right.end : right.end + 1] == "("
        if number < 4 and left.text != right.text and not (left.type == "EQUAL" and is_call):
            between = text[left.end : right.start]
            if not between and left.text[-1].isalnum() and right.text[0].isalnum():
                between = " "
            span = Span(stop.source.name, left.start, right.end)
            yield ways_out.swap(span, left.text, between, right.text)


def _unclosed(stop: Stop, span: Span) -> Iterator[Help]:
    """The closing mark of an open bracket: on its line behind each token, else before the first line that is indented
    no further than the line of the opening one."""
    blamed = [
        Open(token, index, OPENERS[token.type], "")
        for index, token in enumerate(stop.tokens[: stop.index])
        if token.type in OPENERS and token.start == span.start
    ]
    for opened in (*blamed, *reversed(stop.open[-3:])):
        mark = _CLOSING[opened.bracket]
        inside = stop.tokens[opened.index : stop.index]
        line = _line_end(stop, opened.token.start)
        ends = [token for token in inside[:_REACH] if token.end <= line and token.type != NEWLINE]
        alone = ends[-1] is opened.token and opened.bracket == "{"
        if not alone:
            for token in ends:
                spaced = f" {mark}" if opened.bracket == "{" else mark
                yield ways_out.close(_at(stop, token.end), spaced)
        yield from _close_below(stop, opened, mark)


def _close_below(stop: Stop, opened: Open, mark: str) -> Iterator[Help]:
    text = stop.source.text
    indent = _indent(text, opened.token.start)
    last = opened.token
    labelled = _nested(stop, opened)
    for token in stop.tokens[opened.index + 1 :]:
        if token.type == NEWLINE:
            continue
        fresh = "\n" in text[last.end : token.start]
        if fresh and token.end > stop.at.start and stop.at.text:
            break
        at_label = token.start in labelled
        if fresh and (at_label or len(_indent(text, token.start)) <= len(indent)):
            yield ways_out.close(_at(stop, _line_end(stop, last.end)), f"\n{indent}{mark}")
            if last is opened.token:
                return
        last = token
    yield ways_out.close(_at(stop, _line_end(stop, last.end)), f"\n{indent}{mark}")


def _nested(stop: Stop, opened: Open) -> set[int]:
    """Where blocks start inside the bracket: `dimension topic {`."""
    rest = stop.tokens[opened.index + 1 :]
    return {
        kind.start
        for kind, name, brace in zip(rest, rest[1:], rest[2:], strict=False)
        if (kind.type, name.type, brace.type) == ("NAME", "NAME", "LBRACE")
    }


def _missing(stop: Stop) -> Iterator[Help]:
    for terminal, marks in _WRITTEN.items():
        if terminal not in stop.accepts:
            continue
        if terminal == "COMPARE" and stop.at.type in NUMBERS:
            continue  # `similarity 0.95`: which way cannot be known
        for mark in marks:
            if mark in (",", "(", "."):
                place, written = stop.previous.end, mark
            elif stop.at.type == NEWLINE or not stop.at.text:
                place, written = stop.previous.end, f" {mark}"
            else:
                place, written = stop.at.start, f"{mark} "
            yield ways_out.insert(_at(stop, place), written)


def _square(stop: Stop) -> Iterator[Help]:
    """`column["id"]`."""
    if stop.at.type != "LSQB" or stop.previous.type != "NAME" or not stop.touches(-1):
        return
    for token in stop.tokens[stop.index : stop.index + _REACH]:
        if token.type == "RSQB":
            inner = stop.source.text[stop.at.end : token.start]
            yield ways_out.write(
                Span(stop.source.name, stop.previous.start, token.end), f"{stop.previous.text}({inner})"
            )
            return


def _quotes(stop: Stop) -> Iterator[Help]:
    """The quotation mark that is missing on a line with an odd number of them."""
    text = stop.source.text
    start = text.rfind("\n", 0, stop.at.start) + 1
    line = text[start : _line_end(stop, stop.at.start)]
    if line.count('"') % 2 == 0 or '\\"' in line:
        return
    for found in _EDGES.finditer(line, line.index('"')):
        yield ways_out.insert(_at(stop, start + found.start()), '"')


def _unopened(stop: Stop) -> Iterator[Help]:
    """An opening bracket, somewhere before on the line."""
    text = stop.source.text
    marks = [CLOSERS[stop.at.type]] if stop.at.type in CLOSERS else ["{", "[", "("]
    for offset in range(0, -_REACH, -1):
        token = stop.token(offset)
        if token.type == NEWLINE or not token.text or "\n" in text[token.end : stop.at.start]:
            if offset < 0:
                return
            continue
        if glued := _GLUED.fullmatch(token.text):
            yield ways_out.insert(_at(stop, token.start + glued.end(1)), "(")
        if token.type in (*VALUES, *OPENERS, "ADD", "NOT"):
            for mark in marks:
                yield ways_out.insert(_at(stop, token.start), f"{mark} " if mark == "{" else mark)


def _closed_twice(stop: Stop) -> Iterator[Help]:
    """A closing bracket too many, here or before; one that is alone on its line last."""
    text = stop.source.text
    before = [stop.token(offset) for offset in range(0, -_REACH * 8, -1)]
    closers = [token for token in before if token.type in CLOSERS]

    def is_alone(token: Token) -> bool:
        return not text[text.rfind("\n", 0, token.start) + 1 : token.start].strip()

    for token in sorted(closers, key=is_alone)[:_REACH]:
        start = token.start
        while start and text[start - 1] == " ":
            start -= 1
        yield ways_out.delete(Span(stop.source.name, start, token.end), token.text)


def _misspelt(stop: Stop) -> Iterator[Help]:
    for offset in (0, -1, -2):
        token = stop.token(offset)
        if token.text.isidentifier() and len(token.text) > 1:
            for word in nearest(token.text, keywords()):
                yield ways_out.replace(Span(stop.source.name, token.start, token.end), word)


def _deleted(stop: Stop) -> Iterator[Help]:
    for offset in (0, -1):
        token = stop.token(offset)
        if token.type != NEWLINE and token.text:
            text = stop.source.text
            start = token.start
            while start and text[start - 1] == " " and text[:start].rstrip(" ")[-1:] not in ("", "\n"):
                start -= 1
            yield ways_out.delete(Span(stop.source.name, start, token.end), token.text)


def _at(stop: Stop, place: int) -> Span:
    return Span(stop.source.name, place, place)


def _line_end(stop: Stop, place: int) -> int:
    end = stop.source.text.find("\n", place)
    return len(stop.source.text) if end < 0 else end


def _indent(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]
