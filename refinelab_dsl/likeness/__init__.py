"""How alike items read: the likeness of two texts, the nearest of many, clusters of what is nearly the same."""

from refinelab_dsl.embeddings.letters import normalise
from refinelab_dsl.likeness.clusters import cluster_by_text, cluster_rows
from refinelab_dsl.likeness.embedded import EmbeddedNeighbours, Nearest
from refinelab_dsl.likeness.neighbours import Neighbours
from refinelab_dsl.likeness.text import comparison_text, likeness, meaning_text

__all__ = [
    "EmbeddedNeighbours",
    "Nearest",
    "Neighbours",
    "cluster_by_text",
    "cluster_rows",
    "comparison_text",
    "likeness",
    "meaning_text",
    "normalise",
]
