"""The nearest of many items by an embedding."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from refinelab_dsl.data.items import Item
from refinelab_dsl.embeddings.cosine import Rows
from refinelab_dsl.embeddings.provider import Embedder
from refinelab_dsl.likeness.text import comparison_text, passage_digest

_ROOM: Final = 256


class Nearest(Protocol):
    """Items that grow in number, and how like the nearest of them is to a new one: 1 for the same, 0 where none comes
    near."""

    def add(self, item: Item, vectors: Embedder | None = None) -> None:
        """Puts an item among them. vectors: of its texts, where they were asked for."""
        ...

    def nearest(self, item: Item, vectors: Embedder | None = None) -> float:
        """In [0, 1]. vectors: as above."""
        ...


class EmbeddedNeighbours:
    """All are compared, exactly: the time of a question grows with their number, as does memory (4 KB an item with the
    built-in embedding). Items with different passages (`context`) are never alike.

    embedder: None where the vectors of each item are asked for, and given with it.
    """

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._rows: Rows | None = None
        self._passages: list[bytes] = []

    def add(self, item: Item, vectors: Embedder | None = None) -> None:
        """Puts an item among the neighbours; one whose vectors nobody asked for is compared with none."""
        if vectors is None and self._embedder is None:
            return
        row, count = self._embed(item, vectors), len(self._passages)
        if self._rows is None or count == len(self._rows.squares):
            room = max(_ROOM, count + count // 2)
            grown = Rows(np.zeros((room, row.whole.shape[1]), np.float32), np.zeros(room))
            if self._rows is not None:
                grown.whole[:count], grown.squares[:count] = self._rows.whole, self._rows.squares
            self._rows = grown
        self._rows.whole[count], self._rows.squares[count] = row.whole[0], row.squares[0]
        self._passages.append(passage_digest(item))

    def nearest(self, item: Item, vectors: Embedder | None = None) -> float:
        """The cosine with the nearest item, 0 where none has the same passage."""
        passage = passage_digest(item)
        same = np.fromiter((each == passage for each in self._passages), np.bool_, len(self._passages))
        if self._rows is None or not same.any():
            return 0.0
        cosines = self._embed(item, vectors).cosines(self._rows.slice(0, len(self._passages)))[0]
        return max(0.0, float(cosines[same].max()))

    def _embed(self, item: Item, vectors: Embedder | None) -> Rows:
        embedder = vectors or self._embedder
        assert embedder is not None
        return Rows.of(embedder.embed([comparison_text(item)]))
