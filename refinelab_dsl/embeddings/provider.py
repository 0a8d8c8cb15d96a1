"""The one interface to embeddings that are computed on this machine, and what their cosines mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings.hashed import Hashed
from refinelab_dsl.embeddings.limits import Limits


class Embedder(Protocol):
    """Texts as vectors.

    limits: what its cosines mean. embed: one row for each text, float32, of length 1 (0 for a text of which nothing is
    left), the same whatever other texts stand beside it.
    """

    @property
    def limits(self) -> Limits: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def build_embedder(embedding: Embedding, texts: Iterable[str]) -> Embedder:
    """The embedding that a spec declares. texts: of the whole dataset; some providers are fitted on them."""
    match embedding.provider:
        case "hashed":
            return Hashed.fit(texts)
        case provider:
            raise AssertionError(f"{provider} is asked, not computed")
