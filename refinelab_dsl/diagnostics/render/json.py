"""Diagnostics as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Help, Label
from refinelab_dsl.diagnostics.display import replace_surrogates
from refinelab_dsl.source import Source, Sources, Span

FORMAT_VERSION = "1.0"


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


def _describe(entry: Diagnostic, sources: Sources) -> dict[str, Any]:
    described: dict[str, Any] = {
        "code": entry.code,
        "severity": entry.severity,
        "message": replace_surrogates(entry.message),
        "label": replace_surrogates(entry.label),
        **_describe_span(entry.span, sources),
        "labels": [_describe_label(label, sources) for label in entry.labels],
        "notes": [replace_surrogates(note) for note in entry.notes],
        "help": [_describe_help(help, sources) for help in entry.help],
        "place": None,
    }
    if place := entry.place:
        described["place"] = {
            "file": replace_surrogates(place.file),
            "line": place.line,
            "row": place.row,
            "column": None if place.column is None else replace_surrogates(place.column),
        }
        if entry.span is None:
            described["file"] = replace_surrogates(place.file)
            described["start"] = {"line": place.line, "column": None, "byte": None}
    return described


def _describe_span(span: Span | None, sources: Sources) -> dict[str, Any]:
    if span is None:
        return {"file": None, "start": None, "end": None}
    file, source = replace_surrogates(span.file), sources.get(span.file)
    if source is None:
        return {"file": file, "start": None, "end": None}
    return {"file": file, "start": _position(source, span.start), "end": _position(source, span.end)}


def _position(source: Source, offset: int) -> dict[str, int]:
    position = source.position(offset)
    return {"line": position.line, "column": position.column, "byte": position.byte}


def _describe_label(label: Label, sources: Sources) -> dict[str, Any]:
    return {"message": replace_surrogates(label.text), **_describe_span(label.span, sources)}


def _describe_help(help: Help, sources: Sources) -> dict[str, Any]:
    edits = [{**_describe_span(edit.span, sources), "text": replace_surrogates(edit.text)} for edit in help.edits]
    return {"message": replace_surrogates(help.message), "edits": edits, "applicability": help.applicability}
