"""`measure { kind = outlier }`: how far an item is from those that read most like it: 1 - the mean cosine of its
embedding with those of its `neighbours` nearest items. Near 0 others read the same, near 1 none reads like it.

Embedded is what items are compared by (`likeness.text.comparison_text`). Items with the same text are neighbours as any
others: what stands many times is no outlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Measure
from refinelab_dsl.embeddings import build_embedder
from refinelab_dsl.embeddings.cosine import Rows
from refinelab_dsl.likeness import comparison_text

KIND: Final = "outlier"
NEIGHBOURS: Final = 10

_DIGITS: Final = 4
_BLOCK: Final = 1024  # rows that are compared at a time with all others


def find_distances(
    measure: Measure, items: Iterable[Item], embeddings: Sequence[Embedding], base: Path
) -> tuple[float | None, ...]:
    """The values of all items of a dataset; None where there is no other item. Every pair is compared, so the work
    grows with the square of the number.

    embeddings: those that the spec declares. base: the folder of the spec.

    Raises:
        EmbeddingFault: the embedding cannot be had here.
    """
    texts = [comparison_text(item) for item in items]
    name = measure.options.get("embedding")
    embedding = next((each for each in embeddings if each.name == name), Embedding(name=""))
    rows = build_embedder(embedding, texts, base).embed(texts)
    count = int(str(measure.options.get("neighbours", NEIGHBOURS)))
    return tuple(None if np.isnan(each) else round(float(each), _DIGITS) for each in measure_distances(rows, count))


def measure_distances(rows: NDArray[np.float32], neighbours: int) -> NDArray[np.float64]:
    """1 - the mean cosine of each row with its nearest others, at most 2; NaN where there is no other.

    rows: (items, dimensions). neighbours: of how many; all others where there are fewer.
    """
    count = min(neighbours, len(rows) - 1)
    if count < 1:
        return np.full(len(rows), np.nan)
    whole, distances = Rows.of(rows), np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK):
        block = whole.slice(start, start + _BLOCK)
        near = np.empty((len(block.squares), 0))
        for other in range(0, len(rows), _BLOCK):
            cosines = block.cosines(whole.slice(other, other + _BLOCK))
            if other == start:
                np.fill_diagonal(cosines, -np.inf)
            near = np.concatenate([near, cosines], axis=1)
            if near.shape[1] > count:
                near = np.partition(near, near.shape[1] - count, axis=1)[:, -count:]
        # In one order, so that the sum is the same on every machine.
        distances[start : start + _BLOCK] = 1 - np.sort(near, axis=1).sum(axis=1) / count
    return np.maximum(distances, 0.0)
