"""`measure { kind = near_duplicate }`: which items are nearly the same. The value of an item is the key of the first
item of its cluster, in reading order; one that is like no other has none.

With `method = minhash` two items are one from a likeness of their texts on (`likeness.text`), with `method = embedding`
from a cosine of their embeddings on. Items with other passages (`context`) or other answers are never one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from refinelab_dsl.builtins import COSINES
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Measure
from refinelab_dsl.embeddings import Embedder, build_embedder
from refinelab_dsl.likeness import cluster_by_text, cluster_rows, comparison_text
from refinelab_dsl.likeness.text import answer_text, passage_digest

KIND: Final = "near_duplicate"
TEXT_THRESHOLD: Final = 0.92


def clustering_embedding(measure: Measure, embeddings: Mapping[str, Embedding]) -> Embedding | None:
    """The embedding that a measure asks an endpoint for, about all items: their clusters are then learnt by a pilot.
    None where the measure asks nobody."""
    if measure.kind != KIND or measure.options.get("method") != "embedding":
        return None
    embedding = embeddings.get(str(measure.options.get("embedding") or ""))
    return embedding if embedding is not None and embedding.is_asked else None


def find_clusters(
    measure: Measure, items: Iterable[Item], embeddings: Sequence[Embedding], base: Path,
    asked: Embedder | None = None,
) -> tuple[str | None, ...]:
    """The values of all items of a dataset.

    embeddings: those that the spec declares. base: the folder of the spec. asked: the vectors of the items' texts,
    where the embedding that the measure names is not computed on this machine.

    Raises:
        EmbeddingFault: it cannot be had here.
    """
    threshold = measure.options.get("threshold")
    keys: list[str] = []
    if measure.options["method"] == "minhash":
        firsts = cluster_by_text(_note_keys(items, keys), float(threshold or TEXT_THRESHOLD))
    else:
        name = measure.options.get("embedding")
        embedding = next((each for each in embeddings if each.name == name), Embedding(name=""))
        texts, passages, answers = [], [], []
        for item in _note_keys(items, keys):
            texts.append(comparison_text(item))
            passages.append(passage_digest(item))
            answers.append(answer_text(item))
        rows = (asked or build_embedder(embedding, texts, base)).embed(texts)
        firsts = cluster_rows(rows, passages, answers, float(threshold or COSINES[embedding.provider].same))
    return tuple(None if first is None else keys[first] for first in firsts)


def _note_keys(items: Iterable[Item], keys: list[str]) -> Iterable[Item]:
    for item in items:
        keys.append(item.key)
        yield item
