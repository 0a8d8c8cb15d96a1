"""Texts as vectors, and how like each other these are."""

from refinelab_dsl.embeddings.asked import Vectors, ask_vectors, read_row
from refinelab_dsl.embeddings.cosine import Rows, cosine
from refinelab_dsl.embeddings.hashed import Hashed
from refinelab_dsl.embeddings.local import EmbeddingFault
from refinelab_dsl.embeddings.provider import Embedder, build_embedder

__all__ = [
    "Embedder",
    "EmbeddingFault",
    "Hashed",
    "Rows",
    "Vectors",
    "ask_vectors",
    "build_embedder",
    "cosine",
    "read_row",
]
