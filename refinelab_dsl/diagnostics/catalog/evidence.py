"""RF51xx: what a pilot learns, and what a plan cannot do without it."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place, Span


def evidence_unreadable(path: str, reason: str, *, writing: bool = False) -> Diagnostic:
    """RF5140: the evidence file cannot be read, or not be written."""
    verb = "written" if writing else "read"
    return Diagnostic(
        "RF5140", "error", f"the evidence file cannot be {verb}: {reason}", place=Place(path),
        help=(Help("check the file and its permissions; what was learnt is also in the run that learnt it"),),
    )


def evidence_malformed(path: str, line: int, reason: str) -> Diagnostic:
    """RF5141: a line of the evidence file is no evidence.

    Wrong: a merge of two branches that left its conflict markers.
    """
    return Diagnostic(
        "RF5141", "error", "this line is no evidence", place=Place(path, line=line), notes=(reason,),
        help=(Help("take the file from git, or delete the line: `refinec pilot` learns it again"),),
    )


def known_after_pilot(measure: str, missing: int, total: int, span: Span | None) -> Diagnostic:
    """RF5142: a plan needs the values of a paid measure, and a pilot has not learnt them."""
    return Diagnostic(
        "RF5142", "error", f"the values of `{measure}` are not known yet for {missing:,} of {total:,} items", span=span,
        label="is learnt by a pilot",
        help=(Help("learn them with `refinec pilot`; `refinec pilot --dry-run` says what that costs"),),
    )


def pilot_nothing() -> Diagnostic:
    """RF5143: there is nothing for a pilot to learn."""
    return Diagnostic(
        "RF5143", "note", "there is nothing to learn: every value and every rate that the spec asks for is known",
        help=(Help("plan with `refinec plan`"),),
    )


def pilot_over_budget(cost: str, budget: str, spent: str | None, span: Span | None) -> Diagnostic:
    """RF5144: a pilot is expected to cost more than it may. spent: what of that is spent."""
    notes = () if spent is None else (
        f"{spent} of that is spent: all starts of a pilot count until there is nothing left to learn",
    )
    return Diagnostic(
        "RF5144", "error", f"the pilot is expected to take {cost}, and may take {budget}", span=span, notes=notes,
        help=(Help("raise `pilot.budget`, or ask about less: `pilot.items`, `label = sample`"),),
    )


def pilot_too_small(needed: str, budget: str, span: Span | None) -> Diagnostic:
    """RF5149: a pilot's budget is too small for one call."""
    return Diagnostic(
        "RF5149", "error", f"with its next call the pilot may come to {needed}, and it may take {budget}", span=span,
        notes=("the worst case of a call is reserved before it is made, so this one was not made",),
        help=(Help(f"the smallest useful `pilot.budget` is {needed}; shorter replies need less: "
                   "`params = { max_output_tokens = … }`"),),
    )


def pilot_without_budget(span: Span | None) -> Diagnostic:
    """RF5145: nothing says what a pilot may cost."""
    return Diagnostic(
        "RF5145", "error", "nothing says what the pilot may cost", span=span,
        help=(Help("add `pilot { budget = $1.00 }`, or a budget in tokens"),),
    )


def seeds_changed(dataset: str) -> Diagnostic:
    """RF5146: rated exemplars are not those that a plan was made with."""
    return Diagnostic(
        "RF5146", "error", f"the seeds of dataset `{dataset}` changed since the plan was made",
        help=(Help("plan again: what was learnt by comparison with other seeds does not count"),),
    )


def seed_without_rating(dataset: str, place: Place) -> Diagnostic:
    """RF5147: an item of a seed set has no rating.

    Wrong: a row without a `rating`, or with a text in its place.
    """
    return Diagnostic(
        "RF5147", "error", f"an item of the seeds `{dataset}` has no rating that is a number", place=place,
        help=(Help("give every seed a `rating` on the scale of Elo, say 1200 to 1800, or map it in `fields`"),),
    )


def no_seeds(dataset: str) -> Diagnostic:
    """RF5148: a seed set holds no item."""
    return Diagnostic(
        "RF5148", "error", f"the seeds `{dataset}` hold no item",
        help=(Help("add rated items, or let some be rated among themselves: `seeds = bootstrap(40)`"),),
    )
