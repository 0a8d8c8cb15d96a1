"""What the checks of a run compare results with: fitted embeddings, and the items that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Validator
from refinelab_dsl.embeddings import Embedder, build_embedder
from refinelab_dsl.likeness import EmbeddedNeighbours, Nearest, Neighbours, comparison_text

LETTERS = ""
"""Stands for an embedding where none is named: `duplicate` compares letters, `drift` takes the built-in one."""


def embedding_of(validator: Validator) -> str:
    """The name of the embedding that a validator compares by, `LETTERS` where it names none."""
    return str(validator.options.get("embedding") or LETTERS)


def build_embedders(
    validators: Iterable[Validator], embeddings: Sequence[Embedding], read: Callable[[], Iterable[Item]]
) -> dict[str, Embedder]:
    """The embeddings that these validators need, by name.

    read: the items of the source, on whose texts embeddings are fitted; called once for each embedding.
    """
    wanted = {
        embedding_of(validator)
        for validator in validators
        if validator.kind == "drift" or (validator.kind == "duplicate" and embedding_of(validator) != LETTERS)
    }
    declared = {embedding.name: embedding for embedding in (Embedding(name=LETTERS), *embeddings)}
    return {name: build_embedder(declared[name], map(comparison_text, read())) for name in sorted(wanted)}


def open_neighbours(
    validators: Iterable[Validator], side: Literal["originals", "output"], embedders: dict[str, Embedder]
) -> dict[str, Nearest]:
    """For each embedding by which `duplicate` compares results with this side: its items, none yet."""
    names = {
        embedding_of(validator)
        for validator in validators
        if validator.kind == "duplicate" and side in validator.against
    }
    return {name: Neighbours() if name == LETTERS else EmbeddedNeighbours(embedders[name]) for name in sorted(names)}
