"""`dataset { explode = [questions, options, answers] }`: a row whose columns hold lists becomes an item for each place.

A passage with its questions is one row in RACE; here each question is a row of its own, beside the same passage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from refinelab_dsl.data.formats import Row, name_kind
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.expressions.nodes import Call, Constant
from refinelab_dsl.source import Place


def explode_rows(rows: Iterator[Row], dataset: Dataset, name: str) -> Iterator[Row]:
    """The rows with the lists of `explode` taken apart: the first elements together, then the second ones, and so on.

    All lists of a row are of one length; of other columns each row has a copy. The column that ids are read from,
    unless it is a list as well, gets `-1`, `-2`, … behind it, so that ids stay apart. line and number are those of the
    row that was taken apart.
    """
    identity = _id_column(dataset)
    for line, number, row in rows:
        if isinstance(row, Diagnostic):
            yield line, number, row
            continue
        reason = _find_fault(row, dataset.explode)
        if reason is not None:
            yield line, number, faults.bad_row(Place(name, line, number), reason)
            continue
        for place in range(len(row[dataset.explode[0]])):
            yield line, number, _take_place(row, dataset.explode, place, identity)


def _id_column(dataset: Dataset) -> str | None:
    """The column that ids come from; None where they do not come from one alone."""
    match dataset.fields.get("id"):
        case None:
            return "id"
        case Call(function="column", arguments=(Constant(type="text", text=name),)):
            return name
    return None


def _find_fault(row: Mapping[str, Any], columns: Sequence[str]) -> str | None:
    for column in columns:
        if column not in row:
            return f"the row has no column `{faults.shorten(column)}`, which `explode` names"
        if not isinstance(row[column], list):
            kind = "a map" if isinstance(row[column], Mapping) else name_kind(row[column])
            return f"`{faults.shorten(column)}` is {kind}, and `explode` takes lists apart"
    first, *others = columns
    for column in others:
        if len(row[column]) != len(row[first]):
            return (
                f"`{faults.shorten(first)}` holds {len(row[first])} and `{faults.shorten(column)}` "
                f"{len(row[column])}, and `explode` takes them apart together"
            )
    return None


def _take_place(row: Mapping[str, Any], columns: Sequence[str], place: int, identity: str | None) -> dict[str, Any]:
    taken = {name: value[place] if name in columns else value for name, value in row.items()}
    if identity is not None and identity not in columns and isinstance(row.get(identity), str | int):
        taken[identity] = f"{row[identity]}-{place + 1}"
    return taken
