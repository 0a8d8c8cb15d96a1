"""Replies by content: the one truth for what was paid for.

SQLite in WAL mode, every put durable on return (`synchronous = FULL`). A reply is stored once under the SHA-256 of
its canonical bytes; an index leads from a call's content key to the reply. Failures are never stored. The file may
hold private text, so it is made with mode 0600 before the first byte is written.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from refinelab_dsl.prompts.request import Completion

VERSION: Final = 1
_BUSY_SECONDS: Final = 60.0

_SCHEMA: Final = """
CREATE TABLE replies (hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The store cannot be used: corrupt, from a newer version, not writable, no file. The message says which."""


@dataclass(frozen=True, slots=True)
class StoredReply:
    reply_hash: str
    completion: Completion


class Store:
    """The reply store at `path`; made where it is missing. Any thread may call it, and several processes may have
    it open.

    Raises:
        StoreError: in every method, where the file is no usable store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            _prepare_file(path)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the store {path.name}: {_reason(error)}") from error
        try:
            with self._speaking():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._make_tables()
        except StoreError:
            self._connection.close()
            raise

    def get(self, request_key: str) -> StoredReply | None:
        """The reply to the call with this content key, None where it was never answered."""
        with self._speaking():
            row = self._connection.execute(
                "SELECT hash, body FROM requests JOIN replies ON reply = hash WHERE key = ?", (request_key,)
            ).fetchone()
        return None if row is None else StoredReply(row[0], _load(row[0], row[1]))

    def holds(self, request_key: str) -> bool:
        """Whether the call with this content key is answered."""
        with self._speaking():
            row = self._connection.execute(
                "SELECT 1 FROM requests JOIN replies ON reply = hash WHERE key = ?", (request_key,)
            ).fetchone()
        return row is not None

    def leads_to(self, request_key: str, reply_hash: str) -> bool:
        """Whether the call with this content key is answered by this very reply."""
        with self._speaking():
            row = self._connection.execute(
                "SELECT 1 FROM requests JOIN replies ON reply = hash WHERE key = ? AND hash = ?",
                (request_key, reply_hash),
            ).fetchone()
        return row is not None

    def answered(self) -> frozenset[str]:
        """The hashes of the replies that some call leads to."""
        with self._speaking():
            rows = self._connection.execute("SELECT hash FROM requests JOIN replies ON reply = hash").fetchall()
        return frozenset(row[0] for row in rows)

    def reply(self, reply_hash: str) -> Completion | None:
        """The reply with this hash, None where the store does not have it."""
        with self._speaking():
            row = self._connection.execute("SELECT body FROM replies WHERE hash = ?", (reply_hash,)).fetchone()
        return None if row is None else _load(reply_hash, row[0])

    def put(self, request_key: str, completion: Completion) -> str:
        """Stores a reply and returns its hash. On disk when it returns. A later reply to the same call replaces the
        earlier one in the index; both stay under their hashes."""
        return self.put_many([(request_key, completion)])[0]

    def put_many(self, replies: Iterable[tuple[str, Completion]]) -> tuple[str, ...]:
        """Stores (request key, reply) pairs with one write to disk: all of them or none."""
        rows = [(key, *_dump(completion)) for key, completion in replies]
        with self._speaking():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO replies VALUES (?, ?)", [(digest, body) for _, digest, body in rows]
                )
                self._connection.executemany(
                    "INSERT INTO requests VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET reply = excluded.reply",
                    [(key, digest) for key, digest, _ in rows],
                )
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return tuple(digest for _, digest, _ in rows)

    def count(self) -> int:
        """Replies in the store."""
        with self._speaking():
            return int(self._connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """The store is not used afterwards."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """One thread at a time speaks to SQLite; its errors become ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StoreError(f"cannot use the store {self.path.name}: {_reason(error)}") from error

    def _make_tables(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version == VERSION:
            return
        if version > VERSION:
            raise StoreError(f"the store {self.path.name} was made by a newer version of refinec")
        self._connection.execute("BEGIN IMMEDIATE")  # of two processes that get here, the second finds it done
        try:
            if not self._connection.execute("PRAGMA user_version").fetchone()[0]:
                if self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                    raise StoreError(f"{self.path.name} is a database, but no store of refinec")
                for statement in _SCHEMA.strip().split(";\n"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def reply_hash(completion: Completion) -> str:
    """SHA-256 (hex) of a reply's canonical bytes."""
    return _dump(completion)[0]


def _dump(completion: Completion) -> tuple[str, bytes]:
    body = msgspec.json.encode(completion, order="deterministic")
    return hashlib.sha256(body).hexdigest(), body


def _load(expected: str, body: object) -> Completion:
    if not isinstance(body, bytes) or hashlib.sha256(body).hexdigest() != expected:
        raise StoreError(f"the store is corrupt: reply {expected[:16]} does not match its hash")
    try:
        return msgspec.json.decode(body, type=Completion)
    except msgspec.MsgspecError as error:
        raise StoreError(f"the store is corrupt: reply {expected[:16]} cannot be read") from error


def _prepare_file(path: Path) -> None:
    """Makes the file with mode 0600, or tightens one of ours. A link is refused: it may lead out of the project."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path.name} is no regular file") from None
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            path.chmod(0o600)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).lower()
