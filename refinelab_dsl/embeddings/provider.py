"""The one interface to embeddings that are computed on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings.hashed import Hashed


class Embedder(Protocol):
    """Texts as vectors."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, of length 1 (0 where nothing is left of a text), whatever stands beside it."""
        ...


def build_embedder(embedding: Embedding, texts: Iterable[str]) -> Embedder:
    """The embedding that a spec declares. texts: of the whole dataset; some providers are fitted on them."""
    match embedding.provider:
        case "hashed":
            return Hashed.fit(texts)
        case provider:
            raise AssertionError(f"{provider} is asked, not computed")
