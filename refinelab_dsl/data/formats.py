"""JSON Lines and CSV as streams of rows: exact line, row number, and either the row or what is wrong with it."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO, TypeAlias

import msgspec

from refinelab_dsl.data.streams import MAX_LINE, read_lines
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.source import Place

Row: TypeAlias = tuple[int, int, dict[str, Any] | Diagnostic]
"""`(first physical line, row number, row or what is wrong)`; both count from 1, a header row is no row."""

MAX_FIELD = 32 << 20  # characters of one CSV field
DELIMITERS = (",", ";", "\t")

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NOT_FINITE = re.compile(rb"-?(NaN|Infinity|nan|inf)")
_WHITE = b" \t\r\n"


class UnreadableFile(Exception):
    """The file cannot be read from here on: carries the diagnostic, no row follows."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def read_jsonl(stream: BinaryIO, name: str) -> Iterator[Row]:
    """One JSON object per line; empty lines are passed over.

    Integers of any size stay exact. Strict JSON: no NaN, no Infinity, no lone surrogate.
    """
    decode = msgspec.json.Decoder().decode
    row = 0
    for number, line in enumerate(read_lines(stream), 1):
        try:
            value = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if not line.strip(_WHITE):
                continue
            row += 1
            reason, help = explain_json(line, error, row)
            yield number, row, faults.bad_row(Place(name, number, row), reason, help)
            continue
        row += 1
        if value.__class__ is dict:
            yield number, row, value
        else:
            help = _ONE_PER_LINE if row == 1 and isinstance(value, list) else None
            yield number, row, faults.bad_row(Place(name, number, row), f"{name_kind(value)}, no JSON object", help)


def read_csv(
    stream: BinaryIO, name: str, columns: Sequence[str] | None, delimiter: str | None, wanted: Collection[str]
) -> Iterator[Row]:
    """Records of a CSV file (RFC 4180; quoted fields may hold newlines, `""` is a quote), as text by column.

    columns: names of a file without a header row; else its first record names them.
    delimiter: None detects it from the first record, among `,` `;` and tab: with `columns`, the first that gives as
        many fields as there are names; with a header, the first whose header holds every name in `wanted`; else the
        one that gives the most fields, the comma before the semicolon before the tab.
    Lines with nothing on them are passed over. After a record that cannot be read, reading goes on at the next line.

    Raises:
        UnreadableFile: there is no header that could be used.
    """
    # The limit is the csv module's own global; it only keeps a quote that never closes from swallowing the file.
    csv.field_size_limit(MAX_FIELD)
    feed = _Feed(stream)
    head, lines = _head(feed)
    if delimiter is None:
        delimiter = _detect_delimiter(head, columns, wanted)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names = (_read_header(reader, feed, name) or []) if columns is None else list(columns)
    width = len(names)
    if not width:
        return
    for column in wanted:
        if column not in names:
            raise UnreadableFile(faults.missing_column(name, column, names, columns is None, Place(name, 1)))
    row = 0
    while True:
        first = feed.line + 1
        feed.broken = None
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row += 1
            reason, help = _explain_csv(str(error))
            yield first, row, faults.bad_row(Place(name, first, row), reason, help)
            continue
        if not record:
            continue
        row += 1
        if feed.broken is not None:
            help = "convert the file to UTF-8 (it may be Windows-1252)"
            yield first, row, faults.bad_row(Place(name, feed.broken[0], row), feed.broken[1], help)
        elif len(record) == width:
            yield first, row, dict(zip(names, record, strict=True))
        else:
            there = "1 field" if len(record) == 1 else f"{len(record)} fields"
            reason = f"{there} where {'`columns` names' if columns is not None else 'the header has'} {width}"
            help = f"fields are split at {_DELIMITER_NAMES[delimiter]}; a field that holds one is quoted"
            yield first, row, faults.bad_row(Place(name, first, row), reason, help)


def sniff_csv(
    stream: BinaryIO, columns: Sequence[str] | None, delimiter: str | None, wanted: Collection[str]
) -> tuple[tuple[str, ...], str]:
    """Column names and delimiter, as `read_csv` would take them; no names for a file without any record."""
    csv.field_size_limit(MAX_FIELD)
    head, _ = _head(_Feed(stream))
    delimiter = delimiter or _detect_delimiter(head, columns, wanted)
    names = columns if columns is not None else _name_columns(_first_record(head, delimiter))
    return tuple(names), delimiter


_NO_OBJECT = "JSON Lines holds one JSON object on each line; a table with a header line is `format = csv`"
_ONE_PER_LINE = "JSON Lines holds one object on each line; this looks like one JSON text over several lines"
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}


class _Feed:
    """Physical lines as text for `csv.reader`, counted. A line that is not UTF-8 is remembered in `broken`."""

    def __init__(self, stream: BinaryIO) -> None:
        self.line = 0
        self.broken: tuple[int, str] | None = None
        self._lines = read_lines(stream)
        self._rest: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._rest:
            self.line += 1
            return self._rest.pop()
        line = next(self._lines)
        self.line += 1
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            text = line.decode("utf-8", "replace")
            self.broken = self.broken or (self.line, _not_utf8(error))
        if "\r" in text and text.find("\r", 0, -2) >= 0:
            # Files of old Macs end lines with "\r" alone, which csv takes only at the end of what it is given.
            pieces = re.split(r"(?<=\r)(?!\n)", text)
            self._rest = [piece for piece in reversed(pieces[1:]) if piece]
            return pieces[0]
        return text


