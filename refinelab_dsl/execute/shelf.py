"""What a run needs of its dataset while it makes calls: the items that steps name, and the likeness to all others."""

from __future__ import annotations

import os
import pickle
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path

from refinelab_dsl.data.items import Item
from refinelab_dsl.likeness import Nearest

_COMMIT_EVERY = 10_000
_RECENT = 256


class Shelf:
    """Source items by key, in a scratch database that vanishes with the process: memory does not grow with the plan."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where the scratch file is made (and unlinked at once).

        Raises:
            OSError: it cannot be written.
        """
        path = folder / ".items.tmp"
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # items are the owner's to read, too
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = OFF")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("CREATE TABLE items (key TEXT PRIMARY KEY, item BLOB) WITHOUT ROWID")
        except sqlite3.Error as error:
            raise OSError(str(error)) from error
        finally:
            path.unlink(missing_ok=True)
        self._recent: dict[str, Item] = {}
        self.ids: dict[str, str] = {}  # key -> the user's id, of removal candidates that have one of their own

    def fill(
        self, items: Iterable[Item], wanted: frozenset[str], candidates: frozenset[str], originals: Collection[Nearest]
    ) -> None:
        """Reads the dataset once: keeps the `wanted` items, the ids of removal `candidates`, and puts all of
        them among the `originals`.

        Raises:
            OSError: the scratch file cannot be written.
        """
        try:
            self._connection.execute("BEGIN")
            for count, item in enumerate(items):
                for neighbours in originals:
                    neighbours.add(item)
                if item.key in candidates and item.id != item.key:
                    self.ids[item.key] = item.id
                if item.key in wanted:
                    row = (item.key, pickle.dumps(item))
                    self._connection.execute("INSERT OR IGNORE INTO items VALUES (?, ?)", row)
                if count % _COMMIT_EVERY == _COMMIT_EVERY - 1:
                    self._connection.execute("COMMIT")
                    self._connection.execute("BEGIN")
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise OSError(str(error)) from error

    def find(self, key: str) -> Item | None:
        """The item with this key, None if the dataset has none."""
        item = self._recent.get(key)
        if item is None:
            row = self._connection.execute("SELECT item FROM items WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            item = pickle.loads(row[0])  # written by this process a moment ago
            if len(self._recent) >= _RECENT:
                del self._recent[next(iter(self._recent))]
            self._recent[key] = item
        return item

    def close(self) -> None:
        """Drops everything."""
        self._connection.close()
