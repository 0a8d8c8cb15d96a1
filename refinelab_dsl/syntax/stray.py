"""What to make of characters that no terminal of the grammar matches, and of text blocks that do not close well."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax import literals


@dataclass(frozen=True, slots=True)
class Stray:
    """Characters `[start, end)` are one token: wrong in itself (`fault`), or a mark whose sense the parser's state
    tells. Lexing goes on at `resume`."""

    text: str
    start: int
    end: int
    resume: int
    fault: Diagnostic | None


_SINGLE_QUOTED = re.compile(r"'(?:[^'\\\n\r]|\\[^\n\r]){0,1000}'|`[^`\n\r]{0,1000}`")
# Double and single quotation marks of typography: left, right, low, and angled; primes; those of full width.
_SMART = "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a\u2039\u203a\u2032\u2033\uff02\uff07"
_SMART_QUOTED = re.compile(rf"[{_SMART}]([^{_SMART}\"\n\r]*)[{_SMART}\"]")
_HALF_SMART = re.compile(rf"\"([^{_SMART}\"\\\n\r]*)[\u201c\u201d\u00bb\u2033\uff02]")
_JUNK_NUMBER = re.compile(r"\$?[0-9](?:[\w.%$]|(?<=[0-9][eE])[+-](?=[0-9]))*")
_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"&&|\|\||[:;!?@&|^~`\\$%]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]+|\r+(?!\n)")
# A line that starts a declaration: where reading goes on after a text that was never closed.
_DECLARATION = re.compile(r"^[A-Za-z_]\w*+[ \t]*+(?:[={]|(?:[A-Za-z_]\w*+|\"[^\"\n]*\")[ \t]*\{)", re.M | re.A)
_OPENING_LINE = re.compile(r'^([^\n#]*)"""[ \t]*\r?$', re.M)
_CLOSING_LINE = re.compile(r'^[ \t]*"""', re.M)
_NOTHING_LEFT = re.compile(r'"[ \t]*(?:[,\])}][ \t,\])}]*)?(?:#.*)?')
_UNOPENED = re.compile(r"[=,(\[][ \t]*([^\s\"=,(\[\])}{#][^\"=,(\[\])}{#]*)$")
_BLOCK_START = re.compile(r'"""[ \t]*\r?\n')


def read_stray(source: Source, text: str, position: int, hasty: bool) -> Stray:
    """The token at a position where the grammar has none. `hasty` reads the line of a faulty text block only, so that
    many of them cost no more than the text is long."""
    if text.startswith('"""', position):
        if hasty:
            fault = faults.open_text_block(Span(source.name, position, position + 3))
            return _stray_until(text, position, _end_of_line(text, position), fault)
        if _BLOCK_START.match(text, position):
            return _read_endless_block(source, text, position)
        return _read_crowded_block(source, text, position)
    character = text[position]
    if character == '"':
        return _read_open_text(source, text, position)
    if character in "'`" and (found := _SINGLE_QUOTED.match(text, position)):
        span = Span(source.name, position, found.end())
        return _fault(text, found.end(), faults.wrong_quotes(span, found.group()[1:-1]))
    if character in _SMART:
        if found := _SMART_QUOTED.match(text, position):
            span = Span(source.name, position, found.end())
            return _fault(text, found.end(), faults.wrong_quotes(span, found.group(1)))
        return _fault(text, position + 1, faults.wrong_quotes(Span(source.name, position, position + 1), None))
    if found := _JUNK_NUMBER.match(text, position):
        word = found.group().rstrip(".") or found.group()
        span = Span(source.name, position, position + len(word))
        return _fault(text, span.end, faults.malformed_number(span, word))
    if found := _MARKS.match(text, position):
        return Stray(found.group(), position, found.end(), found.end(), None)
    if found := _CONTROLS.match(text, position):
        span = Span(source.name, position, found.end())
        return _fault(text, found.end(), faults.control_character(span, character))
    if found := _WORD.match(text, position):
        start = position
        while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        span = Span(source.name, start, found.end())
        return _fault(text, found.end(), faults.foreign_word(span, text[start : found.end()]))
    span = Span(source.name, position, position + 1)
    if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cf"):
        return _fault(text, position + 1, faults.invisible_character(span, character))
    return _fault(text, position + 1, faults.unknown_character(span, character))


def find_last_closing(text: str) -> int:
    """Where the last `\"\"\"` that is first on its line stands; -1 if there is none."""
    last = -1
    for found in _CLOSING_LINE.finditer(text):
        last = found.end() - 3
    return last


def read_open_block(source: Source, text: str, start: int, end: int, bad: literals.BadIndent, hasty: bool) -> Stray:
    """A text block `[start, end)` with a line that is indented less than its closing mark.

    Where it holds an opening mark of another block it was never closed and swallowed declarations: they are read
    again from that line on. Otherwise only the line is wrong.
    """
    span = Span(source.name, start + bad.start, start + bad.end)
    opened = Span(source.name, start, start + 3)
    swallowed = not hasty and any(line[1].strip() for line in _OPENING_LINE.finditer(text, span.start, end))
    closing = Span(source.name, end - 3, end)
    fault = faults.text_block_indent(span, opened, closing, swallowed)
    stop = span.start if swallowed else end
    return Stray(text[start:stop], start, stop, stop, fault)


def _fault(text: str, end: int, fault: Diagnostic) -> Stray:
    assert fault.span is not None
    return Stray(text[fault.span.start : end], fault.span.start, end, end, fault)


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    return end - 1 if end > position and text[end - 1] == "\r" else end


def _read_open_text(source: Source, text: str, position: int) -> Stray:
    """`"abc` up to the end of its line."""
    end = _end_of_line(text, position)
    written = text[position:end]
    mark = Span(source.name, position, position + 1)
    line = text.rfind("\n", 0, position) + 1
    if found := _HALF_SMART.match(written):
        # `"abc”`: opened by one kind, closed by another.
        whole = Span(source.name, position, position + found.end())
        return _fault(text, whole.end, faults.wrong_quotes(whole, found.group(1)))
    if _NOTHING_LEFT.fullmatch(written) and (before := _UNOPENED.search(text, line, position)):
        start = Span(source.name, before.start(1), before.start(1))
        return Stray('"', position, position + 1, end, faults.unopened_text(mark, start))
    # The mark is proposed before what most likely follows the text: a comma, a bracket, a comment.
    inner = written.split(" #", 1)[0].rstrip(" \t,])}")
    close = position + max(1, len(inner))
    return _stray_until(text, position, end, faults.open_text(mark, Span(source.name, close, close)))


def _read_crowded_block(source: Source, text: str, position: int) -> Stray:
    """`\"\"\"text` on the line of the opening mark."""
    line_end = _end_of_line(text, position)
    closing = text.find('"""', position + 3, line_end)
    if closing >= 0:
        end = line_end = closing + 3
    else:
        declaration = _DECLARATION.search(text, line_end)
        found = _CLOSING_LINE.search(text, line_end, declaration.start() if declaration else len(text))
        end = found.end() if found else line_end
    return _stray_until(text, position, end, faults.text_on_opening_line(Span(source.name, position, line_end)))


def _read_endless_block(source: Source, text: str, position: int) -> Stray:
    """A text block with no closing mark in the rest of the file."""
    declaration = _DECLARATION.search(text, _end_of_line(text, position))
    end = declaration.start() if declaration else len(text)
    return _stray_until(text, position, end, faults.open_text_block(Span(source.name, position, position + 3)))


def _stray_until(text: str, start: int, end: int, fault: Diagnostic) -> Stray:
    return Stray(text[start:end], start, end, end, fault)
