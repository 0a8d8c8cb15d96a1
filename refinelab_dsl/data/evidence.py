"""Values of paid measures beside the items: what evidence has of each, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from refinelab_dsl.artifacts.evidence import KEY_LENGTH
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.measures.recorded import Recorded
from refinelab_dsl.project import Project

Learnt: TypeAlias = Mapping[str, Mapping[str, str | float | None]]
"""Paid measure -> the values that evidence has, by the beginning of an item's key."""


@dataclass(frozen=True)
class Values:
    """recorded: measure -> value by `Item.row`, None where there is none. missing: measure -> rows without evidence."""

    recorded: Recorded = field(default_factory=dict)
    missing: Mapping[str, frozenset[int]] = field(default_factory=dict)


def read_values(learnt: Learnt, dataset: Dataset, files: Sequence[Path], project: Project) -> Values:
    """Lines up what evidence has with the items; reads the dataset once where there is a paid measure."""
    if not learnt:
        return Values()
    recorded: dict[str, list[str | float | None]] = {name: [] for name in learnt}
    missing: dict[str, set[int]] = {name: set() for name in learnt}
    for entry in read_items(dataset, files, project):
        if isinstance(entry, Item):
            key = entry.key[:KEY_LENGTH]
            for name, values in learnt.items():
                recorded[name].append(values.get(key))
                if key not in values:
                    missing[name].add(entry.row)
    return Values(recorded, {name: frozenset(rows) for name, rows in missing.items() if rows})
