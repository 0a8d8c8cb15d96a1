"""Clusters of nearly equal items: what a plan is told of measures that compare all items with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset, Embedding, Measure
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.measures import Recorded
from refinelab_dsl.measures.near_duplicate import KIND, find_clusters
from refinelab_dsl.project import Project


def read_clusters(
    measures_: Sequence[Measure], embeddings: Sequence[Embedding], dataset: Dataset, files: Sequence[Path],
    project: Project,
) -> Recorded:  # fmt: skip
    """The values of `near_duplicate` measures, by `Item.row`. The dataset is read once for each; its texts stay in
    memory while they are compared, with 4 KB an item where they are embedded.

    Raises:
        EmbeddingFault: an embedding cannot be had on this machine.
    """

    def iterate_items() -> Iterator[Item]:
        """Bad rows are told when the profile is made."""
        return (entry for entry in read_items(dataset, files, project) if isinstance(entry, Item))

    return {
        measure.name: find_clusters(measure, iterate_items(), embeddings, project.base)
        for measure in measures_
        if measure.kind == KIND
    }


def note_clusters(values: Recorded, measures_: Sequence[Measure]) -> Iterator[str]:
    """What is to be said of each of them."""
    for measure in measures_:
        if measure.kind == KIND:
            sizes = Counter(value for value in values[measure.name] if value is not None)
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
