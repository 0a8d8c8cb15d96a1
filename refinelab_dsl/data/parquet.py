"""Parquet through DuckDB: rows of a file as a stream, and a file from rows that wait in a spool.

One thread, rows in order, and no network: DuckDB may load no extension. The same rows give the same bytes under one
version of DuckDB, whose name stands in every file that it writes.
"""

from __future__ import annotations

import base64
import datetime
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from refinelab_dsl.data.column_types import NULL, ColumnType

if TYPE_CHECKING:
    import duckdb

_ROWS_PER_GROUP = 10_240  # held in memory while a group is written
_ROWS_AT_ONCE = 1024
_ROOM = 1 << 20  # bytes for one row of the spool, at least; DuckDB takes a multiple of it
_SETTINGS: Final[Mapping[str, str]] = {
    "threads": "1",
    "memory_limit": "2GB",
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_SPELLINGS: Final[Mapping[str, str]] = {
    "null": "VARCHAR", "bool": "BOOLEAN", "integer": "BIGINT", "long": "BIGINT", "number": "DOUBLE", "text": "VARCHAR",
}  # fmt: skip


class BadParquet(Exception):
    """The file is no parquet that can be read; the argument says why."""


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file in order, by column. Dates, times and intervals come as ISO text, bytes in base 64.

    Raises:
        BadParquet, OSError
    """
    with path.open("rb"):
        pass  # what the system says of the file, in its words
    with _connect() as session:
        try:
            cursor = session.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [_literally(path)])
            names = [column[0] for column in cursor.description or ()]
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                for row in rows:
                    yield {name: _plain(value) for name, value in zip(names, row, strict=True)}
        except _errors() as error:
            raise BadParquet(_first_line(error)) from None


def write_parquet(spool: Path, longest: int, columns: Sequence[tuple[str, ColumnType]], target: Path) -> None:
    """A file of the rows in `spool`: JSON Lines whose keys are the positions of their columns (`{"0": …}`).

    longest: bytes of the longest line.

    Raises:
        OSError: it cannot be written.
    """
    types = ", ".join(f"{_quote(str(at))}: {_literal(_spell(type))}" for at, (_, type) in enumerate(columns))
    chosen = ", ".join(f"{_quote(str(at))} AS {_quote(name)}" for at, (name, _) in enumerate(columns))
    room = max(_ROOM, 2 * longest)
    with _connect() as session:
        try:
            session.execute(
                f"COPY (SELECT {chosen} FROM read_json({_literal(_literally(spool))}, columns = {{{types}}}, "
                f"format = 'newline_delimited', compression = 'none', maximum_object_size = {room})) "
                f"TO {_literal(str(target.absolute()))} (FORMAT parquet, COMPRESSION zstd, "
                f"ROW_GROUP_SIZE {_ROWS_PER_GROUP}, USE_TMP_FILE false)"
            )
        except _errors() as error:
            raise OSError(_first_line(error)) from None


@contextmanager
def _connect() -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    session = duckdb.connect(":memory:", config=dict(_SETTINGS))
    try:
        yield session
    finally:
        session.close()


def _errors() -> type[Exception]:
    import duckdb

    return duckdb.Error


def _first_line(error: Exception) -> str:
    """DuckDB's words without the kind of its error, the query, and the path, which the diagnostic names."""
    text = str(error).partition("\n")[0]
    return text.partition(" Error: ")[2] or text


def _spell(type: ColumnType) -> str:
    """The type in DuckDB's words."""
    if type.kind == "list":
        return f"{_spell(type.of or NULL)}[]"
    if type.kind == "map":
        return f"STRUCT({', '.join(f'{_quote(key)} {_spell(entry)}' for key, entry in type.keys.items())})"
    return _SPELLINGS[type.kind]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literally(path: Path) -> str:
    """A path that stands for itself where DuckDB reads patterns."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in os.fspath(path.absolute()))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case None | str() | bool() | int() | float():
            return value
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case dict():
            return {str(key): _plain(entry) for key, entry in value.items()}
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta() | uuid.UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode("ascii")
        case _:
            return value
