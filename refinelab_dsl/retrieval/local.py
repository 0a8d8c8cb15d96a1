"""Local files as a corpus: documents cut into passages, indexed in memory once per run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from refinelab_dsl.data.corpus import Document
from refinelab_dsl.effects import Passage
from refinelab_dsl.retrieval.index import Index
from refinelab_dsl.retrieval.passages import cut_passages


class LocalCorpus:
    """Needs the extra `search` (`index.is_available`). Memory grows by some six times the text."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._index = Index(list(list_passages(documents)))

    def __len__(self) -> int:
        """Passages in it."""
        return len(self._index)

    async def search(self, query: str, top_k: int) -> tuple[Passage, ...]:
        return self._index.search(query, top_k)

    async def close(self) -> None:
        return None


def list_passages(documents: Iterable[Document]) -> Iterator[Passage]:
    """The passages of some documents. One that is its whole document has the document's id; the parts of a longer one
    are numbered: `notes.md:12#2`."""
    for document in documents:
        parts = cut_passages(document.text)
        for number, text in enumerate(parts, 1):
            id = document.id if len(parts) == 1 else f"{document.id}#{number}"
            yield Passage(id, document.title, text)
