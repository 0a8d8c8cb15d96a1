"""Rated exemplars that stand in a dataset of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import evidence as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.project import Project
from refinelab_dsl.source import Span

RATING: Final = "rating"


@dataclass(frozen=True)
class Seeds:
    """rated: items in reading order, each with its rating. sha256: of the dataset's files."""

    rated: tuple[tuple[Item, float], ...]
    sha256: str


def read_seeds(
    dataset: Dataset, project: Project, *, allow_outside: bool = False, origins: Mapping[str, Span] | None = None
) -> Seeds | Diagnostic:
    """All seeds of a dataset, or the first thing that is wrong with them: a file, a row, a rating that is no number,
    no row at all."""
    files, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
    if problems:
        return problems[0]
    digests, problems = digest_files(files, project)
    if problems:
        return problems[0]
    rated = []
    for entry in read_items(dataset, files, project):
        if not isinstance(entry, Item):
            return entry.diagnostic
        rating = _read_number(entry.attributes.get(RATING, entry.raw.get(RATING)))
        if rating is None:
            return faults.seed_without_rating(dataset.name, entry.place)
        rated.append((entry, rating))
    return Seeds(tuple(rated), digest_dataset(digests)) if rated else faults.no_seeds(dataset.name)


def _read_number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if isfinite(number) else None
