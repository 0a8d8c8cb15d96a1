"""A ZIM file (an offline copy of a wiki) as a corpus, through `libzim`: its own full-text index, or that of titles."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from refinelab_dsl.diagnostics.catalog import retrieval as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import Passage
from refinelab_dsl.retrieval.index import Index
from refinelab_dsl.retrieval.keywords import join_query, split_query
from refinelab_dsl.retrieval.pages import LENGTHS, MOST_PAGES
from refinelab_dsl.retrieval.passages import cut_passages
from refinelab_dsl.retrieval.plain_text import strip_markup

NEEDED: Final = "libzim"


class ZimCorpus:
    """An opened archive. Needs the extras `zim` and `search`; made by `open_zim`."""

    def __init__(self, name: str, archive: Any) -> None:
        self._name = name
        self._archive = archive

    async def search(self, query: str, top_k: int) -> tuple[Passage, ...]:
        keywords = split_query(query)
        paths: list[str] = []
        for length in dict.fromkeys(min(length, len(keywords)) for length in LENGTHS):
            if length and not paths:
                paths = self._find_paths(join_query(keywords[:length]))
        return Index([passage for path in paths for passage in self._read(path)]).search(query, top_k)

    async def close(self) -> None:
        self._archive = None

    def _find_paths(self, query: str) -> list[str]:
        from libzim.search import Query, Searcher
        from libzim.suggestion import SuggestionSearcher

        if self._archive.has_fulltext_index:
            search = Searcher(self._archive).search(Query().set_query(query))
        else:
            search = SuggestionSearcher(self._archive).suggest(query)
        return list(search.getResults(0, MOST_PAGES))

    def _read(self, path: str) -> Iterator[Passage]:
        entry = self._archive.get_entry_by_path(path)
        item = entry.get_item()  # of a redirect that of its target
        if not item.mimetype.startswith("text/"):
            return
        text = bytes(item.content).decode("utf-8", "replace")
        if item.mimetype.startswith("text/html"):
            text = strip_markup(text)
        for number, passage in enumerate(cut_passages(text), 1):
            yield Passage(f"{self._name}:{item.path}#{number}", item.title, passage)


def open_zim(name: str, path: Path) -> ZimCorpus | Diagnostic:
    """The archive at `path`; or why it cannot be opened: no `libzim` (RF6600), no ZIM file (RF6603)."""
    if find_spec(NEEDED) is None:
        return faults.corpus_needs_package(name, NEEDED, "zim")
    from libzim.reader import Archive

    try:
        archive = Archive(path)
    except RuntimeError as error:
        return faults.zim_unreadable(name, path.name, str(error).splitlines()[0] if str(error) else "no ZIM file")
    if not archive.has_fulltext_index and not archive.has_title_index:
        return faults.zim_unreadable(name, path.name, "it has no index to search")
    return ZimCorpus(name, archive)
