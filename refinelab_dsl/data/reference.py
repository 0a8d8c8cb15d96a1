"""The mix of another dataset under a dimension's measure: what `target = like(exam)` asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from refinelab_dsl.data.files import digest_files, find_files, find_origin
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.declarations import Dataset, Dimension, Measure
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.measures import list_labels
from refinelab_dsl.project import Project
from refinelab_dsl.source import Span


@dataclass(frozen=True)
class References:
    """counts: dimension -> label -> items of the dataset that it is to be like. files: those that were read, by
    dataset."""

    counts: Mapping[str, Counter[str]]
    files: Mapping[str, tuple[FileDigest, ...]]
    diagnostics: Diagnostics


def read_references(
    measures_: Sequence[Measure],
    dimensions: Sequence[Dimension],
    datasets: Sequence[Dataset],
    project: Project,
    *,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
) -> References:
    """Counts the labels of every dataset that a target names; nothing is read where none does. One pass for each.

    Items without a label of the dimension are left out of its mix. A bad row is an error, or is skipped, as the
    dataset's `on_bad_row` says.
    """
    wanted: dict[str, list[Dimension]] = {}
    for dimension in dimensions:
        if dimension.target is not None and dimension.target.dataset is not None:
            wanted.setdefault(dimension.target.dataset, []).append(dimension)
    counts: dict[str, Counter[str]] = {}
    files: dict[str, tuple[FileDigest, ...]] = {}
    found: list[Diagnostic] = []
    for dataset in datasets:
        if dataset.name not in wanted:
            continue
        paths, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
        digests, unreadable = digest_files(paths, project)
        found += [*problems, *unreadable]
        if problems or unreadable:
            continue
        files[dataset.name] = digests
        mine = wanted[dataset.name]
        used = {each.measure for each in mine}
        scope = ItemScope(
            {each.name: each for each in measures_ if each.name in used}, {each.name: each for each in mine}
        )
        tally: dict[str, Counter[str]] = {each.name: Counter() for each in mine}
        for entry in read_items(dataset, paths, project):
            if isinstance(entry, Item):
                _count(entry, mine, scope, tally)
            elif entry.fatal or dataset.on_bad_row == "stop":
                found.append(entry.diagnostic)
                break
        counts |= tally
        found += _find_empty(dataset, mine, tally, origins) if not found else ()
    return References(counts, files, Diagnostics(tuple(found)))


def _count(item: Item, dimensions: Iterable[Dimension], scope: ItemScope, tally: Mapping[str, Counter[str]]) -> None:
    scope.open(item)
    for dimension in dimensions:
        label, listed = scope.label(dimension.name), list_labels(dimension)
        if label is not None and (listed is None or label in listed):
            tally[dimension.name][label] += 1


def _find_empty(
    dataset: Dataset,
    dimensions: Iterable[Dimension],
    tally: Mapping[str, Counter[str]],
    origins: Mapping[str, Span] | None,
) -> list[Diagnostic]:
    return [
        faults.no_reference(
            dimension.name, dataset.name, list_labels(dimension) or (),
            find_origin(origins, f"dimension.{dimension.name}.target", f"dimension.{dimension.name}"),
        )
        for dimension in dimensions
        if not tally[dimension.name]
    ]  # fmt: skip
