"""Which corpora a program retrieves from, what they are called, and which edition of each it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from refinelab_dsl.data.corpus import read_documents
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files, name_file
from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.declarations import Corpus, Dataset, Operator, Validator
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.catalog import retrieval as retrieval_faults
from refinelab_dsl.project import Project
from refinelab_dsl.source import Span

WIKIPEDIA: Final = "wikipedia"
ZIM: Final = "zim"

WIKIPEDIA_VARIABLE: Final = "REFINE_WIKIPEDIA_URL"
"""The variable of the user's environment that gives Wikipedia another address."""

CUTTING: Final = 1
"""How documents are cut into passages and ranked (`retrieval`). Raised where that changes: results are then new."""

_ZIM_MAGIC: Final = b"ZIM"
_ZIM_HEADER: Final = 80
_ZIM_CHECKSUM: Final = 16


@dataclass(frozen=True)
class Corpora:
    """Corpora as they stand on disk.

    corpora: with the hash of what they hold. files: those that are read, by dataset; of a ZIM file none.
    """

    corpora: tuple[Corpus, ...] = ()
    files: Mapping[str, tuple[FileDigest, ...]] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def name_corpus(option: Any) -> str:
    """The name of a corpus, as an option of an operator or validator holds it: a dataset's own; `wikipedia:en`;
    `zim:wiki.zim`."""
    if not isinstance(option, Mapping):
        return str(option)
    return f"{option['function']}:{option['language' if option['function'] == WIKIPEDIA else 'path']}"


def list_corpora(
    operators: Iterable[Operator], validators: Iterable[Validator], datasets: Sequence[Dataset] = ()
) -> tuple[Corpus, ...]:
    """The corpora that operators and validators name, each once, in the order of their names; not yet hashed.

    datasets: those that may be among them, where they are wanted."""
    declared = {dataset.name: dataset for dataset in datasets}
    found: dict[str, Corpus] = {}
    for option in _list_options(operators, validators):
        name = name_corpus(option)
        if not isinstance(option, Mapping):
            found[name] = Corpus(name=name, kind="files", dataset=declared.get(name))
        elif option["function"] == WIKIPEDIA:
            found[name] = Corpus(name=name, kind="wikipedia", language=option["language"])
        else:
            found[name] = Corpus(name=name, kind="zim", path=option["path"])
    return tuple(found[name] for name in sorted(found))


def wiki_address(language: str, environ: Mapping[str, str]) -> str:
    """Where the API of the Wikipedia in a language stands: its own, or the one that the user's environment names
    instead (a mirror, a test), in which `{language}` stands for the language."""
    given = environ.get(WIKIPEDIA_VARIABLE, "").strip()
    return given.replace("{language}", language) if given else f"https://{language}.wikipedia.org/w/api.php"


def wiki_host(language: str, environ: Mapping[str, str]) -> str:
    """The host that receives the keywords of a wiki's queries; empty where its address cannot be read."""
    try:
        return (urlsplit(wiki_address(language, environ)).hostname or "").rstrip(".")
    except ValueError:
        return ""


