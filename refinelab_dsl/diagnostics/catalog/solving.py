"""RF4xxx: solving."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help, Label
from refinelab_dsl.diagnostics.wording import listed
from refinelab_dsl.source import Span


def infeasible(
    conflict: Sequence[tuple[str, Span | None]], ways_out: Sequence[str], size: int, *, proven: bool, sole: bool
) -> Diagnostic:
    """RF4001: no allocation meets every constraint. Those that are named conflict with each other; the help lists
    values that were tried and work.

    conflict: what each of them says and where it stands (None: a default). ways_out: what would be feasible. sole:
    without any one of them a plan exists.
    """
    placed = [(text, span) for text, span in conflict if span is not None]
    defaults = [text for text, span in conflict if span is None]
    notes = []
    if len(conflict) > 1:
        more = "without any one of them a plan exists" if sole else "others conflict as well"
        notes.append(f"these conflict; {more}: " + "; ".join(text for text, _ in conflict))
    elif conflict:
        notes.append(f"this alone cannot be met: {conflict[0][0]}")
    if defaults:
        notes.append("by default: " + "; ".join(defaults))
    if not proven:
        notes.append("the search for the conflict was cut short; this is the smallest one found so far")
    return Diagnostic(
        "RF4001",
        "error",
        "no plan meets every constraint",
        span=placed[0][1] if placed else None,
        label=placed[0][0] if placed else "",
        labels=tuple(Label(span, text) for text, span in placed[1:]),
        notes=(*notes, f"the dataset has {size} items"),
        help=tuple(Help(f"feasible, solved again to be sure: {way}") for way in ways_out),
    )


def solver_missing(wanted: str, span: Span | None) -> Diagnostic:
    """RF4002: the solver that the spec asks for is not installed."""
    what = "no solver is installed" if wanted == "auto" else f"the solver `{wanted}` is not installed"
    return Diagnostic(
        "RF4002", "error", what, span=span,
        help=(
            Help("HiGHS: pip install highspy"),
            Help("GLPK as a program: apt-get install glpk-utils (Debian), or conda install glpk"),
            Help("GLPK as a package: pip install 'refinec[glpk]'"),
        ),
    )


def out_of_time(seconds: float, span: Span | None) -> Diagnostic:
    """RF4003: the time limit ended the search before any plan was found."""
    return Diagnostic(
        "RF4003", "error", f"no plan was found within {seconds:g} seconds", span=span,
        help=(Help("raise `solve { time_limit = … }`, or allow a wider `gap`"),),
    )


def solver_failed(solver: str, other: str, span: Span | None) -> Diagnostic:
    """RF4004: a solver gave no usable answer."""
    return Diagnostic(
        "RF4004", "error", f"the solver {solver} gave no usable answer", span=span,
        help=(Help(f"try the other one: solver = {other}"),),
    )


def unreachable_labels(dimension: str, labels: Sequence[str], span: Span | None) -> Diagnostic:
    """RF4010: the target wants labels that no item has and that no operator can fill."""
    return Diagnostic(
        "RF4010", "warning", f"no item has the label {listed(labels, 5)} of dimension `{dimension}`, and no operator "
        "makes one",
        span=span, notes=("the target cannot be reached there; the rest of the mix comes as near as it can",),
        help=(Help(f"let a `generate` operator move to it: moves = {{ {dimension} = any }}"),),
    )


def budget_buys_nothing(
    budget: str, needed: str, enough: str, before: str | None, span: Span | None
) -> Diagnostic:
    """RF4011: the budget is less than one accepted result is expected to cost.

    budget, needed: with their unit. enough: a budget for some ten results, as the spec would have it. before: what
    the vectors of the originals take before the first result, where they are asked for.
    """
    note = "the plan does what is free; `refinec plan --frontier` shows what budgets buy"
    return Diagnostic(
        "RF4011", "warning", f"a budget of {budget} buys nothing: one result costs about {needed}", span=span,
        notes=(
            *(() if before is None else (f"the vectors of the originals take about {before} before the first",)), note
        ),
        help=(Help(f"give it more, such as `{enough}`, or leave out the operators that call a model"),),
    )


def everything_protected(size: int, span: Span | None) -> Diagnostic:
    """RF4012: every item is protected, so that none may leave or be changed."""
    what = "the only item is protected: it" if size == 1 else f"all {size:,} items are protected: none of them"
    may = "may not leave or be changed" if size == 1 else "may leave or be changed"
    return Diagnostic(
        "RF4012", "warning", f"{what} {may}", span=span,
        notes=("with `size = keep` nothing can be added either: an addition needs room that a removal leaves",),
        help=(Help("narrow `protect`, or let the set grow: `size = between(…, …)`"),),
    )


def too_many_combinations(what: str, made: int, most: int, way: str, span: Span | None) -> Diagnostic:
    """RF4013: an operator or a joint target has more combinations of labels than a plan decides in bounded time.

    what: which one. way: how to have less.
    """
    return Diagnostic(
        "RF4013", "error", f"{what} has {made:,} combinations of labels; a plan decides {most:,} at most", span=span,
        help=(Help(way),),
    )
