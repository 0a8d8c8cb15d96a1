"""A sample of a dataset's rows from one pass over all of them, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from refinelab_dsl.data.read import BadRow, FileStart, describe_csv, describe_file, read_rows
from refinelab_dsl.data.streams import DECOMPRESSION_ERRORS, NotText, TooLarge
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.project import Project
from refinelab_dsl.propose.words import is_known_name

_HEAD = 2_000  # rows from the start
_SPREAD = 1_000  # and no more than this from all over the rest
_ROOM = 32 << 20  # characters that a sample may hold
_HEAVY = 32 << 10  # characters of a row that is too heavy for the spread
_PATIENCE = 200  # bad rows in a row from the start, after which a file is taken for something else
_HEADER_ROWS = 200  # rows that decide whether the first one is a header
_LONG = 60  # characters of a cell that names no column
_LETTER = re.compile(r"\s*[A-Za-z]\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[-+]?\d[\d.,]*(?:[eE][-+]?\d+)?%?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sample:
    """rows: the first ones and some from all over the data. count: rows that could be read, bad: that could not, in
    all files. first_bad: what was wrong first. columns: names for a CSV without a header row. stems: the files' names
    without endings."""

    rows: tuple[Mapping[str, Any], ...]
    count: int
    bad: int
    first_bad: Diagnostic | None
    columns: tuple[str, ...] | None
    stems: tuple[str, ...]


def read_sample(dataset: Dataset, files: Sequence[Path], project: Project) -> Sample | Diagnostic:
    """Reads all rows once. A file that cannot be read, or that holds no row at all, is a diagnostic.

    dataset: of any task; only its `format` counts.
    """
    columns = settle_columns(dataset, files, project)
    named = dataset.model_copy(update={"columns": columns})
    head: list[Mapping[str, Any]] = []
    spread: list[Mapping[str, Any]] = []
    room = _ROOM
    stride = 1
    count = bad = 0
    first_bad: Diagnostic | None = None
    for entry in read_rows(named, files, project, ()):
        if isinstance(entry, FileStart):
            continue
        row = entry.diagnostic if isinstance(entry, BadRow) else entry[2]
        if isinstance(row, Diagnostic):
            if isinstance(entry, BadRow) and entry.fatal:
                return row
            bad += 1
            first_bad = first_bad or row
            if not count and bad >= _PATIENCE:
                break
            continue
        count += 1
        if count <= _HEAD:
            weight = _weigh(row, _ROOM)
            if weight <= room or not head:
                head.append(row)
                room -= weight
        elif count % stride == 0 and _weigh(row, _HEAVY) < _HEAVY:
            spread.append(row)
            if len(spread) >= _SPREAD:
                del spread[::2]
                stride *= 2
    if not count and first_bad is not None:
        return first_bad
    stems = tuple(describe_file(dataset, path)[1] for path in files)
    return Sample((*head, *spread), count, bad, first_bad, columns, stems)


def settle_columns(dataset: Dataset, files: Sequence[Path], project: Project) -> tuple[str, ...] | None:
    """Names for the columns of CSV files whose first row is no header; None where it is one, or for other formats."""
    if not files or describe_file(dataset, files[0])[0] != "csv":
        return None
    try:
        first, _ = describe_csv(dataset.model_copy(update={"fields": {}, "task": "qa"}), files[0])
    except (OSError, NotText, TooLarge, *DECOMPRESSION_ERRORS):
        return None  # reading says what is wrong
    if not first:
        return None
    places = tuple(f"column_{position}" for position in range(1, len(first) + 1))
    records = list(_records(dataset.model_copy(update={"columns": places}), files[:1], project))
    if not records or is_header(records[0], records[1:]):
        return None
    return name_columns(records)


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns of the others."""
    if any(len(cell) > _LONG or "\n" in cell or cell.rstrip().endswith(("?", ".")) for cell in first):
        return False
    if any(is_known_name(cell) for cell in first):
        return True
    filled = [cell for cell in first if cell]
    if len(set(filled)) < len(filled) or not filled:
        return False
    for position, cell in enumerate(first):
        others = [record[position] for record in rest]
        if _NUMBER.fullmatch(cell):
            return False
        if others and all(map(_LETTER.fullmatch, others)) and _LETTER.fullmatch(cell):
            return False
        if cell and others.count(cell) > 0:
            return False
    return True


def name_columns(records: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names for columns that have none: MMLU's question, choices by letter, letter of the answer; question and
    answer; else by position."""
    width = len(records[0])
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: max(width - 2, 0)]
    keys = [record[-1].strip().upper() for record in records]
    if 4 <= width <= 28 and sum(len(key) == 1 and key in letters for key in keys) >= 0.9 * len(keys):
        return ("question", *letters, "answer")
    if width == 2:
        return ("question", "answer")
    return tuple(f"column_{position}" for position in range(1, width + 1))


def _records(dataset: Dataset, files: Sequence[Path], project: Project) -> Iterator[list[str]]:
    for entry in islice(read_rows(dataset, files, project, ()), _HEADER_ROWS):
        if isinstance(entry, tuple) and isinstance(entry[2], dict):
            yield [str(value) for value in entry[2].values()]


def _weigh(value: Any, limit: int) -> int:
    """About how many characters a value holds; counting ends beyond `limit`."""
    weight = 0
    waiting = [value]
    while waiting and weight <= limit:
        each = waiting.pop()
        weight += 8
        if isinstance(each, str):
            weight += len(each)
        elif isinstance(each, Mapping):
            waiting += each.values()
            weight += sum(map(len, each))
        elif isinstance(each, list):
            waiting += each
    return weight
