"""What a trained model left behind about each item, as one number: its loss, how alike its nearest items are, its grade
of them. Recorded in signals; what measures by kind is `loss`, `knn` and `self_judge`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.signals import JoinKey, RowFaults, SignalTable, describe_unjoined, key_of
from refinelab_dsl.declarations import Dataset, Measure
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.catalog import feedback as feedback_faults
from refinelab_dsl.expressions.evaluate import EvaluationError, as_number
from refinelab_dsl.expressions.functions import number
from refinelab_dsl.measures.knn import COSINE
from refinelab_dsl.measures.loss import LOSS
from refinelab_dsl.measures.recorded import GRADE, Range
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place

_RANGES: Final[Mapping[str, Range]] = MappingProxyType({"knn": COSINE, "loss": LOSS, "self_judge": GRADE})


def read_feedback(
    measures: Sequence[Measure],
    table: SignalTable,
    main: Dataset,
    files: Sequence[Path],
    project: Project,
    bad: RowFaults,
) -> dict[str, tuple[float | None, ...]]:
    """The values of measures that are recorded in one table, by measure and by `Item.row`; None where an item has none.

    files: of the main dataset, which is read once. What is wrong goes to `bad`: rows with values that are none are bad
    rows; items without a value and rows without an item are told, and are no error.
    """
    if not table.rows:
        bad.problems.append(faults.no_items(table.dataset.name, "its files hold no row", bad.span("source")))
        return {}
    columns = {measure.name: _find_column(measure, table, bad) for measure in measures}
    found = {name: column for name, column in columns.items() if column is not None}
    if len(found) < len(columns):
        return {}
    numbers = dict(_read_numbers(measures, found, table, bad))
    if bad.problems:
        return {}
    values: dict[str, list[float | None]] = {measure.name: [] for measure in measures}
    lacking: dict[str, tuple[int, Place]] = {}
    joined: set[JoinKey] = set()
    first: Item | None = None
    for item in _read_items(main, files, project):
        first = first or item
        key = key_of(table.dataset, item)
        row = None if key is None else numbers.get(key)
        if key is not None and row is not None:
            joined.add(key)
        for index, measure in enumerate(measures):
            value = None if row is None else row[index]
            values[measure.name].append(value)
            if value is None:
                missing, at = lacking.get(measure.name, (0, item.place))
                lacking[measure.name] = (missing + 1, at)
    if first is not None and numbers and not joined:
        bad.problems.append(describe_unjoined(table, first, bad))
        return {}
    total = len(values[measures[0].name])
    bad.warnings += [
        feedback_faults.items_without_signal(name, table.dataset.name, missing, total, at, bad.span("source"))
        for name, (missing, at) in lacking.items()
    ]
    lost = [key for key in numbers if key not in joined]
    if lost:
        place, span = table.rows[lost[0]].place, bad.span("join", "source")
        bad.warnings.append(
            feedback_faults.rows_without_item(table.dataset.name, len(lost), place, ", ".join(lost[0]), span)
        )
    return {name: tuple(column) for name, column in values.items()}


def _find_column(measure: Measure, table: SignalTable, bad: RowFaults) -> int | None:
    """The place of a measure's column: the one that it names, the one of its own name, or the only one."""
    named = measure.options.get("column")
    wanted = str(named or measure.name.rpartition(".")[2])
    if wanted in table.columns:
        return table.columns.index(wanted)
    if named is None and len(table.columns) == 1:
        return 0
    place = next((row.place for row in table.rows.values()), None)
    span = bad.blame(f"measure.{measure.name}.column", f"measure.{measure.name}")
    bad.problems.append(
        feedback_faults.no_signal_column(measure.name, wanted, table.dataset.name, table.columns, place, span)
    )
    return None


def _read_numbers(
    measures: Sequence[Measure], columns: Mapping[str, int], table: SignalTable, bad: RowFaults
) -> Iterator[tuple[JoinKey, tuple[float | None, ...]]]:
    """The rows whose values are numbers that their measures can have."""
    for key, row in table.rows.items():
        values: list[float | None] = []
        for measure in measures:
            place = columns[measure.name]
            value = row.values[place] if place < len(row.values) else None
            allowed = _RANGES[measure.kind]
            read = _read_number(value)
            if not (_is_empty(value) if read is None else allowed.holds(read)):
                problem = feedback_faults.bad_signal(table.columns[place], _show(value), allowed.words, row.place)
                if bad.add(problem):
                    return
                break
            values.append(read)
        else:
            yield key, tuple(values)


def _read_number(value: Any) -> float | None:
    """A finite number, also one that is written as text, as tables are; None for all else."""
    exact = as_number(value)
    if exact is None and isinstance(value, str) and value.strip():
        try:
            exact = number(value.strip())
        except EvaluationError:
            return None
    if exact is None:
        return None
    try:
        read = float(exact)
    except OverflowError:
        return None
    return read if math.isfinite(read) else None


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _show(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list() | dict():
            return "a list or a map"
        case str():
            return f'"{faults.shorten(value, 40)}"'
    return faults.shorten(str(value), 40)


def _read_items(main: Dataset, files: Sequence[Path], project: Project) -> Iterator[Item]:
    """Bad rows of the main dataset are told when its profile is made."""
    return (entry for entry in read_items(main, files, project) if isinstance(entry, Item))
