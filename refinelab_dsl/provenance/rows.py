"""The refined set in output order, from its source and what a run decided: one function for the run and its replay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from refinelab_dsl import measures
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.write import OutputRow
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.project import Project


class SourceFault(Exception):
    """The dataset could not be read to its end."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def iterate_source(header: Header, files: Sequence[Path], project: Project) -> Iterator[Item]:
    """The items that the plan counted, in reading order: bad rows under `on_bad_row = skip` and items that a
    dimension with `unknown = drop` cannot label are left out, as the profile left them out.

    Raises:
        SourceFault: a row is bad that may not be, or a file cannot be read.
    """
    declared = {measure.name: measure for measure in header.measures}
    dropping = [
        (
            measures.build_measure(declared[dimension.measure], header.recorded),
            measures.build_labeller(dimension),
            frozenset(header.labels[dimension.name]),
        )
        for dimension in header.dimensions
        if dimension.unknown == "drop"
    ]
    for entry in read_items(header.dataset, files, project):
        if not isinstance(entry, Item):
            if entry.fatal or header.dataset.on_bad_row == "stop":
                raise SourceFault(entry.diagnostic)
            continue
        if all(label_of(value_of(entry)) in labels for value_of, label_of, labels in dropping):
            yield entry


def iterate_rows(
    header: Header,
    files: Sequence[Path],
    project: Project,
    removed: Collection[str],
    results: Iterable[OutputRow],
    see: Callable[[Item], None] | None = None,
) -> Iterator[OutputRow]:
    """The refined set: source items in their order without the `removed` (keys), then the added results in theirs.

    A result that changed an item takes the item's place; those are few enough to be held, additions are not. see: is
    shown every source item, also one that left or was changed.

    Raises:
        SourceFault: see `iterate_source`.
    """
    additions = iter(results)
    changed: dict[str, OutputRow] = {}
    first_added: OutputRow | None = None
    for row in additions:  # changed ones come before added ones
        if row.origin == "added":
            first_added = row
            break
        changed[row.parents[0]] = row
    for item in iterate_source(header, files, project):
        if see is not None:
            see(item)
        if item.key not in removed:
            yield changed.get(item.key) or OutputRow(item, "original")
    if first_added is not None:
        yield first_added
    yield from additions