def hash_corpora(
    corpora: Sequence[Corpus],
    project: Project,
    *,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Corpora:
    """Finds and hashes the corpora that stand on disk. Of a wiki only the host is told: nobody is asked."""
    hashed: list[Corpus] = []
    files: dict[str, tuple[FileDigest, ...]] = {}
    found: list[Diagnostic] = []
    for corpus in corpora:
        sha256, host = "", None
        if corpus.dataset is not None:
            paths, problems = find_files(corpus.dataset, project, allow_outside=allow_outside, origins=origins)
            digests, unreadable = digest_files(paths, project)
            files[corpus.name], sha256 = digests, _hash_files(corpus.dataset, digests)
            found += (*problems, *unreadable)
        elif corpus.path is not None:
            sha256, problems = _identify_zim(corpus.name, corpus.path, project, allow_outside, origins)
            found += problems
        else:
            host = wiki_host(corpus.language or "", environ)
        hashed.append(corpus.model_copy(update={"sha256": sha256, "host": host}))
    return Corpora(tuple(hashed), files, tuple(found))


def check_corpora(
    corpora: Sequence[Corpus],
    project: Project,
    *,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Corpora:
    """As `hash_corpora`; files are also read once, for what is wrong with them."""
    held = hash_corpora(corpora, project, allow_outside=allow_outside, origins=origins, environ=environ)
    found = list(held.diagnostics)
    for corpus in () if found else corpora:
        if corpus.dataset is not None:
            found += read_documents(corpus.dataset, project, allow_outside=allow_outside, origins=origins)[1]
    return replace(held, diagnostics=tuple(found))


def name_sources(corpus: Corpus, files: Mapping[str, Sequence[FileDigest]]) -> Corpus:
    """A corpus as a plan holds it: with the names of its files for its source. files: as `Corpora.files`."""
    if corpus.dataset is None:
        return corpus
    names = tuple(file.name for file in files[corpus.name])
    return corpus.model_copy(update={"dataset": corpus.dataset.model_copy(update={"source": names})})


def place_sources(corpora: Sequence[Corpus], sources: Mapping[str, tuple[str, ...]]) -> tuple[Corpus, ...]:
    """The corpora of a plan with the sources that a spec writes, where these are known."""
    return tuple(
        corpus.model_copy(update={"dataset": corpus.dataset.model_copy(update={"source": sources[corpus.name]})})
        if corpus.dataset is not None and corpus.name in sources
        else corpus
        for corpus in corpora
    )


def list_sources(corpora: Sequence[Corpus]) -> dict[str, tuple[str, ...]]:
    """The sources of those corpora that are files, by name."""
    return {corpus.name: corpus.dataset.source for corpus in corpora if corpus.dataset is not None}


def find_zim(
    path: str, project: Project, *, allow_outside: bool = False, origins: Mapping[str, Span] | None = None
) -> tuple[Path | None, tuple[Diagnostic, ...]]:
    """The file that `zim("…")` names, or why there is none."""
    named = Dataset(name=ZIM, source=(path,), role="corpus")
    paths, problems = find_files(named, project, allow_outside=allow_outside, origins=origins)
    return (paths[0] if paths else None), problems


def _identify_zim(
    corpus: str, named: str, project: Project, allow_outside: bool, origins: Mapping[str, Span] | None
) -> tuple[str, tuple[Diagnostic, ...]]:
    """The hash of what a ZIM file says of itself: unique id, size and checksum. It may have 100 GB, so it is not
    read."""
    path, problems = find_zim(named, project, allow_outside=allow_outside, origins=origins)
    if path is None:
        return "", problems
    name = name_file(path, project)
    try:
        with path.open("rb") as stream:
            header = stream.read(_ZIM_HEADER)
            size = stream.seek(0, 2)
            if not header.startswith(_ZIM_MAGIC) or size < _ZIM_HEADER + _ZIM_CHECKSUM:
                return "", (retrieval_faults.zim_unreadable(corpus, name, "it is no ZIM file"),)
            stream.seek(size - _ZIM_CHECKSUM)
            return hashlib.sha256(header + stream.read() + str(size).encode()).hexdigest(), ()
    except OSError as error:
        return "", (faults.unreadable(name, error.strerror or type(error).__name__),)


def _hash_files(dataset: Dataset, files: Sequence[FileDigest]) -> str:
    """SHA-256 over the files and how their rows are read and cut."""
    read = dataset.model_dump(mode="json", exclude={"name", "task", "source", "meta"})
    content = msgspec.json.encode([digest_dataset(files), read, CUTTING], order="deterministic")
    return hashlib.sha256(content).hexdigest()


def _list_options(operators: Iterable[Operator], validators: Iterable[Validator]) -> Iterator[Any]:
    for operator in operators:
        if operator.options.get("context") is not None:
            yield operator.options["context"]["corpus"]
    for validator in validators:
        if validator.options.get("corpus") is not None:
            yield validator.options["corpus"]
