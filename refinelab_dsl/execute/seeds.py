"""Rated exemplars that stand in a dataset of their own."""

from __future__ import annotations

from refinelab_dsl.artifacts.plan import SeedSet
from refinelab_dsl.data import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.diagnostics.catalog import evidence as faults
from refinelab_dsl.project import Project
from refinelab_dsl.provenance import SourceFault
from refinelab_dsl.questions import Exemplar

RATING = "rating"


def read_exemplars(seeds: SeedSet, project: Project, *, allow_outside: bool) -> tuple[Exemplar, ...]:
    """The items of a seed set with their ratings.

    Raises:
        SourceFault: a file is missing or changed, a row is bad, or a rating is no number.
    """
    files, problems = find_files(seeds.dataset, project, allow_outside=allow_outside)
    if problems:
        raise SourceFault(problems[0])
    digests, problems = digest_files(files, project)
    if problems:
        raise SourceFault(problems[0])
    if digest_dataset(digests) != seeds.sha256:
        raise SourceFault(faults.seeds_changed(seeds.dataset.name))
    found = []
    for entry in read_items(seeds.dataset, files, project):
        if not isinstance(entry, Item):
            raise SourceFault(entry.diagnostic)
        value = entry.attributes.get(RATING, entry.raw.get(RATING))
        try:
            rating = float(str(value))
        except ValueError:
            raise SourceFault(faults.seed_without_rating(seeds.dataset.name, entry.place)) from None
        found.append(Exemplar(entry, rating))
    if not found:
        raise SourceFault(faults.no_seeds(seeds.dataset.name))
    return tuple(found)
