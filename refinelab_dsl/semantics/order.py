"""Diagnostics in the order of the text that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog.syntax import further_errors
from refinelab_dsl.source import Sources

MOST: Final = 100
"""Diagnostics that are shown of one stage; a note counts the rest."""


def in_order(found: Iterable[Diagnostic], sources: Sources) -> Diagnostics:
    """Each diagnostic once, by file (in the order of `sources`) and place; those without a place come first. Of more
    than `MOST`, the first, errors before warnings."""
    rank = {name: index for index, name in enumerate(sources)}

    def key(diagnostic: Diagnostic) -> tuple[int, int, int, str]:
        span = diagnostic.span
        if span is not None:
            return rank.get(span.file, len(rank)), span.start, span.end, diagnostic.code
        place = diagnostic.place
        if place is not None and place.file in rank and place.line is not None:
            source = sources[place.file]
            return rank[place.file], source.line_starts[place.line - 1], 0, diagnostic.code
        return -1, 0, 0, diagnostic.code

    ordered = sorted(dict.fromkeys(found), key=key)
    if len(ordered) <= MOST:
        return Diagnostics(tuple(ordered), sources)
    kept = sorted(sorted(ordered, key=lambda each: not each.is_error)[:MOST], key=key)
    last = next((each.span for each in reversed(kept) if each.span is not None), None)
    more = () if last is None else (further_errors(last, len(ordered) - MOST),)
    return Diagnostics((*kept, *more), sources)
