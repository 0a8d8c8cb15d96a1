"""The items of a later round of a loop: a file of ours that holds them as the task has them, whatever their source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from refinelab_dsl.builtins import TASKS
from refinelab_dsl.data import write
from refinelab_dsl.data.layout import ORIGIN, SIMULATED, OutputRow
from refinelab_dsl.declarations import Dataset, Output
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.expressions import Call, Constant
from refinelab_dsl.project import Project

_NAME: Final = "data"
_FILE: Final = "items.jsonl"


@dataclass(frozen=True, slots=True)
class Round:
    """A round of a loop as a plan sees it: paths relative to the spec's folder.

    signals: what the command wrote. data: the items; None in the first round, which takes those of the spec. earlier:
    the runs of the rounds before it. repeat: an item that an earlier round made may change once more.
    """

    signals: str
    data: str | None = None
    earlier: tuple[int, ...] = ()
    repeat: bool = False


def place_dataset(dataset: Dataset, source: str, *, repeat: bool) -> Dataset:
    """The spec's dataset as it is read from a file of a round."""
    return dataset.model_copy(update={
        "source": (source,), "format": "jsonl", "columns": None, "explode": (), "where": None, "answer_as": "text",
        "fields": {name: _column(name) for name in dataset.fields}, "round": "repeat" if repeat else "once",
    })  # fmt: skip


def place_items(folder: Path) -> Path:
    """The items of the round in `folder`."""
    return folder / _NAME / _FILE


def write_round(
    dataset: Dataset, files: Iterable[Path], project: Project, rows: Iterable[OutputRow], folder: Path
) -> Diagnostics:
    """Writes the items of a round to `place_items(folder)`, whole or not at all: what its command reads, and its plan.

    dataset, files: those that the rows come from.
    """
    names = dict.fromkeys((*TASKS[dataset.item_task].fields, *dataset.fields))
    columns = (*names, ORIGIN, SIMULATED)
    output = Output(name=_NAME, path=_FILE, format="jsonl", layout="task", columns=columns)
    prepared, found = write.prepare_outputs(
        [output], dataset, tuple(files), project, rows, into=folder, allow_outside=True
    )
    return found if prepared is None else prepared.commit()


def _column(name: str) -> Call:
    return Call(function="column", arguments=(Constant(type="text", text=name),))
