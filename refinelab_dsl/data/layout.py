"""From an item to the row that an output writes: the layouts `source` and `task`, and the columns chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from refinelab_dsl.data.invert import TASK_FIELDS, columns_of, invert
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.sinks import Row
from refinelab_dsl.declarations import Dataset, Output

ORIGIN = "_origin"
SIMULATED = "_simulated"


@dataclass(frozen=True, slots=True)
class OutputRow:
    """One item of the refined set.

    origin: `original` (as it came in), `changed` (in place) or `added`. For the latter two, `item.raw` and
        `item.place` are those of the item it was made from: they show how its source writes such a row.
    simulated: the simulated model had a part in it.
    parents: keys of the items it was made from.
    """

    item: Item
    origin: Literal["original", "changed", "added"]
    simulated: bool = False
    parents: tuple[str, ...] = ()


Shaper: TypeAlias = Callable[[OutputRow], Row]


def build_shaper(output: Output, dataset: Dataset, *, simulated: bool, single_file: bool) -> Shaper:
    """How this output writes a row.

    simulated: a `_simulated` column is there (its value is true or empty). single_file: attributes that come from the
    file (`stem()`) become columns, since the file's name no longer tells.
    """
    shape = _shape_task if output.layout == "task" else _shape_source
    of_file = tuple(
        name for name, expression in dataset.fields.items()
        if name != "id" and name not in TASK_FIELDS[dataset.task] and next(columns_of(expression), None) is None
    ) if single_file else ()

    def build_row(row: OutputRow) -> Row:
        values = shape(dataset, row, of_file)
        marks: dict[str, Any] = {ORIGIN: row.origin}
        if row.simulated:
            marks[SIMULATED] = True
        elif simulated and not values.get(SIMULATED) and output.format == "csv":
            marks[SIMULATED] = None
        if output.columns is not None:
            both = {**values, **marks}
            return Row({name: both.get(name) for name in output.columns}, {}, row.origin != "original")
        return Row(values, marks, row.origin != "original")

    return build_row


def _shape_source(dataset: Dataset, row: OutputRow, of_file: tuple[str, ...]) -> Mapping[str, Any]:
    item = row.item
    values = dict(item.raw) if row.origin == "original" else invert(dataset, item, keep=row.origin == "changed")
    for name in of_file:
        values[name] = item.attributes.get(name)
    return values


def _shape_task(dataset: Dataset, row: OutputRow, of_file: tuple[str, ...]) -> Mapping[str, Any]:
    item = row.item
    values: dict[str, Any] = {"id": item.id}
    for name in TASK_FIELDS[dataset.task]:
        if name in item.fields:
            values[name] = item.fields[name]
    for name in dataset.fields:
        if name in item.attributes:
            values[name] = item.attributes[name]
    for name in sorted(item.attributes):
        values.setdefault(name, item.attributes[name])
    return values
