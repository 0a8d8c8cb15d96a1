"""What a diagnostic says, as lines of plain text that stand beside the marked place instead of around it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.render.edits import edited_lines
from refinelab_dsl.source import Sources, Span


def message_lines(entry: Diagnostic, sources: Sources, *, labels: bool = False, edits: bool = False) -> Iterator[str]:
    """The message, what stands under the marked place, the place in a data file, notes and ways out; all escaped.

    labels, edits: with what is marked elsewhere, and with the lines that a way out gives.
    """
    yield escape(entry.message)
    if entry.label:
        yield escape(entry.label)
    place = entry.place
    if place is not None and (entry.span is not None or place.column or place.row not in (None, place.line)):
        yield f"at {escape(str(place))}"
    for label in entry.labels if labels else ():
        if label.text:
            yield f"{name_position(label.span, sources)}: {escape(label.text)}"
    for note in entry.notes:
        first, *more = note.split("\n")
        yield escape(first) if more else f"note: {escape(first)}"  # one of several lines heads them, as in the text
        yield from (f"  {escape(line)}" for line in textwrap.dedent("\n".join(more)).split("\n") if more)
    for help in entry.help:
        yield f"help: {escape(help.message)}"
        for number, line in edited_lines(sources, help.edits) if edits else ():
            yield f"  {number} | {escape(line)}"


def name_position(span: Span, sources: Sources) -> str:
    """`balance.refine:3:9`, or the file alone where its text is not known."""
    source = sources.get(span.file)
    if source is None:
        return escape(span.file)
    position = source.position(span.start)
    return f"{escape(span.file)}:{position.line}:{position.column}"
