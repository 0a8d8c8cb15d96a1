"""From an item to the row that an output writes: the layouts `source` and `task`, and the columns chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias

from refinelab_dsl.data.answers import AnswerStyle
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.chat import build_messages
from refinelab_dsl.data.files import name_file
from refinelab_dsl.data.invert import invert, task_fields
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import describe_csv, describe_file, settle_answers
from refinelab_dsl.data.sinks import Row
from refinelab_dsl.data.tasks import RowError, RowMapper
from refinelab_dsl.data.turns import split_turn
from refinelab_dsl.declarations import Dataset, Output
from refinelab_dsl.expressions.walk import columns_of, functions_of
from refinelab_dsl.project import Project

ORIGIN = "_origin"
SIMULATED = "_simulated"

_BY_ROW = frozenset({"line", "row"})  # functions whose value differs from row to row of one file


@dataclass(frozen=True, slots=True)
class OutputRow:
    """One item of the refined set.

    origin: `original` (as it came in), `changed` (in place) or `added`. For the latter two, `item.raw` and
        `item.place` are those of the item it was made from: they show how its source writes such a row.
    simulated: the simulated model had a part in it.
    parents: keys of the items it was made from.
    chain: of answers that led to its own, where a `refine` looked at it.
    """

    item: Item
    origin: Literal["original", "changed", "added"]
    simulated: bool = False
    parents: tuple[str, ...] = ()
    chain: Chain | None = None


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A result that a check refused and that is kept apart. parent: the id of the item it was made from. target:
    dimension -> label that it was made for. check, reason: who refused it, and why."""

    item: Item
    operator: str
    parent: str
    target: Mapping[str, str]
    check: str
    reason: str
    simulated: bool = False


class Origin:
    """The dataset's files, as far as writing rows like theirs needs to know them; looked at when first asked."""

    def __init__(self, dataset: Dataset, files: Sequence[Path], project: Project) -> None:
        self.dataset = dataset
        self.files = {name_file(path, project): path for path in files}
        self._project = project

    @cached_property
    def answers(self) -> AnswerStyle:
        """How mcq answers are written; letters where the data do not settle it."""
        style = settle_answers(self.dataset, tuple(self.files.values()), self._project)
        return style if isinstance(style, AnswerStyle) else AnswerStyle.LETTER

    @cached_property
    def headers(self) -> Mapping[str, tuple[tuple[str, ...], str]]:
        """Columns and delimiter of each CSV file by name."""
        return {
            name: describe_csv(self.dataset, path)
            for name, path in self.files.items()
            if describe_file(self.dataset, path)[0] == "csv"
        }

    @cached_property
    def attributes_of_files(self) -> tuple[str, ...]:
        """Attributes that read no column: what a file's name (`stem()`) or place says of its rows."""
        return tuple(
            name
            for name, expression in self.dataset.fields.items()
            if name not in ("id", *task_fields(self.dataset)) and next(columns_of(expression), None) is None
        )

    @cached_property
    def labels(self) -> Mapping[str, Mapping[str, Any]]:
        """File name -> those attributes of its rows."""
        mapper = RowMapper(self.dataset)
        # What tells rows of one file apart tells nothing of the file.
        names = [
            name
            for name in self.attributes_of_files
            if _BY_ROW.isdisjoint(functions_of(self.dataset.fields[name]))
        ]
        labels = {}
        for name, path in self.files.items():
            mapper.open_file(describe_file(self.dataset, path)[1])
            mapper.open_row({}, 0, 0)
            try:
                values = mapper.read_attributes()
            except RowError:
                values = {}
            labels[name] = {attribute: values.get(attribute) for attribute in names}
        return labels

    def file_of(self, row: OutputRow) -> str:
        """The file that a row belongs to: an added one to the file whose name says what its attributes say (`subject =
        stem()`), else to that of the item it was made from."""
        own = row.item.place.file
        if row.origin == "added" and self.attributes_of_files:
            told = self.labels.get(own, {})
            wanted = {name: row.item.attributes.get(name) for name in told}
            known = {name: value for name, value in wanted.items() if value is not None}
            if known and not self._agrees(own, known):
                return next((name for name in self.files if self._agrees(name, known)), own)
        return own

    def names_of_parts(self, ending: str) -> dict[str, str]:
        """File name -> its name in a directory output: its path below the folder that all files share, with the
        ending of the output's format. Names that would meet keep their own ending in front."""
        paths = {name: PurePosixPath(path.absolute().as_posix()) for name, path in self.files.items()}
        shared = os.path.commonpath([path.parent for path in paths.values()]) if paths else ""
        parts: dict[str, str] = {}
        for name, path in paths.items():
            below = path.relative_to(shared)
            stem = describe_file(self.dataset, self.files[name])[1]
            part = below.with_name(stem + ending).as_posix()
            parts[name] = part if part not in parts.values() else below.with_name(below.name + ending).as_posix()
        return parts

    def _agrees(self, file: str, attributes: Mapping[str, Any]) -> bool:
        labels = self.labels.get(file, {})
        return all(labels.get(name) == value for name, value in attributes.items())


