"""Embeddings that an endpoint computes: programs ask for their vectors (`effects.Embed`), which are looked up after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.effects import Embed, Program


@dataclass(frozen=True)
class Vectors:
    """The vectors of a few texts, as an `Embedder` of these texts alone."""

    rows: dict[str, NDArray[np.float32]]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, of length 1."""
        return np.stack([self.rows[text] for text in texts])


def ask_vectors(embedding: Embedding, texts: Sequence[str]) -> Program[Vectors]:
    """Asks for the vector of each text by itself: one that many results share, their parent's, is then bought once."""
    rows: dict[str, NDArray[np.float32]] = {}
    for text in dict.fromkeys(texts):
        [vector] = yield Embed(embedding, (text,))
        rows[text] = _normalise(vector)
    return Vectors(rows)


def read_row(kept: str) -> NDArray[np.float32]:
    """The row of a text from what is kept of it.

    Raises:
        msgspec.MsgspecError: it is no vector.
    """
    [vector] = msgspec.json.decode(kept, type=list[list[float]])
    return _normalise(vector)


def _normalise(vector: Sequence[float]) -> NDArray[np.float32]:
    row = np.array(vector, np.float64)
    return (row / np.linalg.norm(row)).astype(np.float32)
