"""The documents of a corpus: rows of tables with a `text`, or files of text and of markdown.

A row gives one document: its `text`, with `title` and `id` where it has them. A file of plain text (`.txt`) is one
document, called by its name. A file of markdown (`.md`) is one for each of its sections, called by its headings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from refinelab_dsl.data.files import find_files, name_file, stem_of
from refinelab_dsl.data.read import text_kind
from refinelab_dsl.data.row import MissingColumn, RowScope, no_names
from refinelab_dsl.data.signals import RowFaults, iterate_rows, row_names
from refinelab_dsl.data.streams import DECOMPRESSION_ERRORS, NotText, TooLarge, open_stream
from refinelab_dsl.data.tasks import canonical_text, wanted_columns
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.expressions.evaluate import EvaluationError, compile_expression, evaluate_condition
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place, Span

FIELDS: Final = ("text", "title", "id")
"""What a corpus reads of a row; `text` must be there."""

_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE: Final = re.compile(r"^ {0,3}(```|~~~)")
_BETWEEN: Final = " / "  # headings of a section


@dataclass(frozen=True, slots=True)
class Document:
    """`id` tells it from others of its corpus: the row's own, else file and line."""

    id: str
    title: str
    text: str


def read_documents(
    dataset: Dataset,
    project: Project,
    *,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The documents of a corpus, all in memory, and what is wrong with it. An empty one is an error (RF3070)."""
    paths, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
    if problems:
        return (), problems
    bad = RowFaults(dataset, origins)
    documents = tuple(_read_documents(dataset, paths, project, bad))
    if not documents and not bad.problems:
        bad.problems.append(faults.empty_corpus(dataset.name, bad.skipped, bad.span("source")))
    return documents, bad.list_found()


def _read_documents(
    dataset: Dataset, files: Sequence[Path], project: Project, bad: RowFaults
) -> Iterator[Document]:
    rows = _Rows(dataset, bad)
    ids: dict[str, Place] = {}
    for path, label in zip(files, _label_files(files, project), strict=True):
        kind = text_kind(dataset, path)
        if kind is None:
            read = rows.read(path, label, project)
        else:
            read = _read_text(path, name_file(path, project), label, kind == "markdown", bad)
        for place, document in read:
            if document.id in ids:
                if bad.add(faults.duplicate_id(document.id, place, ids[document.id])):
                    return
                continue
            ids[document.id] = place
            yield document
    rows.close()


def _label_files(files: Sequence[Path], project: Project) -> list[str]:
    """How the ids of documents call their files: outside of the project by the last part, as plans do, so that no path
    of a machine is logged. The second file of a name is `name~2`."""
    times: Counter[str] = Counter()
    labels: list[str] = []
    for path in files:
        name = name_file(path, project) if project.contains(path) else path.name
        times[name] += 1
        labels.append(name if times[name] == 1 else f"{name}~{times[name]}")
    return labels


class _Rows:
    """Documents of the rows of tables."""

    def __init__(self, dataset: Dataset, bad: RowFaults) -> None:
        self._dataset = dataset
        self._bad = bad
        self._scope = RowScope(wanted_columns(dataset))
        self._fields = {name: self._scope.reader(expression, name) for name, expression in dataset.fields.items()}
        self._readers = {name: self._fields.get(name) or self._scope.reader(None, name) for name in FIELDS}
        self._keep = None if dataset.where is None else compile_expression(dataset.where)
        self._there: tuple[str, ...] = ()
        self._is_over = False

    def read(self, path: Path, label: str, project: Project) -> Iterator[tuple[Place, Document]]:
        if self._is_over:
            return
        for place, raw in iterate_rows(self._dataset, [path], project, self._scope, self._bad):
            self._there = self._there or tuple(raw)
            try:
                if self._keep is not None and not evaluate_condition(
                    self._keep, row_names(self._scope, self._fields), self._scope.functions
                ):
                    continue
                own = self._value("id") or f"{label}:{place.line}"
                document = Document(own, self._value("title"), self._value("text"))
                if not document.text:
                    raise EvaluationError("`text` is empty")
            except EvaluationError as error:
                if self._bad.add(faults.bad_row(place, str(error))):
                    self._is_over = True
                    return
                continue
            yield place, document

    def close(self) -> None:
        """A column that no row had is said once, not of every row."""
        for column in self._scope.absent:
            if column in FIELDS[1:] and column not in self._dataset.fields:
                continue
            source = self._dataset.source[0]
            problem = faults.missing_column(source, column, self._there, False, Place(source))
            self._bad.problems = []
            self._bad.add(problem, fatal=True)
            return

    def _value(self, name: str) -> str:
        """A field as text; what need not be there is empty where it is not."""
        try:
            text = canonical_text(self._readers[name](no_names, self._scope.functions))
        except MissingColumn:
            if name == "text" or name in self._dataset.fields:
                raise
            return ""
        if text is None and name == "text":
            raise EvaluationError("`text` holds no text")
        return (text or "").strip()


def _read_text(
    path: Path, name: str, label: str, is_markdown: bool, bad: RowFaults
) -> Iterator[tuple[Place, Document]]:
    try:
        with open_stream(path) as stream:
            text = stream.read().decode("utf-8")
    except UnicodeDecodeError as error:
        bad.add(faults.not_utf8(name, f"in another encoding (byte {error.start + 1})"), fatal=True)
        return
    except NotText as error:
        bad.add(faults.not_utf8(name, str(error)), fatal=True)
        return
    except TooLarge as error:
        bad.add(faults.archive_too_large(name, str(error)), fatal=True)
        return
    except DECOMPRESSION_ERRORS as error:
        bad.add(faults.bad_archive(name, str(error) or type(error).__name__), fatal=True)
        return
    except OSError as error:
        bad.add(faults.unreadable(name, error.strerror or type(error).__name__), fatal=True)
        return
    text = text.replace("\r\n", "\n")
    for line, title, body in _split_sections(text, stem_of(path.name)) if is_markdown else ((1, "", text),):
        if body.strip():
            place = Place(name, line)
            yield place, Document(f"{label}:{line}", title or stem_of(path.name), body.strip())


def _split_sections(text: str, stem: str) -> Iterator[tuple[int, str, str]]:
    """Line, headings and body of each section. A `#` inside of a fenced block is no heading."""
    headings: dict[int, str] = {}
    start, body = 1, []
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1] == fence:
            fence = ""
        heading = None if fence or mark else _HEADING.match(line)
        if heading is None:
            body.append(line)
            continue
        yield start, _BETWEEN.join(headings.values()) or stem, "\n".join(body)
        headings = {level: words for level, words in headings.items() if level < len(heading[1])}
        headings[len(heading[1])] = heading[2]
        start, body = number, []
    yield start, _BETWEEN.join(headings.values()) or stem, "\n".join(body)