class _Replay:
    """The lines that were looked at, then the others; `feed.line` follows what has been handed on."""

    def __init__(self, feed: _Feed, seen: list[tuple[str, tuple[int, str] | None]]) -> None:
        self._feed = feed
        self._seen = seen[::-1]
        feed.line = 0
        feed.broken = None

    def __iter__(self) -> _Replay:
        return self

    def __next__(self) -> str:
        if not self._seen:
            return next(self._feed)
        text, broken = self._seen.pop()
        self._feed.line += 1
        self._feed.broken = self._feed.broken or broken
        return text


def _head(feed: _Feed) -> tuple[list[str], _Replay]:
    """The first lines, enough for one record of any ordinary file, and an iterator over all lines."""
    seen: list[tuple[str, tuple[int, str] | None]] = []
    size = 0
    for text in feed:
        seen.append((text, feed.broken))
        feed.broken = None
        size += len(text)
        if len(seen) >= 50 or size > 1 << 20:
            break
    return [text for text, _ in seen], _Replay(feed, seen)


def _detect_delimiter(head: list[str], columns: Sequence[str] | None, wanted: Collection[str]) -> str:
    counts: dict[str, int] = {}
    for delimiter in DELIMITERS:
        first = _first_record(head, delimiter)
        if columns is not None and len(first) == len(columns):
            return delimiter
        if columns is None and wanted and set(wanted) <= set(first):
            return delimiter
        counts[delimiter] = len(first)
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _first_record(head: list[str], delimiter: str) -> list[str]:
    try:
        return next((record for record in csv.reader(head, delimiter=delimiter) if record), [])
    except csv.Error:
        return []


def _read_header(reader: Iterator[list[str]], feed: _Feed, name: str) -> list[str] | None:
    """Column names as they stand; None for a file without any record."""
    try:
        record = next((record for record in reader if record), None)
    except csv.Error as error:
        reason, help = _explain_csv(str(error))
        raise UnreadableFile(faults.bad_row(Place(name, 1), f"the header: {reason}", help)) from None
    if record is None:
        return None
    if feed.broken is not None:
        raise UnreadableFile(faults.not_utf8(name, f"in another encoding (line {feed.broken[0]}: {feed.broken[1]})"))
    names = _name_columns(record)
    for position, column in enumerate(names):
        if column in names[:position]:
            raise UnreadableFile(faults.duplicate_column(name, column, Place(name, 1)))
    return names


def _name_columns(header: Sequence[str]) -> list[str]:
    """Names as they stand; a column without one is called by its position, `column_8` (tables exported with empty
    columns at their end have several)."""
    return [column or f"column_{position}" for position, column in enumerate(header, 1)]


def explain_json(line: bytes, error: Exception, row: int) -> tuple[str, str | None]:
    """Why a line is no JSON, in words a user can act on."""
    if len(line) > MAX_LINE:
        return f"the line is longer than {MAX_LINE >> 20} MiB", None
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as problem:
        return _not_utf8(problem), "convert the file to UTF-8 (it may be Windows-1252)"
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply", None
    message, _, position = str(error).removeprefix("JSON is malformed: ").partition(" (byte ")
    message = message.partition(" - at ")[0]
    at = int(position.rstrip(")")) if position else None
    if at is not None and (match := _NOT_FINITE.search(line, max(at - 4, 0))) and match.start() <= at:
        return f"{match[0].decode()} is no JSON value", "write null, or leave the key out"
    is_cut_pair = _SURROGATE.search(line) is not None and line.rstrip(_WHITE).endswith(b"}")
    if "utf-16 surrogate" in message or ("truncated" in message and is_cut_pair):
        return "a \\u escape is half of a surrogate pair and stands for no character", None
    help = None
    if row == 1 and line.strip(_WHITE)[:1] not in (b"[", b"{"):
        help = _NO_OBJECT
    elif row == 1 and len(line) < 200:
        help = _ONE_PER_LINE
    if "truncated" in message:
        return "the JSON on this line is not complete", help
    place = f" at byte {at + 1} of the line" if at is not None else ""
    return f"no JSON: {message[:1].lower()}{message[1:]}{place}", help


def _explain_csv(message: str) -> tuple[str, str | None]:
    if "unexpected end of data" in message:
        return "a quote opens here that is never closed", 'inside a quoted field a quote is written twice: `""`'
    if "field larger than field limit" in message:
        return f"a field is longer than {MAX_FIELD >> 20} Mi characters; a quote may never be closed", None
    if "expected after" in message:
        return "a quoted field is followed by more text", 'inside a quoted field a quote is written twice: `""`'
    return f"no CSV: {message}", None


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8: byte 0x{error.object[error.start]:02X} at byte {error.start + 1} of the line"


def name_kind(value: Any) -> str:
    """`a list`, for a value of JSON that is no object."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else "a number"
