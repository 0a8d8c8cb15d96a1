"""Embeddings that a run asks an endpoint for."""

from __future__ import annotations

from collections.abc import Mapping

from refinelab_dsl import providers
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.declarations import Embedding
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.effects import EMBEDDING_LINE
from refinelab_dsl.execute.calls import Performer
from refinelab_dsl.execute.place import Place
from refinelab_dsl.execute.vectors import list_compared
from refinelab_dsl.prompts.vectors import embedding_of


def list_asked(header: Header) -> tuple[Embedding, ...]:
    """The embeddings that the plan's actions and their checks ask an endpoint for."""
    acting = {action.operator for action in header.actions}
    checks = {name for operator in header.operators if operator.name in acting for name in operator.checks}
    used = {embedding_of(validator) for validator in header.validators if validator.name in checks}
    used |= {embedding.name for embedding in list_compared(header)}
    return tuple(embedding for embedding in header.embeddings if embedding.is_asked and embedding.name in used)


def open_embeddings(place: Place) -> Mapping[str, Performer] | Diagnostic:
    """Endpoints that embed texts."""
    found: dict[str, Performer] = {}
    for embedding in list_asked(place.header):
        opened = providers.open_embedding(embedding, place.environ)
        if isinstance(opened, Diagnostic):
            return opened
        found[f"{EMBEDDING_LINE}{embedding.name}"] = opened
    return found
