"""Signals: a table of what was recorded about items, its rows by what they are joined on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from refinelab_dsl.data.files import find_origin
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import BadRow, FileStart, read_rows
from refinelab_dsl.data.row import MissingColumn, RowScope, no_names
from refinelab_dsl.data.tasks import TASK_FIELDS, canonical_text, wanted_columns
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.expressions.evaluate import EvaluationError, compile_expression, evaluate_condition
from refinelab_dsl.expressions.walk import columns_of
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place, Span

BAD_ROWS_SHOWN = 10

_WHOLE = re.compile(r"^(-?\d+)\.0+$")

JoinKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignalRow:
    """values: as they came in, in the order of the table's `columns`; shorter where a row has not all of them."""

    values: Sequence[Any]
    place: Place


@dataclass(frozen=True)
class SignalTable:
    """The rows of a signals dataset.

    columns: those that are not joined; where `fields` names further ones, those alone.
    rows: by the texts of the joined columns, in the order of `join`.
    """

    dataset: Dataset
    columns: tuple[str, ...]
    rows: Mapping[JoinKey, SignalRow]

    def find(self, item: Item) -> SignalRow | None:
        """The row that is joined to an item, None where there is none."""
        key = key_of(self.dataset, item)
        return None if key is None else self.rows.get(key)


@dataclass
class RowFaults:
    """Bad rows of one dataset, as `on_bad_row` has them: reported, a few of them, or counted."""

    dataset: Dataset
    origins: Mapping[str, Span] | None
    problems: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)  # of the whole, and no reason to stop
    skipped: int = 0
    _first: Diagnostic | None = None
    _is_over: bool = False

    def add(self, problem: Diagnostic, *, fatal: bool = False) -> bool:
        """Takes a bad row; whether enough is known to stop."""
        if fatal:
            self.problems.append(self._blame_source(problem))
        elif self.dataset.on_bad_row == "skip":
            self.skipped += 1
            self._first = self._first or problem
        else:
            if not self.problems:
                problem = replace(problem, help=(*problem.help, Help(faults.SKIP_BAD_ROWS)))
            self.problems.append(problem)
            if len(self.problems) >= BAD_ROWS_SHOWN:
                self.problems.append(faults.more_bad_rows(len(self.problems), self.span()))
                self._is_over = True
        return self._is_over

    def span(self, *attributes: str) -> Span | None:
        """Where the spec writes one of these attributes, else the dataset."""
        name = f"dataset.{self.dataset.name}"
        return find_origin(self.origins, *(f"{name}.{attribute}" for attribute in attributes), name)

    def blame(self, *names: str) -> Span | None:
        """Where the spec writes the first of these declarations or attributes (`measure.loss`) that it has."""
        return find_origin(self.origins, *names)

    def list_found(self) -> tuple[Diagnostic, ...]:
        """What there is to say."""
        if self._first is None:
            return (*self.problems, *self.warnings)
        warning = faults.skipped_rows(self.dataset.name, self.skipped, self._first, self.span("on_bad_row"))
        return (*self.problems, *self.warnings, warning)

    def _blame_source(self, problem: Diagnostic) -> Diagnostic:
        if problem.span is not None or problem.place is None or problem.place.line is not None:
            return problem
        return replace(problem, span=self.span("source"))


