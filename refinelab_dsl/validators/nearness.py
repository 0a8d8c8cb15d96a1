"""What the checks of a run compare results with: fitted embeddings, and the items that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from refinelab_dsl.data.heldout import heldout_of
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Validator
from refinelab_dsl.effects import Program
from refinelab_dsl.embeddings import Embedder, ask_vectors, build_embedder
from refinelab_dsl.likeness import EmbeddedNeighbours, Nearest, Neighbours, comparison_text
from refinelab_dsl.prompts.vectors import LETTERS, compared_texts, embedding_of
from refinelab_dsl.validators.verdict import Result


def build_embedders(
    validators: Iterable[Validator], embeddings: Sequence[Embedding], read: Callable[[], Iterable[Item]], base: Path
) -> dict[str, Embedder]:
    """The embeddings that these validators need and that are computed on this machine, by name.

    read: the items of the source, on whose texts embeddings are fitted; called once for each embedding. base: the
    folder of the spec.

    Raises:
        EmbeddingFault: one cannot be had here.
    """
    wanted = {
        embedding_of(validator)
        for validator in validators
        if validator.kind == "drift" or (validator.kind == "duplicate" and embedding_of(validator) != LETTERS)
    }
    declared = {embedding.name: embedding for embedding in (Embedding(name=LETTERS), *embeddings)}
    return {
        name: build_embedder(declared[name], map(comparison_text, read()), base)
        for name in sorted(wanted)
        if not declared[name].is_asked
    }


def open_neighbours(
    validators: Iterable[Validator], side: Literal["originals", "output"], embedders: dict[str, Embedder]
) -> dict[str, Nearest]:
    """For each embedding by which `duplicate` compares results with this side: its items, none yet."""
    names = {
        embedding_of(validator)
        for validator in validators
        if validator.kind == "duplicate" and side in validator.against
    }
    return {
        name: Neighbours() if name == LETTERS else EmbeddedNeighbours(embedders.get(name)) for name in sorted(names)
    }


def open_heldout(
    validators: Iterable[Validator], read: Callable[[str], Iterable[Item]], embedders: Mapping[str, Embedder]
) -> dict[str, Nearest]:
    """For each validator that names held-out datasets: their items. read: those of a dataset, by its name. What an
    endpoint embeds is compared by letters here: nobody is asked about what is held out."""
    found: dict[str, Nearest] = {}
    for validator in validators:
        names = heldout_of(validator)
        if names:
            embedder = embedders.get(embedding_of(validator))
            neighbours: Nearest = Neighbours() if embedder is None else EmbeddedNeighbours(embedder)
            for name in names:
                for item in read(name):
                    neighbours.add(item)
            found[validator.name] = neighbours
    return found


def embed_result(validator: Validator, result: Result, embeddings: Mapping[str, Embedding]) -> Program[Result]:
    """The result with the vectors that a validator compares, where its embedding is asked for them.

    embeddings: those that the plan declares, by name.
    """
    embedding = embeddings.get(embedding_of(validator))
    texts = compared_texts(validator, result.item, result.parent)
    if embedding is None or not embedding.is_asked or not texts:
        return result
    vectors = yield from ask_vectors(embedding, texts)
    return result.embedded(embedding.name, vectors)
