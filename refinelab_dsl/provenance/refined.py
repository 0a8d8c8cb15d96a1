"""The refined set of a run as items, each with what is known of it: who made it, and its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import load_items
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.data.write import OutputRow
from refinelab_dsl.declarations import JOINT
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.rebuild import RebuildFault, Record, open_record, read_steps
from refinelab_dsl.provenance.replay import Story, iterate_results
from refinelab_dsl.provenance.rows import iterate_rows
from refinelab_dsl.store import Store


@dataclass(frozen=True, slots=True)
class RefinedRow:
    """An item of the set. row: from 1, in output order. labels: by dimension, as measured, of new items as made where
    they are not measured; None where an item has none."""

    item: Item
    row: int
    origin: Literal["original", "changed", "added"]
    operator: str | None
    simulated: bool
    labels: Mapping[str, str | None]


class RefinedSet:
    """A run's record, its dataset and its store, opened; `rows` and `sources` read them as often as they are called."""

    def __init__(
        self, record: Record, header: Header, files: Sequence[Path], project: Project, store: Store | None
    ) -> None:
        self.header = header
        self._record = record
        self._files = files
        self._project = project
        self._store = store
        self._story = Story(record)
        self._made = {
            event.key: event for event in record.events() if isinstance(event, events.Commit)
        }  # fmt: skip

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions that items have labels of."""
        joint = {measure.name for measure in self.header.measures if measure.kind == JOINT}
        return tuple(dimension.name for dimension in self.header.dimensions if dimension.name not in joint)

    def rows(self) -> Iterator[RefinedRow]:
        """The set in output order.

        Raises:
            RebuildFault, SourceFault: what was recorded cannot be had again.
        """
        scope = self._open_scope()
        results = self._results()
        ordered = iterate_rows(self.header, self._files, self._project, self._story.removed, results)
        for number, row in enumerate(ordered, 1):
            commit = self._made.get(row.item.key) if row.origin != "original" else None
            labels = self._label(scope, row.item) if commit is None else self._labels_of(commit)
            operator = None if commit is None else commit.operator
            yield RefinedRow(row.item, number, row.origin, operator, row.simulated, labels)

    def chains(self) -> Iterator[tuple[str, Item, Chain]]:
        """Of every chain of answers the name of its operator and the item that came of it.

        Raises:
            RebuildFault, SourceFault: what was recorded cannot be had again.
        """
        operators = {
            event.key: event.operator for event in self._record.events() if isinstance(event, events.Chain)
        }  # fmt: skip
        for row in self._results():
            if row.chain is not None:
                yield operators[row.parents[0]], row.item, row.chain

    def _results(self) -> Iterator[OutputRow]:
        if not self._story.steps:
            return iter(())
        if self._store is None:
            missing = run_faults.store_damaged(str(self._project.store), "there is no such file")
            raise RebuildFault(missing)
        parents = load_items(self.header.dataset, self._files, self._project, self._story.parents)
        steps = read_steps(self._record.plan, self._story.steps)
        return iterate_results(self._record, self.header, parents, steps, self._store)

    def _open_scope(self) -> ItemScope:
        return ItemScope(
            {measure.name: measure for measure in self.header.measures},
            {dimension.name: dimension for dimension in self.header.dimensions},
            recorded=self.header.recorded,
        )

    def _label(self, scope: ItemScope, item: Item) -> dict[str, str | None]:
        scope.open(item)
        return {name: scope.label(name) for name in self.dimensions}

    def _labels_of(self, commit: events.Commit) -> dict[str, str | None]:
        return {name: commit.measured.get(name) or commit.target.get(name) for name in self.dimensions}


def open_refined(
    folder: Path, project: Project, store: Store | None, *, source: Sequence[str], allow_outside: bool = False
) -> RefinedSet | Diagnostic:
    """The refined set of the run in `folder`.

    store: of replies; None where the project has none. source: the dataset's patterns, as the spec has them.

    Raises:
        RebuildFault: the log's chain is broken.
    """
    record = open_record(folder)
    if isinstance(record, Diagnostic):
        return record
    header = record.header.model_copy(
        update={"dataset": record.header.dataset.model_copy(update={"source": tuple(source)})}
    )
    files, problems = find_files(header.dataset, project, allow_outside=allow_outside)
    if not problems:
        digests, problems = digest_files(files, project)
    if problems:
        return problems[0]
    if digest_dataset(digests) != record.run.dataset_sha256:
        return faults.dataset_changed(header.dataset.name)
    return RefinedSet(record, header, files, project, store)
