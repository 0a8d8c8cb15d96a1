"""Diagnostics as text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Help
from refinelab_dsl.diagnostics.display import Line, escape
from refinelab_dsl.diagnostics.render.edits import SHOWN, edited_lines
from refinelab_dsl.source import Sources, Span

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


def render_text(diagnostics: Diagnostics, *, color: bool = False, width: int = 100) -> str:
    """One block of lines per diagnostic, a blank line between them; ends with a newline unless there are none.

    width: columns; lines of a source that are longer are cut around what is marked. Text of files is escaped: nothing
    in it can steer a terminal.
    """
    return "\n".join(_Text(diagnostics.sources, color, width).block(entry) for entry in diagnostics)


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
                numbers[0] = max(numbers[0], max(numbers) + min(edit.text.count("\n"), SHOWN))
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
        for number, text in edited_lines(self.sources, help.edits):
            shown = Line(text, self.width - gutter - 3)
            lines.append(f"{self.paint('gutter', f'{number:>{gutter}} |')} {shown.text}")
        return lines
