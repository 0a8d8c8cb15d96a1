"""Who performs what a program asks for besides calls to models: sandboxes, corpora, embeddings. One row per kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.calls import Performer
from refinelab_dsl.project import Project


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands. project: as seen from the spec's folder. environ: where keys are read from."""

    header: Header
    project: Project
    environ: Mapping[str, str]
    allow_outside: bool


OpenService: TypeAlias = Callable[[Place], Mapping[str, Performer] | Diagnostic]
"""The performers that a plan needs of one kind, by line (`effects.effect_line`); or why one cannot be had. Asked before
the first call."""

SERVICES: Final[tuple[OpenService, ...]] = ()


def open_services(place: Place) -> dict[str, Performer] | Diagnostic:
    """All performers that a plan needs besides its models."""
    found: dict[str, Performer] = {}
    for open_service in SERVICES:
        opened = open_service(place)
        if isinstance(opened, Diagnostic):
            return opened
        found.update(opened)
    return found
