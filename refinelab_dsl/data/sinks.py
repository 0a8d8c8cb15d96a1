"""One output file being written, under a temporary name, hashed as it goes: JSON Lines, CSV, or parquet."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import msgspec

from refinelab_dsl.data import parquet
from refinelab_dsl.data.column_types import BOOL, NULL, ColumnType, cell_text, fit_value, join_types, type_of
from refinelab_dsl.data.invert import Unfit

FileFormat: TypeAlias = Literal["jsonl", "csv", "parquet", "card"]
"""What the bytes of one file of an output are."""

_OPEN_AT_ONCE = 64
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class OutputDigest:
    """A file as written.

    file: relative to the spec's folder. size: in bytes. head: SHA-256 of what stands before the first row.
    row_digests: per row the first 8 bytes of the SHA-256 of its bytes with its newline, joined.
    """

    name: str
    file: str
    format: FileFormat
    rows: int
    size: int
    sha256: str
    head: str
    row_digests: bytes

    def digest(self, row: int) -> bytes:
        """Of row `row`, from 0; empty past the end."""
        return self.row_digests[8 * row : 8 * (row + 1)]


@dataclass(frozen=True, slots=True)
class Row:
    """One row in its layout. marks: `_origin` and `_simulated`, which come last. made: a model wrote its text."""

    values: Mapping[str, Any]
    marks: Mapping[str, Any]
    made: bool


class Files:
    """Appends to many files through few open handles: a directory output may have more files than the system allows
    to be open at once."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, BinaryIO] = OrderedDict()
        self._created: list[Path] = []

    def create(self, path: Path) -> None:
        """An empty file that this process alone made: links and leftovers of that name are not followed.

        Raises:
            OSError: the folder cannot be written.
        """
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        self._created.append(path)

    def append(self, path: Path, data: bytes) -> None:
        """Adds bytes at the end of a created file.

        Raises:
            OSError: the disk is full.
        """
        stream = self._open.get(path)
        if stream is None:
            if len(self._open) >= _OPEN_AT_ONCE:
                self._open.popitem(last=False)[1].close()
            stream = path.open("ab", buffering=2**16)
            self._open[path] = stream
        else:
            self._open.move_to_end(path)
        stream.write(data)

    def settle(self, path: Path) -> None:
        """Everything appended is on the disk.

        Raises:
            OSError: the disk is full.
        """
        stream = self._open.pop(path, None) or path.open("ab")
        with stream:
            stream.flush()
            os.fsync(stream.fileno())

    def close(self, path: Path) -> None:
        """Everything appended can be read again."""
        stream = self._open.pop(path, None)
        if stream is not None:
            stream.close()

    def remove(self) -> None:
        """Drops every file that was created and still has its temporary name."""
        for stream in self._open.values():
            with contextlib.suppress(OSError):
                stream.close()
        self._open.clear()
        for path in self._created:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class Part(ABC):
    """One file of an output: `put` its rows, then `finish`. `temporary` becomes `target` at the commit."""

    format: FileFormat

    def __init__(self, files: Files, name: str, file: str, target: Path) -> None:
        self.target = target
        self.temporary = target.with_name(f".{target.name}.partial")
        self._files = files
        self._name = name
        self._file = file
        self._hash = hashlib.sha256()
        self._head = hashlib.sha256()
        self._bytes = 0
        self._rows = bytearray()
        files.create(self.temporary)

    @abstractmethod
    def put(self, row: Row) -> None:
        """Adds one row."""

    def finish(self) -> OutputDigest:
        """The digest of the file, whose bytes are on the disk now."""
        self._files.settle(self.temporary)
        return OutputDigest(
            self._name, self._file, self.format, len(self._rows) // 8, self._bytes, self._hash.hexdigest(),
            self._head.hexdigest(), bytes(self._rows),
        )

    def _write_row(self, data: bytes) -> None:
        self._write(data)
        self._rows += hashlib.sha256(data).digest()[:8]

    def _write(self, data: bytes) -> None:
        self._files.append(self.temporary, data)
        self._hash.update(data)
        self._bytes += len(data)


class JsonLines(Part):
    """One JSON object per line, keys in the order of the row."""

    format = "jsonl"

    def put(self, row: Row) -> None:
        self._write_row(_encode({**row.values, **row.marks}) + b"\n")


