"""A corpus behind the seam through which a run performs effects, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from refinelab_dsl.data.corpora import WIKIPEDIA_VARIABLE, wiki_address
from refinelab_dsl.data.corpus import Document
from refinelab_dsl.declarations import Corpus as Declared
from refinelab_dsl.diagnostics.catalog import retrieval as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import Retrieve, encode_outcome
from refinelab_dsl.prompts.hosts import find_address_fault, is_loopback
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.providers.provider import RefusedError
from refinelab_dsl.retrieval.corpus import Corpus, CorpusUnavailable
from refinelab_dsl.retrieval.index import NEEDED, is_available
from refinelab_dsl.retrieval.local import LocalCorpus
from refinelab_dsl.retrieval.zim import open_zim

CONTACT_VARIABLE: Final = "REFINE_CONTACT"
"""The variable that says whom the operators of a wiki may write to: an address of mail or web."""

SEARCH_SECONDS: Final = 900.0
"""The most that one search may take, with the pauses and waits that politeness asks for."""


class CorpusPerformer:
    """Performs `Retrieve` for one corpus. What comes back costs nothing and has no usage."""

    def __init__(self, name: str, corpus: Corpus) -> None:
        self._name = name
        self._corpus = corpus

    async def complete(self, effect: Retrieve) -> Completion:
        """The passages, as the text that is kept.

        Raises:
            RefusedError: the corpus cannot be searched; it says why.
        """
        try:
            passages = await self._corpus.search(effect.query, effect.top_k)
        except CorpusUnavailable as error:
            raise RefusedError("corpus", str(error), diagnostic=error.diagnostic) from None
        return Completion(encode_outcome(passages), Usage(0, 0), "stop", self._name)

    async def close(self) -> None:
        await self._corpus.close()


def open_corpus(
    declared: Declared, documents: Iterable[Document], path: Path | None, environ: Mapping[str, str]
) -> CorpusPerformer | Diagnostic:
    """A corpus, ready to be searched in the running event loop; or why it cannot be.

    documents: of one that is files. path: of a ZIM file. environ: where a wiki's address and the user's contact may
    stand.
    """
    if not is_available():
        return faults.corpus_needs_package(declared.name, NEEDED, "search")
    match declared.kind:
        case "files":
            return CorpusPerformer(declared.name, LocalCorpus(documents))
        case "zim":
            assert path is not None
            opened = open_zim(declared.name, path)
            return opened if isinstance(opened, Diagnostic) else CorpusPerformer(declared.name, opened)
        case "wikipedia":
            from refinelab_dsl.retrieval.mediawiki import (  # a client: only where it is used
                PAUSE,
                MediaWiki,
                Politeness,
            )

            address = wiki_address(declared.language or "", environ)
            fault = find_address_fault(address)
            if fault is not None:
                return faults.wiki_address(declared.name, WIKIPEDIA_VARIABLE, fault)
            contact = environ.get(CONTACT_VARIABLE, "").strip()
            polite = Politeness(
                pause=0.0 if is_loopback(declared.host or "") else PAUSE,  # nobody else uses a wiki on this machine
                contact="".join(sign for sign in contact if " " <= sign <= "~")[:200],
            )
            return CorpusPerformer(declared.name, MediaWiki(declared.name, address, polite))
