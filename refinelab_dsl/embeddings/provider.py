"""The one interface to embeddings that are computed on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings.hashed import Hashed
from refinelab_dsl.embeddings.local import LocalModel


class Embedder(Protocol):
    """Texts as vectors."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, of length 1 (0 where nothing is left of a text), whatever stands beside it."""
        ...


def build_embedder(embedding: Embedding, texts: Iterable[str], base: Path) -> Embedder:
    """The embedding that a spec declares.

    texts: of the whole dataset; some providers are fitted on them. base: the folder of the spec.

    Raises:
        EmbeddingFault: it cannot be had on this machine.
    """
    match embedding.provider:
        case "hashed":
            return Hashed.fit(texts)
        case "sentence_transformers":
            return LocalModel(embedding, base)
        case provider:
            raise AssertionError(f"{provider} is asked, not computed")