def read_table(dataset: Dataset, files: Sequence[Path], project: Project, bad: RowFaults) -> SignalTable:
    """The table of a signals dataset, all in memory; what is wrong with its rows goes to `bad`."""
    scope = RowScope(wanted_columns(dataset))
    fields = {name: scope.reader(expression, name) for name, expression in dataset.fields.items()}
    joined = {name: fields.get(name) or scope.reader(None, name) for name in dataset.join}
    named = {name: reader for name, reader in fields.items() if name not in joined}
    beside = {*joined, *(column for name in joined for column in columns_of(dataset.fields.get(name)))}
    keep = None if dataset.where is None else compile_expression(dataset.where)
    columns: dict[str, int] = {name: at for at, name in enumerate(named)}
    rows: dict[JoinKey, SignalRow] = {}
    there: tuple[str, ...] = ()
    for place, raw in iterate_rows(dataset, files, project, scope, bad):
        there = there or tuple(raw)
        try:
            if keep is not None and not evaluate_condition(keep, row_names(scope, fields), scope.functions):
                continue
            texts = {name: join_text(read(no_names, scope.functions)) for name, read in joined.items()}
            lacking = next((name for name, text in texts.items() if text is None), None)
            if lacking is not None:
                raise EvaluationError(f"`{faults.shorten(lacking)}`, by which it is joined, holds no text or number")
            values = [read(no_names, scope.functions) for read in named.values()]
        except EvaluationError as error:
            if bad.add(faults.bad_row(place, str(error))):
                break
            continue
        if not named:
            for column in raw:
                if column not in columns and column not in beside:
                    columns[column] = len(columns)
            values = [raw.get(column) for column in columns]
        key = tuple(text for text in texts.values() if text is not None)
        if key in rows:
            if bad.add(faults.repeated_join(tuple(zip(texts, key, strict=True)), place, rows[key].place)):
                break
            continue
        rows[key] = SignalRow(values, place)
    for column in scope.absent:
        bad.problems = [faults.missing_column(dataset.name, column, there, False, Place(dataset.source[0]))]
        bad.problems = [replace(bad.problems[0], span=bad.span("source"))]
    return SignalTable(dataset, tuple(columns), rows)


def has_keys(dataset: Dataset) -> bool:
    """Whether its items have a key that recorded answers can be compared with; programs and conversations have none."""
    task = TASK_FIELDS.get(dataset.item_task)
    return task is not None and "answer" in task.required


def describe_unjoined(table: SignalTable, item: Item, bad: RowFaults) -> Diagnostic:
    """That no row is joined to any item, shown by the first row and by `item`, the first one."""
    join = table.dataset.join
    key, row = next(iter(table.rows.items()))
    has = [(name, join_text(read_field(item, name))) for name in join.values()]
    pairs = tuple(zip(join, key, strict=True))
    return faults.nothing_joined(table.dataset.name, pairs, has, row.place, bad.span("join"))


def read_field(item: Item, name: str) -> Any:
    """The field of an item that `join` names: of its task, its id, or a further name of its dataset's `fields`."""
    if name in item.fields:
        return item.fields[name]
    return item.id if name == "id" else item.attributes.get(name)


def key_of(dataset: Dataset, item: Item) -> JoinKey | None:
    """The texts by which an item is joined to the rows of a dataset; None where one of its fields is empty."""
    texts = [join_text(read_field(item, name)) for name in dataset.join.values()]
    known = tuple(text for text in texts if text is not None)
    return known if len(known) == len(texts) else None


def join_text(value: Any) -> str | None:
    """The text by which rows and items are joined, None for an empty one: `7`, `7.0`, `"7"` and `"7.0"` (as tables are
    exported that hold gaps) are the same."""
    text = canonical_text(value)
    if text is None:
        return None
    text = text.strip()
    return _WHOLE.sub(r"\1", text) or None


def iterate_rows(
    dataset: Dataset, files: Sequence[Path], project: Project, scope: RowScope, bad: RowFaults
) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The rows that can be read, the scope opened at each."""
    file = ""
    for entry in read_rows(dataset, files, project, scope.columns):
        if isinstance(entry, FileStart):
            file = entry.name
            scope.open_file(entry.stem)
        elif isinstance(entry, BadRow):
            bad.add(entry.diagnostic, fatal=True)
        elif isinstance(entry[2], Diagnostic):
            if bad.add(entry[2]):
                return
        else:
            line, number, raw = entry[0], entry[1], entry[2]
            scope.open_row(raw, line, number)
            yield Place(file, line, number), raw


def row_names(scope: RowScope, fields: Mapping[str, Any]) -> Any:
    """What a bare name of `where` stands for: a field, else the column of this name, if there is one."""

    def name_of(space: str, name: str) -> Any:
        if name in fields:
            return fields[name](no_names, scope.functions)
        try:
            return scope.column(name)
        except MissingColumn:
            return None

    return name_of