def is_made(raw: Mapping[str, Any]) -> bool:
    """Whether an earlier round of a loop changed or added the item of a row."""
    return raw.get(ORIGIN) in ("changed", "added")


def keep_origin(row: OutputRow) -> OutputRow:
    """A row of a later round: what an earlier one made of an item stays said where this one leaves it as it is."""
    raw = row.item.raw
    if row.origin != "original" or not is_made(raw):
        return row
    return replace(row, origin=raw[ORIGIN], simulated=bool(raw.get(SIMULATED)))


def shape_held(origin: Origin, row: HeldRow) -> Row:
    """The task's fields, then whence it comes and why it was refused."""
    marks: dict[str, Any] = {
        "_operator": row.operator, "_parent": row.parent, "_target": dict(sorted(row.target.items())),
        "_check": row.check, "_reason": row.reason,
    }  # fmt: skip
    if row.simulated:
        marks[SIMULATED] = True
    return Row(_shape_task(origin, OutputRow(row.item, "added")), marks, True)


Shaper: TypeAlias = Callable[[OutputRow], Row]


def build_shaper(output: Output, origin: Origin, *, simulated: bool, single_file: bool) -> Shaper:
    """How this output writes a row.

    Rows of `sft` are `{"messages": …}`, whatever the layout; `columns` may name what `layout = task` has beside them.

    simulated: some row may be simulated; a table gets the column then. single_file: what the files' names say
        (`stem()`) becomes columns, since the output's own name no longer tells.
    """
    of_file = origin.attributes_of_files if single_file else ()

    is_table = output.format not in ("jsonl", "sft", "preference")

    def build_row(row: OutputRow) -> Row:
        if output.format == "sft":
            values: Mapping[str, Any] = {"messages": build_messages(origin.dataset.item_task, row.item.fields)}
        elif output.layout == "task":
            values = _shape_task(origin, row)
        else:
            values = _shape_source(origin, row, of_file)
        marks: dict[str, Any] = {ORIGIN: row.origin}
        if row.simulated and row.origin != "original":  # an item that was looked at and stays is no model's
            marks[SIMULATED] = True
        elif simulated and SIMULATED not in values and is_table:
            marks[SIMULATED] = None
        if output.columns is not None:
            both = {**(_shape_task(origin, row) if output.format == "sft" else {}), **values, **marks}
            return Row({name: both.get(name) for name in output.columns}, {}, row.origin != "original")
        return Row(values, marks, row.origin != "original")

    return build_row


def shape_preferences(output: Output, origin: Origin, row: OutputRow) -> Iterator[Row]:
    """The pairs of a row's chain, as preference optimisation takes them (DPO): `prompt`, `chosen`, `rejected` as texts,
    with the sums of the grades that they got; none of a row without a chain. A conversation's prompt is its messages,
    and the two are messages, too. `columns` may name `messages` (the prompt as messages) and what `layout = task` has.
    """
    task = origin.dataset.item_task
    for place, pair in enumerate(row.chain.preferences() if row.chain is not None else ()):
        messages = [dict(message) for message in split_turn(task, row.item.fields).messages]
        is_text = task != "chat"
        values: dict[str, Any] = {
            "id": row.chain.item if row.chain is not None else row.item.id,
            "pair": place,
            "prompt": messages[-1]["content"] if is_text else messages,
            "chosen": pair.chosen if is_text else [{"role": "assistant", "content": pair.chosen}],
            "rejected": pair.rejected if is_text else [{"role": "assistant", "content": pair.rejected}],
            "score_chosen": pair.score_chosen,
            "score_rejected": pair.score_rejected,
        }
        marks: dict[str, Any] = {SIMULATED: True} if row.simulated else {}
        if output.columns is not None:
            both = {**_shape_task(origin, row), "messages": messages, **values, **marks}
            yield Row({name: both.get(name) for name in output.columns}, {}, True)
        else:
            yield Row(values, marks, True)


def _shape_source(origin: Origin, row: OutputRow, of_file: Sequence[str]) -> Mapping[str, Any]:
    item = row.item
    if row.origin == "original":
        values = dict(item.raw)
    else:
        values = invert(origin.dataset, item, origin.answers, keep=row.origin == "changed")
    for name in of_file:
        if name not in item.raw or row.origin != "original":
            values[name] = item.attributes.get(name)
    return values


def _shape_task(origin: Origin, row: OutputRow) -> Mapping[str, Any]:
    item = row.item
    values: dict[str, Any] = {"id": item.id}
    for name in task_fields(origin.dataset):
        if name in item.fields:
            values[name] = item.fields[name]
    for name in origin.dataset.fields:
        if name in item.attributes:
            values[name] = item.attributes[name]
    for name in sorted(item.attributes):
        values.setdefault(name, item.attributes[name])
    if item.raw.get(SIMULATED) and row.origin == "original":
        values[SIMULATED] = item.raw[SIMULATED]  # of an earlier refinement: it stays said
    return values
