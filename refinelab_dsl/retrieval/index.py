"""BM25 over passages in memory (`bm25s`: Lucene's variant, k1 = 1.5, b = 0.75)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from refinelab_dsl.effects import Passage
from refinelab_dsl.retrieval.words import STOP_WORDS, split_words

NEEDED = "bm25s"


class Index:
    """Passages by their words. Needs `bm25s` (`is_available`).

    Passages with the same title and text as one before them are left out: they would take its place among the best.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        from bm25s import BM25  # an extra, and slow to import: only where something is retrieved

        distinct = {(passage.title, passage.text): passage for passage in reversed(passages)}
        self._passages = sorted(distinct.values(), key=lambda passage: passage.id)
        tokens = [split_words(f"{passage.title} {passage.text}") for passage in self._passages]
        self._frequency = Counter(word for words in tokens for word in set(words))
        self._scores = None
        if self._frequency:
            self._scores = BM25()
            self._scores.index(tokens, show_progress=False)

    def __len__(self) -> int:
        return len(self._passages)

    def search(self, query: str, top_k: int) -> tuple[Passage, ...]:
        """The passages that share words with a query, the best first, equals by their ids; `top_k` at most.

        Stop words count only where the query has nothing else that the passages have.
        """
        words = [word for word in dict.fromkeys(split_words(query)) if word in self._frequency]
        words = [word for word in words if word not in STOP_WORDS] or words
        if self._scores is None or not words:
            return ()
        scores = self._scores.get_scores(words)
        best = np.lexsort((np.arange(len(scores)), -scores))[:top_k]
        return tuple(self._passages[place] for place in best if scores[place] > 0)


def is_available() -> bool:
    """Whether the package of the extra `search` is installed."""
    return find_spec(NEEDED) is not None
