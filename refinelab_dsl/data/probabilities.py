"""Predicted probabilities beside the items: a column of the signals for each class, or for each choice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from refinelab_dsl.data.answers import AnswerStyle, find_choice, letter_of
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.signals import RowFaults, SignalTable, describe_unjoined, has_keys
from refinelab_dsl.declarations import Dataset, Measure
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import number
from refinelab_dsl.measures.label_issue import judge_probabilities
from refinelab_dsl.measures.responses import read_response
from refinelab_dsl.project import Project

_SLACK: Final = 0.01
"""How far from 1 a row may sum up: files hold rounded numbers."""

_CLASSES: Final = 26


class _Misfit(Exception):
    """Why a row says nothing of its item."""


def read_probabilities(
    table: SignalTable,
    main: Dataset,
    files: Sequence[Path],
    project: Project,
    bad: RowFaults,
    measures_: Sequence[Measure],
    notes: list[str],
) -> dict[str, tuple[float | None, ...]]:
    """The values of the measures that read a table of probabilities, by `Item.row`.

    files: of the main dataset. Rows that are no probabilities of their item's classes go to `bad`; under
    `on_bad_row = skip` their items have no value.
    """
    name = table.dataset.name
    if not table.rows or not table.columns:
        first = next(iter(table.rows.values()), None)
        place = None if first is None else first.place
        bad.problems.append(faults.no_responses(name, (*table.dataset.join, *table.columns), place, bad.span("join")))
        return {}
    if not has_keys(main):
        bad.problems.append(faults.no_keys(name, main.name, main.item_task, bad.span("source")))
        return {}
    is_choice = main.item_task == "mcq"
    order = _order_choices(table.columns) if is_choice else {column: at for at, column in enumerate(table.columns)}
    if order is None:
        bad.problems.append(faults.no_choice_columns(name, table.columns, bad.span("fields", "source")))
        return {}
    rows: list[tuple[float, ...] | None] = []
    keys: list[int] = []
    unjoined = 0
    first_item: Item | None = None
    for item in _items(main, files, project):
        first_item = first_item or item
        rows.append(None)
        keys.append(0)
        row = table.find(item)
        if row is None:
            unjoined += 1
            continue
        try:
            keys[-1] = _find_key(item, order)
            classes = [letter_of(at) for at in range(len(item.fields["choices"]))] if is_choice else table.columns
            rows[-1] = _read_row(row.values, table.columns, order, classes)
        except _Misfit as misfit:
            if bad.add(faults.bad_probabilities(str(misfit), row.place)):
                break
    if bad.problems:
        return {}
    if first_item is not None and unjoined == len(rows):
        bad.problems.append(describe_unjoined(table, first_item, bad))
        return {}
    if unjoined:
        notes.append(f"{faults.count(unjoined, 'item')} without a row of `{name}`")
    values: dict[str, tuple[float | None, ...]] = {}
    for measure in measures_:
        values[measure.name], said = judge_probabilities(rows, keys, measure.name)
        notes += said
    return values


def _items(main: Dataset, files: Sequence[Path], project: Project) -> Iterator[Item]:
    return (entry for entry in read_items(main, files, project) if isinstance(entry, Item))


def _order_choices(columns: Sequence[str]) -> dict[str, int] | None:
    """The position of the choice that each column stands for, where columns are called by letters or by positions;
    None where they are not, or two stand for one."""
    most = [""] * _CLASSES
    for style in (AnswerStyle.LETTER, AnswerStyle.FROM_ZERO, AnswerStyle.FROM_ONE):
        places = {column: find_choice(style, column, most) for column in columns}
        settled = {column: at for column, at in places.items() if at is not None}
        if len(settled) == len(columns) and sorted(settled.values()) == list(range(len(columns))):
            return settled
    return None


def _find_key(item: Item, order: dict[str, int]) -> int:
    key: str = item.fields["answer"]
    if "choices" in item.fields:
        return int(item.fields["choices"].index(key))
    place = order.get(key.strip())
    if place is None:
        raise _Misfit(f'the answer of its item, "{faults.shorten(key, 40)}", is none of the classes')
    return place


def _read_row(
    values: Sequence[Any], columns: Sequence[str], order: dict[str, int], classes: Sequence[str]
) -> tuple[float, ...] | None:
    """The probabilities of an item's classes, with the sum 1; None where nothing is recorded.

    Raises:
        _Misfit
    """
    given = {order[column]: (column, value) for column, value in zip(columns, values, strict=False)}
    for column, value in given.values():
        if value != value:
            raise _Misfit(f"`{faults.shorten(column)}` is NaN, which is no probability")
    texts = {at: text for at, (_, value) in given.items() if (text := read_response(value)) is not None}
    if not texts:
        return None
    found = [0.0] * len(classes)
    for at, text in texts.items():
        column = given[at][0]
        share = _read_share(text, column)
        if at < len(classes):
            found[at] = share
        elif share:
            raise _Misfit(f"`{faults.shorten(column)}` has a probability, and its item has {len(classes)} choices")
    lacking = [name for at, name in enumerate(classes) if at not in texts]
    if lacking:
        raise _Misfit(f"it has no probability of `{faults.shorten(lacking[0])}`, one of {len(classes)} of its item")
    total = math.fsum(found)
    if abs(total - 1) > _SLACK:
        raise _Misfit(f"its probabilities add up to {total:.4g}, not to 1")
    return tuple(share / total for share in found)


def _read_share(text: str, column: str) -> float:
    try:
        value = number(text)
    except EvaluationError:
        value = None
    if value is None or not math.isfinite(value) or not 0 <= value <= 1:
        raise _Misfit(f'`{faults.shorten(column)}` is "{faults.shorten(text, 20)}", which is no probability')
    return float(value)
