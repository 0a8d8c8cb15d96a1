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


def edit_unknown(name: str, near: Sequence[str], place: Place) -> Diagnostic:
    """RF6804: a decision about an edit that no run of this spec made."""
    if near:
        help_ = Help(f"nearest: {', '.join(f'`{each}`' for each in near)}")
    else:
        help_ = Help("`refinec review RUN -o FILE` lists the edits of a run; decisions need the runs under `.refine/`")
    message = f"no run of this spec made an edit `{shorten(name)}`"
    return Diagnostic("RF6804", "error", message, place=place, help=(help_,))


def edit_elsewhere(name: str, spec: str, run: int, place: Place) -> Diagnostic:
    """RF6805: a decision about an edit that a run of another spec made."""
    return Diagnostic(
        "RF6805", "error", f"edit `{shorten(name)}` is not of this spec", place=place,
        notes=(f"run {run} of `{shorten(spec)}` made it",),
        help=(Help("give each spec its own file of decisions"),),
    )


def edit_differs(name: str, said: str, known: str, place: Place) -> Diagnostic:
    """RF6806: a decision names another operator than the one that made its edit: perhaps the line of another edit was
    changed."""
    return Diagnostic(
        "RF6806", "error", f"edit `{shorten(name)}` was not made by `{shorten(said)}`", place=place,
        notes=(f"`{shorten(known)}` made it",),
        help=(Help("check the `id`; `refinec review RUN -o FILE` writes missing lines, and keeps what was decided"),),
    )


def nothing_to_accept(name: str, reason: str, place: Place) -> Diagnostic:
    """RF6808: a person accepts what nobody can: an attempt without a result, or one that is no item of the task."""
    return Diagnostic(
        "RF6808", "error", f"edit `{shorten(name)}` cannot be accepted by hand", place=place, notes=(reason,),
        help=(Help("decide `reject`, or leave the line out: its place is filled by another attempt"),),
    )


def still_refused(name: str, check: str, reason: str) -> Diagnostic:
    """RF6809: a result that a person accepted is refused all the same: a later check finds that it is no item of the
    task."""
    return Diagnostic(
        "RF6809", "warning", f"edit `{shorten(name)}` was accepted by hand, and `{shorten(check)}` refuses its form",
        notes=(shorten(reason, 200),), help=(Help("decide `reject`: its place is filled by another attempt"),),
    )


def pin_unfit(name: str, reason: str, place: Place, *, by_hand: bool = False) -> Diagnostic:
    """RF6807: an edit is pinned, or accepted by hand, and the spec as it is now cannot have it."""
    how = "accepted by hand" if by_hand else "pinned"
    return Diagnostic(
        "RF6807", "error", f"edit `{shorten(name)}` is {how}, and the spec does not permit it any longer", place=place,
        notes=(shorten(reason, 200),),
        help=(Help("decide `accept` or `reject`, or undo what changed in the spec or its data"),),
    )
