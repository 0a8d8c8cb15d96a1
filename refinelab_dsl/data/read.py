"""Reads a dataset as a stream of typed items; what cannot be read comes as a value with its file, line and reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from refinelab_dsl.data.answers import Ambiguity, AnswerStyle, settle_style
from refinelab_dsl.data.explode import explode_rows
from refinelab_dsl.data.files import COMPRESSED, name_file, stem_of
from refinelab_dsl.data.formats import Row, UnreadableFile, read_csv, read_jsonl, sniff_csv
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.json_text import read_json
from refinelab_dsl.data.parquet import BadParquet, read_parquet
from refinelab_dsl.data.row import MissingColumn
from refinelab_dsl.data.streams import DECOMPRESSION_ERRORS, NotText, TooLarge, open_stream
from refinelab_dsl.data.tasks import TASK_FIELDS, RowError, RowMapper, item_hash, wanted_columns
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.expressions.evaluate import Compiled, EvaluationError, compile_expression, evaluate_condition
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place

_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".json": "json", ".parquet": "parquet"}

_TEXTS: Final[Mapping[str, Literal["text", "markdown"]]] = MappingProxyType(
    {".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown"}
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no item. `fatal`: no row at all is to blame, and `on_bad_row = skip` does not help: the rest of
    the file (or of the dataset) cannot be read. `lacks`: the column that the row does not have, if that is why;
    `columns`: those that it has then."""

    diagnostic: Diagnostic
    fatal: bool = False
    lacks: str | None = None
    columns: tuple[str, ...] = ()


def read_items(dataset: Dataset, files: Sequence[Path], project: Project) -> Iterator[Item | BadRow]:
    """The items of a dataset in reading order, streamed: file by file, row by row, those that `where` keeps.

    Bad rows are yielded where they stand, whatever `on_bad_row` says: whoever reads decides. Memory grows by one key
    per item (exact duplicates are told by it), not by items. The task is one that `TASK_FIELDS` has: no program and no
    plan with another comes so far.
    """
    style = settle_answers(dataset, files, project)
    if isinstance(style, BadRow):
        yield style
        return
    mapper = RowMapper(dataset)
    keep = None if dataset.where is None else compile_expression(dataset.where)
    times: dict[str, int] = {}
    ids: dict[str, tuple[str, int]] = {}
    row = 0
    columns: dict[str, None] = {}
    for entry in read_rows(dataset, files, project, mapper.columns):
        if isinstance(entry, BadRow):
            yield entry
            continue
        if isinstance(entry, FileStart):
            file = entry
            mapper.open_file(file.stem)
            continue
        line, number, raw = entry
        if isinstance(raw, Diagnostic):
            yield BadRow(raw)
            continue
        place = Place(file.name, line, number)
        mapper.open_row(raw, line, number)
        try:
            fields = mapper.read_fields(style)
            attributes = mapper.read_attributes()
            own_id = mapper.read_id()
            if keep is not None and not _is_kept(mapper, keep, {**attributes, **fields, "id": own_id}):
                continue
        except RowError as error:
            columns.update(dict.fromkeys(raw))
            yield BadRow(faults.bad_row(place, error.reason, error.help), lacks=error.lacks, columns=tuple(raw))
            continue
        digest = item_hash(dataset.item_task, fields)
        if own_id is not None:
            if own_id in ids:
                yield BadRow(faults.duplicate_id(own_id, place, Place(*ids[own_id])))
                continue
            ids[own_id] = (file.name, line)
        key = digest[:16]
        seen = times.get(key, 0) + 1
        times[key] = seen
        if seen > 1:
            key = f"{key}-{seen}"
        yield Item(own_id if own_id is not None else key, key, digest, fields, attributes, raw, place, row)
        row += 1
    for column in mapper.absent:
        names = ", ".join(name_file(path, project) for path in files[:3])
        there = sorted(columns or raw) if isinstance(raw, dict) else sorted(columns)
        yield BadRow(faults.missing_column(names, column, there, False, Place(names)), fatal=True, lacks=column)


def count_rows(
    dataset: Dataset, files: Sequence[Path], project: Project
) -> tuple[dict[str, int], tuple[Diagnostic, ...]]:
    """Rows of each file, bad ones and those that `where` leaves out included, and what cannot be read at all."""
    counts: dict[str, int] = {}
    found: list[Diagnostic] = []
    known = [path for path in files if text_kind(dataset, path) is None]
    wanted = wanted_columns(dataset) if dataset.task is None or dataset.task in TASK_FIELDS else ()
    file = ""
    for entry in read_rows(dataset, known, project, wanted):
        match entry:
            case FileStart(name=file):
                counts[file] = 0
            case BadRow(diagnostic=diagnostic):
                found.append(diagnostic)
            case _:
                counts[file] += 1
    return counts, tuple(found)


def load_items(dataset: Dataset, files: Sequence[Path], project: Project, keys: Collection[str]) -> dict[str, Item]:
    """The items with these keys, by key; keys that the dataset does not have are left out."""
    wanted = frozenset(keys)
    found: dict[str, Item] = {}
    if not wanted:
        return found
    for entry in read_items(dataset, files, project):
        if isinstance(entry, Item) and entry.key in wanted:
            found[entry.key] = entry
            if len(found) == len(wanted):
                break
    return found


