"""The seam to corpora: `search(query, top_k)`, and the way in which it fails."""

from __future__ import annotations

from typing import Protocol

from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import Passage


class Corpus(Protocol):
    """A collection of texts, opened. Safe for concurrent use in one event loop."""

    async def search(self, query: str, top_k: int) -> tuple[Passage, ...]:
        """The passages that fit a query best, `top_k` at most; none where nothing fits.

        query: keywords, as `keywords.join_query` writes them.

        Raises:
            CorpusUnavailable: it cannot be searched, now or at all.
        """
        ...

    async def close(self) -> None:
        """Releases files and connections; the corpus is not used afterwards."""
        ...


class CorpusUnavailable(Exception):
    """A corpus cannot be searched: what there is to say of it. Retries have been made."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic
