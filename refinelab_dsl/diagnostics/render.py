"""Diagnostics as text for people and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Edit, Help, Label
from refinelab_dsl.diagnostics.display import Line, escape
from refinelab_dsl.source import Source, Sources, Span

FORMAT_VERSION = "1.0"

_RESET = "\x1b[0m"
_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;36m",
    "bold": "\x1b[1m",
    "gutter": "\x1b[1;34m",
    "help": "\x1b[1;36m",
    "second": "\x1b[1;34m",
}
_EDIT_LINES = 8


def render_text(diagnostics: Diagnostics, *, color: bool = False, width: int = 100) -> str:
    """One block of lines per diagnostic, a blank line between them; ends with a newline unless there are none.

    width: columns; lines of a source that are longer are cut around what is marked. Text of files is escaped: nothing
    in it can steer a terminal.
    """
    return "\n".join(_Text(diagnostics.sources, color, width).block(entry) for entry in diagnostics)


def render_json(diagnostics: Diagnostics) -> dict[str, Any]:
    """`{"format_version", "diagnostics": [{code, severity, message, file, start, end, labels, notes, help, place}]}`.

    Positions are `{line, column, byte}`: lines and columns from 1 in characters, bytes from 0 after a byte-order mark.
    For a complaint about a data file alone, `file` and `start.line` are the data file's and the rest is null.
    """
    entries = [_describe(entry, diagnostics.sources) for entry in diagnostics]
    return {"format_version": FORMAT_VERSION, "diagnostics": entries}


def render_jsonl(diagnostics: Diagnostics) -> str:
    """One JSON object per line and diagnostic, as in `render_json`."""
    described = (_describe(entry, diagnostics.sources) for entry in diagnostics)
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in described)


class _Text:
    def __init__(self, sources: Sources, color: bool, width: int) -> None:
        self.sources = sources
        self.color = color
        self.width = width

    def paint(self, style: str, text: str) -> str:
        return f"{_STYLES[style]}{text}{_RESET}" if self.color and text else text

    def block(self, entry: Diagnostic) -> str:
        gutter = self.gutter(entry)
        head = self.paint(entry.severity, f"{entry.severity}[{entry.code}]")
        lines = [f"{head}: {self.paint('bold', escape(entry.message))}"]
        if entry.place is not None:
            lines.append(f"{' ' * gutter}{self.paint('gutter', '-->')} {escape(str(entry.place))}")
        if entry.span is not None:
            lines.extend(self.snippets(entry, entry.span, gutter))
        bar = " " * (gutter + 1)
        for note in entry.notes:
            lines.extend(self.note(note, bar))
        for help in entry.help:
            lines.extend(self.help(help, gutter))
        lines.append(f"{bar}{self.paint('gutter', '=')} more: refinec explain {entry.code}")
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def gutter(self, entry: Diagnostic) -> int:
        """Columns of the longest line number to be shown."""
        numbers = [0]
        edits = (edit.span for help in entry.help for edit in help.edits)
        for span in (entry.span, *(label.span for label in entry.labels), *edits):
            if span is not None and (source := self.sources.get(span.file)) is not None:
                numbers.append(source.position(span.start).line)
        for help in entry.help:
            for edit in help.edits:
                numbers[0] = max(numbers[0], max(numbers) + min(edit.text.count("\n"), _EDIT_LINES))
        return max(len(str(max(numbers))), 1) if max(numbers) else 1

    def note(self, note: str, bar: str) -> list[str]:
        first, *more = note.split("\n")
        mark = self.paint("gutter", "=")
        if not more:
            return [f"{bar}{mark} {self.paint('bold', 'note')}: {escape(first)}"]
        listed = textwrap.dedent("\n".join(more)).split("\n")
        return [f"{bar}{mark} {escape(first)}", *(f"{bar}    {escape(line)}" for line in listed)]

    def snippets(self, entry: Diagnostic, primary: Span, gutter: int) -> list[str]:
        """The lines that labels stand on, file by file, the primary span's file first."""
        marks = [(primary, entry.label, True), *((label.span, label.text, False) for label in entry.labels)]
        files = dict.fromkeys(span.file for span, _, _ in marks)
        lines: list[str] = []
        for file in files:
            arrow = "-->" if not lines and entry.place is None else ":::"
            here = [mark for mark in marks if mark[0].file == file]
            lines.extend(self.snippet(file, here, arrow, gutter, entry.severity))
        return lines

    def snippet(
        self, file: str, marks: Sequence[tuple[Span, str, bool]], arrow: str, gutter: int, severity: str
    ) -> list[str]:
        source = self.sources.get(file)
        pointer = f"{' ' * gutter}{self.paint('gutter', arrow)} {escape(file)}"
        if source is None or (not source.text and marks[0][0].end == 0 and not marks[0][1]):
            return [pointer]
        place = source.position(marks[0][0].start)
        bar = f"{' ' * (gutter + 1)}{self.paint('gutter', '|')}"
        lines = [f"{pointer}:{place.line}:{place.column}", bar]
        by_line: dict[int, list[tuple[Span, str, bool]]] = {}
        for mark in marks:
            by_line.setdefault(source.position(mark[0].start).line, []).append(mark)
        for number in sorted(by_line):
            text = source.line_text(number)
            start = source.line_starts[number - 1]
            shown_marks = by_line[number]
            lead = shown_marks[0][0]
            shown = Line(text, self.width - gutter - 3, lead.start - start, lead.end - start)
            lines.append(f"{self.paint('gutter', f'{number:>{gutter}} |')} {shown.text}")
            for span, label, is_primary in shown_marks:
                if not label and not is_primary:
                    continue
                left = shown.column(span.start - start)
                # A span over several lines is marked up to the end of its first.
                right = shown.column(min(span.end - start, len(text)))
                carets = ("^" if is_primary else "-") * max(1, right - left)
                style = severity if is_primary else "second"
                lines.append(f"{bar} {' ' * left}{self.paint(style, f'{carets} {escape(label)}'.rstrip())}")
        return lines

    def help(self, help: Help, gutter: int) -> list[str]:
        lines = [f"{self.paint('help', 'help')}: {escape(help.message)}"]
        for number, text in _edited_lines(self.sources, help.edits):
            shown = Line(text, self.width - gutter - 3)
            lines.append(f"{self.paint('gutter', f'{number:>{gutter}} |')} {shown.text}")
        return lines


