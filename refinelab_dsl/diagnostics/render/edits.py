"""What the lines of a file read after the edits of a way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from refinelab_dsl.diagnostics.diagnostic import Edit
from refinelab_dsl.diagnostics.edits import apply_edits
from refinelab_dsl.source import Source, Sources

SHOWN = 8
"""Lines that are shown of one run of changed lines, at most."""


def edited_lines(sources: Sources, edits: Iterable[Edit]) -> list[tuple[int, str]]:
    """The lines that edits change, as they read afterwards, with the number at which each then stands."""
    shown: list[tuple[int, str]] = []
    for file, group in _by_file(edits).items():
        source = sources.get(file)
        if source is None:
            continue
        for first, last, members in _clusters(source, group):
            start = source.line_starts[first - 1]
            text = source.text[start : source.line_starts[last] if last < len(source.line_starts) else len(source.text)]
            lines = apply_edits(text, members, start).split("\n")
            if lines and not lines[-1]:
                lines.pop()
            shown.extend((first + index, line.rstrip("\r")) for index, line in enumerate(lines[:SHOWN]))
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
