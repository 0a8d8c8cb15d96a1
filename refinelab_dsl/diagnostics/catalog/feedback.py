"""RF31xx: what a trained model left behind about the items: losses, cosines, grades."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.catalog.data import count, shorten
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.diagnostics.wording import listed
from refinelab_dsl.source import Place, Span


def bad_signal(column: str, value: str, wanted: str, place: Place) -> Diagnostic:
    """RF3101: a recorded value is no finite number, or none that its measure can have.

    value: as shown, quoted or named (`a list`). wanted: `a finite number`, `a number from 0 to 10`.
    """
    return Diagnostic(
        "RF3101",
        "error",
        f"bad row: `{shorten(column)}` is {value}, not {wanted}",
        place=place,
        notes=("a loss that is not finite is a sign of a training that diverged",) if "inite" in wanted else (),
        help=(Help("write a finite number for each item, or leave the value out where there is none"),),
    )


def no_signal_column(
    measure: str, column: str, dataset: str, columns: Sequence[str], place: Place | None, span: Span | None
) -> Diagnostic:
    """RF3102: signals have no column that would be the measure's."""
    near = nearest(column, columns)
    there = listed([shorten(each) for each in columns])
    if near:
        helps = (Help(f"`{shorten(near[0])}` is nearest: name it by `column`, or give the measure its name"),)
    else:
        helps = (Help("name the column by `column`, or write one of the measure's name"),)
    return Diagnostic(
        "RF3102",
        "error",
        f"dataset `{dataset}` has no column `{shorten(column)}` for measure `{measure}`",
        span=span,
        place=place,
        notes=(f"its columns beside those of `join`: {there}",) if columns else (),
        help=helps,
    )


def items_without_signal(
    measure: str, dataset: str, missing: int, items: int, first: Place, span: Span | None
) -> Diagnostic:
    """RF3103: signals have no value for some items: no row, or an empty one."""
    return Diagnostic(
        "RF3103",
        "warning",
        f"measure `{measure}` has no value for {missing} of {count(items, 'item')}: dataset `{dataset}` records none",
        span=span,
        place=first,
        notes=("the first of them stands there",),
        help=(
            Help("record a value for every item, and see that `join` names what tells items apart"),
            Help(f"a condition that compares it says what such an item is: `{measure} != null and …`"),
        ),
    )


def rows_without_item(dataset: str, rows: int, first: Place, key: str, span: Span | None) -> Diagnostic:
    """RF3104: rows of signals are joined to no item: they are about items that are not there."""
    verb = "is" if rows == 1 else "are"
    return Diagnostic(
        "RF3104",
        "warning",
        f"{count(rows, 'row')} of dataset `{dataset}` {verb} joined to no item",
        span=span,
        place=first,
        notes=(f'the first of them has "{shorten(key)}"',),
        help=(Help("the signals may be those of an older version of the items: measure again"),),
    )
