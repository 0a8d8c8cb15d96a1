"""Databases of ours that are only read, also where nothing can be written: on a read-only file system, or in the folder
of another user."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote


def is_writable(path: Path) -> bool:
    """Whether a database, and the files that SQLite keeps beside it, can be written here."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def connect_to_read(path: Path, timeout: float = 5.0) -> sqlite3.Connection:
    """A connection that writes nothing; any thread may use it.

    A database in WAL mode needs files beside it, which SQLite makes where they are missing. Where it cannot, a database
    whose log is empty is read as it stands: nobody has it open, or there would be one.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    log = path.with_name(f"{path.name}-wal")
    stands_alone = not is_writable(path) and not (log.exists() and log.stat().st_size)
    uri = f"file:{quote(str(path.resolve()))}?mode=ro{'&immutable=1' if stands_alone else ''}"
    return sqlite3.connect(uri, uri=True, timeout=timeout, check_same_thread=False, isolation_level=None)
