"""Who performs what a program asks for besides calls to models: sandboxes, corpora, embeddings. One row per kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.calls import Performer
from refinelab_dsl.execute.corpora import open_corpora
from refinelab_dsl.execute.embeddings import open_embeddings
from refinelab_dsl.execute.place import Place
from refinelab_dsl.execute.salts import open_salts
from refinelab_dsl.execute.sandboxes import open_sandbox

OpenService: TypeAlias = Callable[[Place], Mapping[str, Performer] | Diagnostic]
"""The performers that a plan needs of one kind, by line (`effects.effect_line`); or why one cannot be had. Asked before
the first call."""

SERVICES: Final[tuple[OpenService, ...]] = (open_corpora, open_sandbox, open_embeddings, open_salts)


def open_services(place: Place) -> dict[str, Performer] | Diagnostic:
    """All performers that a plan needs besides its models."""
    found: dict[str, Performer] = {}
    for open_service in SERVICES:
        opened = open_service(place)
        if isinstance(opened, Diagnostic):
            return opened
        found.update(opened)
    return found