def _edited_lines(sources: Sources, edits: Iterable[Edit]) -> list[tuple[int, str]]:
    """The lines that edits change, as they read afterwards, with the number at which each then stands."""
    shown: list[tuple[int, str]] = []
    for file, group in _by_file(edits).items():
        source = sources.get(file)
        if source is None:
            continue
        for first, last, members in _clusters(source, group):
            start = source.line_starts[first - 1]
            text = source.text[start : source.line_starts[last] if last < len(source.line_starts) else len(source.text)]
            for edit in reversed(members):
                text = text[: edit.span.start - start] + edit.text + text[edit.span.end - start :]
            lines = text.split("\n")
            if lines and not lines[-1]:
                lines.pop()
            shown.extend((first + index, line.rstrip("\r")) for index, line in enumerate(lines[:_EDIT_LINES]))
    return shown


def _by_file(edits: Iterable[Edit]) -> Mapping[str, list[Edit]]:
    files: dict[str, list[Edit]] = {}
    for edit in sorted(edits, key=lambda edit: (edit.span.file, edit.span.start, edit.span.end)):
        files.setdefault(edit.span.file, []).append(edit)
    return files


def _clusters(source: Source, edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """Edits of one file, in order, joined where they touch the same line: first line, last line, edits."""
    clusters: list[tuple[int, int, list[Edit]]] = []
    for edit in edits:
        first, last = source.position(edit.span.start).line, source.position(edit.span.end).line
        if clusters and first <= clusters[-1][1]:
            start, end, members = clusters[-1]
            if members[-1].span.end <= edit.span.start:
                clusters[-1] = (start, max(end, last), [*members, edit])
            continue
        clusters.append((first, last, [edit]))
    return clusters


def _describe(entry: Diagnostic, sources: Sources) -> dict[str, Any]:
    described: dict[str, Any] = {
        "code": entry.code,
        "severity": entry.severity,
        "message": _valid(entry.message),
        "label": _valid(entry.label),
        **_describe_span(entry.span, sources),
        "labels": [_describe_label(label, sources) for label in entry.labels],
        "notes": [_valid(note) for note in entry.notes],
        "help": [_describe_help(help, sources) for help in entry.help],
        "place": None,
    }
    if place := entry.place:
        described["place"] = {
            "file": _valid(place.file),
            "line": place.line,
            "row": place.row,
            "column": None if place.column is None else _valid(place.column),
        }
        if entry.span is None:
            described["file"] = _valid(place.file)
            described["start"] = {"line": place.line, "column": None, "byte": None}
    return described


def _describe_span(span: Span | None, sources: Sources) -> dict[str, Any]:
    if span is None:
        return {"file": None, "start": None, "end": None}
    source = sources.get(span.file)
    if source is None:
        return {"file": _valid(span.file), "start": None, "end": None}
    return {"file": _valid(span.file), "start": _position(source, span.start), "end": _position(source, span.end)}


def _position(source: Source, offset: int) -> dict[str, int]:
    position = source.position(offset)
    return {"line": position.line, "column": position.column, "byte": position.byte}


def _describe_label(label: Label, sources: Sources) -> dict[str, Any]:
    return {"message": _valid(label.text), **_describe_span(label.span, sources)}


def _describe_help(help: Help, sources: Sources) -> dict[str, Any]:
    edits = [{**_describe_span(edit.span, sources), "text": _valid(edit.text)} for edit in help.edits]
    return {"message": _valid(help.message), "edits": edits, "applicability": help.applicability}


def _valid(text: str) -> str:
    """The text without lone surrogates, which no JSON in UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
