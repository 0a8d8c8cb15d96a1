"""Retrieval: the passages of a corpus that fit a query. Corpora are local files, a MediaWiki, a ZIM file."""

from refinelab_dsl.effects import Passage
from refinelab_dsl.retrieval.corpus import Corpus, CorpusUnavailable
from refinelab_dsl.retrieval.keywords import extract_keywords, join_query

__all__ = ["Corpus", "CorpusUnavailable", "Passage", "extract_keywords", "join_query"]