@dataclass(frozen=True, slots=True)
class FileStart:
    """The start of a file in the stream of rows."""

    name: str
    stem: str


def read_rows(
    dataset: Dataset, files: Sequence[Path], project: Project, wanted: Collection[str]
) -> Iterator[Row | FileStart | BadRow]:
    """The rows of a dataset as they came in, before any field is read; a `FileStart` before those of each file.

    wanted: columns that a CSV file must have.
    """
    for path in files:
        name = name_file(path, project)
        format, stem, delimiter = describe_file(dataset, path)
        if format is None:
            yield BadRow(faults.unknown_format(name, None), fatal=True)
            continue
        if format == "parquet" and path.suffix.lower() in COMPRESSED:
            yield BadRow(faults.unsupported_format(name, format, None), fatal=True)
            continue
        yield FileStart(name, stem)
        try:
            rows = _read_file(dataset, path, name, format, delimiter, wanted)
            yield from explode_rows(rows, dataset, name) if dataset.explode else rows
        except UnreadableFile as error:
            yield BadRow(error.diagnostic, fatal=True)
        except BadParquet as error:
            yield BadRow(faults.bad_parquet(name, str(error)), fatal=True)
        except NotText as error:
            yield BadRow(faults.not_utf8(name, str(error)), fatal=True)
        except TooLarge as error:
            yield BadRow(faults.archive_too_large(name, str(error)), fatal=True)
        except DECOMPRESSION_ERRORS as error:
            yield BadRow(faults.bad_archive(name, str(error) or type(error).__name__), fatal=True)
        except OSError as error:
            yield BadRow(faults.unreadable(name, error.strerror or type(error).__name__), fatal=True)


def _read_file(
    dataset: Dataset, path: Path, name: str, format: str, delimiter: str | None, wanted: Collection[str]
) -> Iterator[Row]:
    if format == "parquet":
        # A row of a table has no line: its number stands for it.
        yield from ((row, row, values) for row, values in enumerate(read_parquet(path), 1))
        return
    with open_stream(path) as stream:
        if format == "jsonl":
            yield from read_jsonl(stream, name)
        elif format == "json":
            yield from read_json(stream, name)
        else:
            yield from read_csv(stream, name, dataset.columns, delimiter, wanted)


def describe_file(dataset: Dataset, path: Path) -> tuple[str | None, str, str | None]:
    """Format (None where neither spec nor ending tells), name without endings, and the delimiter where the ending
    settles it."""
    base = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    ending = base.suffix.lower()
    return dataset.format or _FORMATS.get(ending), stem_of(path.name), "\t" if ending == ".tsv" else None


def text_kind(dataset: Dataset, path: Path) -> Literal["text", "markdown"] | None:
    """As what a file of a corpus is read that is no table; None for a table."""
    if dataset.role != "corpus" or dataset.format is not None:
        return None
    base = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return _TEXTS.get(base.suffix.lower())


def describe_csv(dataset: Dataset, path: Path) -> tuple[tuple[str, ...], str]:
    """Column names and delimiter of a CSV file, as it is read; no columns where it has no header that could be used.

    Raises:
        OSError, NotText, TooLarge, and DECOMPRESSION_ERRORS, as for reading.
    """
    with open_stream(path) as stream:
        return sniff_csv(stream, dataset.columns, describe_file(dataset, path)[2], RowMapper(dataset).columns)


def settle_answers(dataset: Dataset, files: Sequence[Path], project: Project) -> AnswerStyle | BadRow:
    """How the dataset's mcq answers are written; under `answer_as = auto` settled by one pass over all of its rows."""
    if dataset.item_task != "mcq" or dataset.answer_as == "text":
        return AnswerStyle.TEXT
    if dataset.answer_as != "auto":
        return AnswerStyle(dataset.answer_as)
    mapper = RowMapper(dataset)

    def rows() -> Iterator[tuple[Place, str, list[str], list[str] | None]]:
        name = ""
        for entry in read_rows(dataset, files, project, mapper.columns):
            if isinstance(entry, FileStart):
                name = entry.name
                mapper.open_file(entry.stem)
            elif not isinstance(entry, BadRow) and isinstance(entry[2], dict):
                mapper.open_row(entry[2], entry[0], entry[1])
                try:
                    choices, answer = mapper.read_choices()
                except RowError:
                    continue
                yield Place(name, entry[0], entry[1]), answer, choices.texts, choices.labels

    settled = settle_style(rows())
    if isinstance(settled, Ambiguity):
        return BadRow(faults.ambiguous_answers(dataset.name, settled.detail, settled.help, settled.place), fatal=True)
    return settled


def _is_kept(mapper: RowMapper, keep: Compiled, values: dict[str, Any]) -> bool:
    def names(space: str, name: str) -> Any:
        return values.get(name)

    try:
        return evaluate_condition(keep, names, mapper.functions)
    except MissingColumn:
        return False
    except EvaluationError as error:
        raise RowError(f"`where`: {error}") from None