class Csv(Part):
    """RFC 4180 with `\\n` line ends and quotes where needed. Rows may have different columns: they wait in a spool
    file until all columns are known, so nothing is lost and nothing is held in memory."""

    format = "csv"

    def __init__(
        self, files: Files, name: str, file: str, target: Path, *, columns: Sequence[str], header: bool, delimiter: str
    ) -> None:
        super().__init__(files, name, file, target)
        self._columns = dict.fromkeys(columns)
        self._marks: dict[str, None] = {}
        self._header = header
        self._delimiter = delimiter
        self._quoted = re.compile(f'[{re.escape(delimiter)}"\r\n]')
        self._spool = target.with_name(f".{target.name}.spool")
        files.create(self._spool)

    def put(self, row: Row) -> None:
        for column in row.values:
            self._columns.setdefault(column)
        for column in row.marks:
            self._marks.setdefault(column)
        self._files.append(self._spool, _encode([row.made, {**row.values, **row.marks}]) + b"\n")

    def finish(self) -> OutputDigest:
        self._files.close(self._spool)
        columns = [*(name for name in self._columns if name not in self._marks), *self._marks]
        if self._header:
            head = self._line(columns)
            self._head.update(head)
            self._write(head)
        with self._spool.open("rb") as spool:
            for line in spool:
                made, values = msgspec.json.decode(line)
                cells = (cell_text(values.get(column)) for column in columns)
                self._write_row(self._line([escape_formula(cell) for cell in cells] if made else list(cells)))
        self._spool.unlink()
        return super().finish()

    def _line(self, cells: Sequence[str]) -> bytes:
        if len(cells) == 1 and not cells[0]:
            return b'""\n'  # an empty line would be no row
        quoted = ('"' + cell.replace('"', '""') + '"' if self._quoted.search(cell) else cell for cell in cells)
        return (self._delimiter.join(quoted) + "\n").encode()


class Parquet(Part):
    """A table of typed columns. Which types they have is known after the last row, so rows wait in a spool file."""

    format = "parquet"

    def __init__(self, files: Files, name: str, file: str, target: Path, *, columns: Sequence[str] = ()) -> None:
        super().__init__(files, name, file, target)
        self._columns: dict[str, ColumnType] = dict.fromkeys(columns, NULL)
        self._marks: dict[str, ColumnType] = {}
        self._folded = {column.lower(): column for column in columns}
        self._spool = target.with_name(f".{target.name}.spool")
        self._typed = target.with_name(f".{target.name}.typed")
        files.create(self._spool)
        files.create(self._typed)

    @property
    def columns(self) -> tuple[tuple[str, ColumnType], ...]:
        """Names and types, as far as rows have come; marks come last."""
        kept = {name: type for name, type in self._columns.items() if name not in self._marks}
        return tuple({**kept, **self._marks}.items())

    def put(self, row: Row) -> None:
        for known, values in ((self._columns, row.values), (self._marks, row.marks)):
            for column, value in values.items():
                if column not in known:
                    self._admit(column)
                known[column] = join_types(known.get(column, NULL), type_of(value))
        self._files.append(self._spool, _encode({**row.values, **row.marks}) + b"\n")

    def finish(self) -> OutputDigest:
        self._files.close(self._spool)
        columns = self.columns or (("_origin", NULL),)
        # A mark that no row needs is still one of true and false.
        columns = tuple((name, BOOL if name == "_simulated" and type == NULL else type) for name, type in columns)
        longest = 0
        with self._spool.open("rb") as spool:
            for line in spool:
                values = msgspec.json.decode(line)
                row = {name: fit_value(values.get(name), type) for name, type in columns}
                self._rows += hashlib.sha256(encode_row(row)).digest()[:8]
                placed = {str(at): value for at, value in enumerate(row.values())}
                typed = _encode(placed) + b"\n"
                longest = max(longest, len(typed))
                self._files.append(self._typed, typed)
        self._files.close(self._typed)
        parquet.write_parquet(self._typed, longest, columns, self.temporary)
        self._spool.unlink()
        self._typed.unlink()
        with self.temporary.open("rb") as written:
            while data := written.read(2**20):
                self._hash.update(data)
                self._bytes += len(data)
        return super().finish()

    def _admit(self, column: str) -> None:
        if not column:
            raise Unfit("it has a column without a name, and parquet names every column")
        same = self._folded.setdefault(column.lower(), column)
        if same != column:
            raise Unfit(f"its columns `{same}` and `{column}` differ in case alone, which parquet does not tell apart")


def encode_row(row: Mapping[str, Any]) -> bytes:
    """A row of parquet as the line of JSON whose digest is kept."""
    return _encode(row) + b"\n"


_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:[eE][+-]?\d+)?%?")


def escape_formula(cell: str) -> str:
    """The cell with a `'` in front if a spreadsheet would take it for a formula; plain numbers are none."""
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def read_records(path: Path, format: FileFormat) -> Iterator[bytes]:
    """The rows of a written file as bytes with their newline: the pieces whose digests `OutputDigest` holds.

    Raises:
        OSError: it cannot be read, or is parquet no more.
    """
    if format == "parquet":
        try:
            yield from map(encode_row, parquet.read_parquet(path))
        except parquet.BadParquet as error:
            raise OSError(str(error)) from None
    elif format != "card":
        with path.open("rb") as stream:
            yield from split_records(stream, format)


def split_records(stream: BinaryIO, format: Literal["jsonl", "csv"]) -> Iterator[bytes]:
    """The rows of a text. A CSV row may hold several lines, its quotes then being odd up to the last of them."""
    pending = b""
    for line in stream:
        pending += line
        if format == "jsonl" or pending.count(b'"') % 2 == 0:
            yield pending
            pending = b""
    if pending:
        yield pending
