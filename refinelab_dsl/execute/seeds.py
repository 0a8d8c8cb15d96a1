"""The rated exemplars of a plan, where they stand in a dataset of their own."""

from __future__ import annotations

from refinelab_dsl.artifacts.plan import SeedSet
from refinelab_dsl.data.seeds import Seeds, read_seeds
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import evidence as faults
from refinelab_dsl.project import Project
from refinelab_dsl.provenance import SourceFault
from refinelab_dsl.questions import Exemplar


def read_planned_seeds(seeds: SeedSet, project: Project, *, allow_outside: bool) -> Seeds | Diagnostic:
    """Seeds as they were when the plan was made; otherwise what is wrong with them."""
    found = read_seeds(seeds.dataset, project, allow_outside=allow_outside)
    if isinstance(found, Seeds) and found.sha256 != seeds.sha256:
        return faults.seeds_changed(seeds.dataset.name)
    return found


def read_exemplars(seeds: SeedSet, project: Project, *, allow_outside: bool) -> tuple[Exemplar, ...]:
    """The items of a seed set with their ratings.

    Raises:
        SourceFault: they are not what they were.
    """
    found = read_planned_seeds(seeds, project, allow_outside=allow_outside)
    if not isinstance(found, Seeds):
        raise SourceFault(found)
    return tuple(Exemplar(item, rating) for item, rating in found.rated)
