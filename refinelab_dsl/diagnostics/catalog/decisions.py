"""RF68xx: decisions about the edits of a run."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place


def decisions_unreadable(path: str, reason: str) -> Diagnostic:
    """RF6800: the file of decisions is missing or cannot be read."""
    return Diagnostic(
        "RF6800", "error", "the decisions cannot be read", place=Place(path), notes=(shorten(reason, 200),),
        help=(Help("`refinec review RUN -o FILE` writes such a file"),),
    )


def decision_malformed(reason: str, place: Place) -> Diagnostic:
    """RF6801: a line of the file of decisions is no decision."""
    return Diagnostic(
        "RF6801", "error", "this line is no decision", place=place, notes=(shorten(reason, 200),),
        help=(Help('a line is `{"id": …, "parent": …, "operator": …, "decision": "accept", "note": ""}`'),),
    )


def decision_unknown(word: str, near: Sequence[str], words: Sequence[str], place: Place) -> Diagnostic:
    """RF6802: a decision that is none of the three."""
    meant = near or words
    return Diagnostic(
        "RF6802", "error", f"`{shorten(word)}` is no decision", place=place,
        help=(Help(f"{'nearest' if near else 'one of'}: {', '.join(f'`{each}`' for each in meant)}"),),
    )


def decided_twice(name: str, first: int, place: Place) -> Diagnostic:
    """RF6803: two lines decide about one edit."""
    return Diagnostic(
        "RF6803", "error", f"edit `{shorten(name)}` is decided twice", place=place,
        notes=(f"line {first} decides about it, too",), help=(Help("keep one of the lines"),),
    )
