"""Clusters of nearly equal items: what a plan is told of measures that compare all items with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.artifacts.evidence import KEY_LENGTH
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset, Embedding, Measure
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.likeness.text import digest_items
from refinelab_dsl.measures import Recorded, outlier
from refinelab_dsl.measures.near_duplicate import KIND, clustering_embedding, find_clusters
from refinelab_dsl.project import Project

LearntClusters: TypeAlias = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Measure whose clusters a pilot learns -> digest of a set of items, as evidence names it -> the copies among them."""


@dataclass(frozen=True)
class Clusters:
    """recorded: measure -> value by `Item.row`. compared: measure whose clusters a pilot learns -> the digest of the
    items. missing: such a measure -> all rows, where evidence does not have their clusters."""

    recorded: Recorded
    compared: Mapping[str, str]
    missing: Mapping[str, frozenset[int]]


def read_clusters(
    measures_: Sequence[Measure], embeddings: Sequence[Embedding], dataset: Dataset, files: Sequence[Path],
    project: Project, learnt: LearntClusters,
) -> Clusters:  # fmt: skip
    """The values of `near_duplicate` and `outlier` measures. The dataset is read once for each; its texts stay in
    memory while they are compared, with 4 KB an item where they are embedded.

    Raises:
        EmbeddingFault: an embedding cannot be had on this machine.
    """

    def iterate_items() -> Iterator[Item]:
        """Bad rows are told when the profile is made."""
        return (entry for entry in read_items(dataset, files, project) if isinstance(entry, Item))

    recorded: dict[str, Sequence[str | float | None]] = {}
    compared: dict[str, str] = {}
    missing: dict[str, frozenset[int]] = {}
    keys: list[str] = []
    declared = {embedding.name: embedding for embedding in embeddings}
    asked = {measure.name for measure in measures_ if clustering_embedding(measure, declared) is not None}
    if asked:
        items = [(item.key, item.hash) for item in iterate_items()]
        keys = [key for key, _ in items]
        digest = digest_items(each for _, each in items)[:KEY_LENGTH]
    for measure in measures_:
        if measure.kind == outlier.KIND:
            recorded[measure.name] = outlier.find_distances(measure, iterate_items(), embeddings, project.base)
        if measure.kind != KIND:
            continue
        if measure.name not in asked:
            recorded[measure.name] = find_clusters(measure, iterate_items(), embeddings, project.base)
            continue
        compared[measure.name] = digest
        copies = learnt.get(measure.name, {}).get(digest)
        recorded[measure.name] = _line_up(keys, copies or {})
        if copies is None:
            missing[measure.name] = frozenset(range(len(keys)))
    return Clusters(recorded, compared, missing)


def _line_up(keys: Sequence[str], copies: Mapping[str, str]) -> tuple[str | None, ...]:
    """Per item the key of the first of its cluster, in the order in which they stand now."""
    firsts: dict[str, str] = {}
    return tuple(
        None if name is None else firsts.setdefault(name, key)
        for key, name in ((each, copies.get(each[:KEY_LENGTH])) for each in keys)
    )


def note_clusters(found: Clusters, measures_: Sequence[Measure]) -> Iterator[str]:
    """What is to be said of each measure whose clusters are known."""
    for measure in measures_:
        if measure.kind == KIND and measure.name not in found.missing:
            sizes = Counter(value for value in found.recorded[measure.name] if value is not None)
            items, clusters = faults.count(sizes.total(), "item"), faults.count(len(sizes), "cluster")
            stand = f"{items} stand in {clusters}" if sizes else "no two items are one"
            yield f"{stand} by measure `{measure.name}`"


def find_copies(clusters: Sequence[str | None], may_leave: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The items that leave so that one of each cluster stays: one that may not leave, where there is one, else the
    first.

    clusters: per item, in reading order, the name of its cluster; None for one that stands alone. may_leave: bool, of
    the same length.
    """
    keeping = {name for name, free in zip(clusters, may_leave.tolist(), strict=True) if name is not None and not free}
    copies = np.zeros(len(clusters), dtype=np.bool_)
    for place, name in enumerate(clusters):
        if name is None or not may_leave[place]:
            continue
        copies[place] = name in keeping
        keeping.add(name)
    return copies
