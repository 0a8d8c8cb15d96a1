"""Diagnostics as workflow commands: GitHub shows each beside the line that it is about."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.render.checkout import Checkout
from refinelab_dsl.diagnostics.render.prose import message_lines, name_position
from refinelab_dsl.source import Sources, Span

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(diagnostics: Diagnostics, checkout: Checkout) -> str:
    """One line per diagnostic: `::error file=…,line=…,endLine=…,col=…,endColumn=…,title=…::message`.

    Files are named from the root of the checkout, lines and columns count from 1, and `endColumn` is the first column
    that is not marked, as in JSON. Columns are left out where a span has several lines: GitHub refuses them there. What
    has no file (standard input) says its place in the message. The message holds notes and ways out, line by line.
    """
    return "".join(_render(entry, diagnostics.sources, checkout) + "\n" for entry in diagnostics)


def _render(entry: Diagnostic, sources: Sources, checkout: Checkout) -> str:
    place = dict(_locate(entry, sources, checkout))
    properties = {**place, "title": f"refinec ({entry.code})"}
    lines = [*message_lines(entry, sources, labels=True, edits=True), f"more: refinec explain {entry.code}"]
    if not place and entry.span is not None:
        lines[0] = f"{name_position(entry.span, sources)}: {lines[0]}"
    listed = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    message = escape_data("\n".join(lines))
    return f"::{_COMMANDS[entry.severity]} {listed}::{message}"


def _locate(entry: Diagnostic, sources: Sources, checkout: Checkout) -> Iterator[tuple[str, str]]:
    """The properties that say where: of the spec, else of the data file."""
    if entry.span is not None:
        file = checkout.locate(entry.span.file, sources)
        if file is not None:
            yield "file", file
            yield from _mark(entry.span, sources)
    elif entry.place is not None:
        file = checkout.locate(entry.place.file, sources)
        if file is not None:
            yield "file", file
            if entry.place.line is not None:
                yield "line", str(entry.place.line)


def _mark(span: Span, sources: Sources) -> Iterator[tuple[str, str]]:
    source = sources.get(span.file)
    if source is None:
        return
    start, end = source.position(span.start), source.position(span.end)
    last = end.line - 1 if end.column == 1 and end.line > start.line else end.line
    yield "line", str(start.line)
    yield "endLine", str(last)
    if last == start.line:
        after = end.column if end.line == last else len(source.line_text(last)) + 1
        yield "col", str(start.column)
        yield "endColumn", str(max(after, start.column))


def escape_data(text: str) -> str:
    """A message inside a workflow command, which ends with its line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """The value of a property of a workflow command; nothing in it steers a terminal."""
    return escape(escape_data(text).replace(":", "%3A").replace(",", "%2C"))
