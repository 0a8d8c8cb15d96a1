"""Opens the corpora of a plan, once per run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from refinelab_dsl.data.corpora import find_zim
from refinelab_dsl.data.corpus import Document, read_documents
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.effects import Retrieve, effect_line
from refinelab_dsl.execute.place import Place
from refinelab_dsl.retrieval.performer import CorpusPerformer, open_corpus


def open_corpora(place: Place) -> Mapping[str, CorpusPerformer] | Diagnostic:
    """The corpora that a plan's operators and validators retrieve from, by line; or why one of them cannot be used.
    Local files are read and indexed here; of a wiki nothing is asked yet."""
    opened: dict[str, CorpusPerformer] = {}
    for corpus in place.header.corpora:
        documents: tuple[Document, ...] = ()
        path: Path | None = None
        problems: tuple[Diagnostic, ...] = ()
        if corpus.dataset is not None:
            documents, problems = read_documents(corpus.dataset, place.project, allow_outside=place.allow_outside)
        elif corpus.path is not None:
            path, problems = find_zim(corpus.path, place.project, allow_outside=place.allow_outside)
        refused = next((problem for problem in problems if problem.is_error), None)
        if refused is not None:
            return refused
        performer = open_corpus(corpus, documents, path, place.environ)
        if isinstance(performer, Diagnostic):
            return performer
        opened[effect_line(Retrieve(corpus.name, "", 0))] = performer
    return opened
