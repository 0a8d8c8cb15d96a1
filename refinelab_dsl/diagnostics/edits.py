"""Edits of texts: made, compared, and the places of a text after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refinelab_dsl.diagnostics.diagnostic import Edit


def apply_edits(text: str, edits: Iterable[Edit], offset: int = 0) -> str:
    """A text, whose first character stands at `offset` in its file, with the edits made; these do not overlap."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=_order):
        parts += [text[position : edit.span.start - offset], edit.text]
        position = edit.span.end - offset
    return "".join([*parts, text[position:]])


def is_overlapping(one: Edit, other: Edit) -> bool:
    """Whether two edits cannot both be made: they share a character, or it is left open whose text comes first."""
    first, second = sorted((one, other), key=_order)
    if first.span.file != second.span.file:
        return False
    return second.span.start < first.span.end or (second.span.start == first.span.end and _is_insertion(first, second))


def move(file: str, offset: int, edits: Sequence[Edit]) -> int:
    """Where a place of a file stands after edits: behind what is inserted there; where it is replaced itself, at the
    start of what replaces it."""
    moved = offset
    for edit in edits:
        if edit.span.file != file:
            continue
        if edit.span.end <= offset:
            moved += len(edit.text) - (edit.span.end - edit.span.start)
        elif edit.span.start < offset:
            moved -= offset - edit.span.start
    return moved


def _order(edit: Edit) -> tuple[str, int, int]:
    return edit.span.file, edit.span.start, edit.span.end


def _is_insertion(*edits: Edit) -> bool:
    return any(edit.span.start == edit.span.end for edit in edits)
