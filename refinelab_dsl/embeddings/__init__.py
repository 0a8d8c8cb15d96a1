"""Texts as vectors, and how like each other these are."""

from refinelab_dsl.embeddings.cosine import Rows, cosine
from refinelab_dsl.embeddings.hashed import Hashed

__all__ = ["Hashed", "Rows", "cosine"]
