"""Small datasets on disk, read by the real reader, and results made from their items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.tasks import item_hash
from refinelab_dsl.data.write import OutputRow
from refinelab_dsl.declarations import Dataset, Output
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.expressions.nodes import Call, Constant, Expression, ListOf
from refinelab_dsl.project import Project


def call(function: str, *arguments: Expression | str) -> Call:
    """`function(argument, …)`; a str is a text constant."""
    parts = (Constant(type="text", text=each) if isinstance(each, str) else each for each in arguments)
    return Call(function=function, arguments=tuple(parts))


def column(name: str) -> Call:
    return call("column", name)


def columns(*names: str) -> ListOf:
    return ListOf(items=tuple(column(name) for name in names))


MMLU_FIELDS = {"question": column("question"), "choices": columns("A", "B", "C", "D"), "answer": column("answer")}
MMLU_COLUMNS = ("question", "A", "B", "C", "D", "answer")


def make_project(folder: Path, files: Mapping[str, str | bytes]) -> Project:
    """A folder with these files, as a project of its own."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Project(folder, folder)


def load(dataset: Dataset, project: Project) -> tuple[tuple[Path, ...], list[Item]]:
    """The dataset's files and items; a bad row fails the test."""
    files, problems = find_files(dataset, project, allow_outside=True)
    assert problems == ()
    items = list(read_items(dataset, files, project))
    assert [entry for entry in items if not isinstance(entry, Item)] == []
    return files, [entry for entry in items if isinstance(entry, Item)]


def make_result(parent: Item, identity: str = "result", task: str = "mcq", **fields: Any) -> Item:
    """An item as a step makes one of `parent`: its fields replaced, row and place the parent's."""
    merged = {**parent.fields, **fields}
    return replace(
        parent, id=identity, key=identity, hash=item_hash(task, merged), fields=merged,
        attributes=dict.fromkeys(parent.attributes), row=-1,
    )  # fmt: skip


def originals(items: Iterable[Item]) -> list[OutputRow]:
    return [OutputRow(item, "original") for item in items]


def added(item: Item, *, simulated: bool = False, **attributes: Any) -> OutputRow:
    return OutputRow(replace(item, attributes={**item.attributes, **attributes}), "added", simulated, (item.key,))


def output(path: str, **options: Any) -> Output:
    options.setdefault("format", path.rpartition(".")[2] if not path.endswith("/") else "csv")
    return Output(name=options.pop("name", "refined"), path=path, **options)


def codes(diagnostics: Diagnostics) -> list[str]:
    return [entry.code for entry in diagnostics]
