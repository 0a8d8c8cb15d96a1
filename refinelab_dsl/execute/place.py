"""Where a run stands, for whoever opens what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.project import Project


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands. project: as seen from the spec's folder. environ: where keys are read from."""

    header: Header
    project: Project
    environ: Mapping[str, str]
    allow_outside: bool
