"""Replies by content: the one truth for what was paid for.

SQLite in WAL mode, every put durable on return (`synchronous = FULL`). A reply is stored once under the SHA-256 of
its canonical bytes; an index leads from a call's content key to the reply, and says who was asked, with which prompt
and when. Failures are never stored. The file may hold private text, so it is made with mode 0600 before the first byte
is written.

Version 2 knows times and origins. A store of version 1 gets the columns in place, in one transaction, when it is
opened; its replies keep their bytes, and count as stored when that was done.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from refinelab_dsl.prompts.request import Completion
from refinelab_dsl.store.reading import connect_to_read, is_writable

VERSION: Final = 2
UNKNOWN: Final = "unknown"
_BUSY_SECONDS: Final = 60.0
_FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)  # the latter: of a damaged page's text

_SCHEMA: Final = """
CREATE TABLE replies (hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID;
"""
# To version 2. Times are seconds since 1970, NULL where a store of version 1 did not know them.
_TIMES: Final = """
ALTER TABLE replies ADD COLUMN stored_at INTEGER;
ALTER TABLE requests ADD COLUMN provider TEXT;
ALTER TABLE requests ADD COLUMN model TEXT;
ALTER TABLE requests ADD COLUMN template TEXT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_NAME: Final = re.compile(r"[0-9a-f]{64}")  # a key or hash: SHA-256 (hex)


class StoreError(Exception):
    """The store cannot be used: corrupt, from a newer version, not writable, no file. The message says which."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who gave a reply, to which prompt. provider: as the spec names it, or `corpus`, `sandbox`. model: its id."""

    provider: str
    model: str
    template: str = ""


class Bought(NamedTuple):
    """A reply with the content key of its call."""

    key: str
    completion: Completion
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A reply as the store has it, without its text. size: bytes. stored_at: seconds since 1970, of a reply that is not
    `is_dated` the time from which the store knows times. keys: of the calls that lead to it. origin: of the first of
    them; of a reply that no call leads to, or an old store has, what the reply says of its model."""

    hash: str
    size: int
    stored_at: int
    is_dated: bool
    keys: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class StoredReply:
    reply_hash: str
    completion: Completion


class Store:
    """The reply store at `path`; made where it is missing. Any thread may call it, and several processes may have
    it open.

    is_read: it is only asked, so that it is open also where nothing can be written; nothing may be put into it.

    Who asks for a reply has a connection of its own: it does not wait while another thread waits for the disk.

    Raises:
        StoreError: in every method, where the file is no usable store.
    """

    def __init__(self, path: Path, *, is_read: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._is_whole = False  # as far as was looked
        if is_read and path.is_file() and not path.is_symlink() and not is_writable(path):
            self._open_to_read()
            return
        try:
            _prepare_file(path)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the store {path.name}: {_reason(error)}") from error
        try:
            with self._speaking():
                self._recognize()
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._make_tables()
                self._asked = sqlite3.connect(
                    path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
                )
        except StoreError:
            self._connection.close()
            raise

    def _open_to_read(self) -> None:
        try:
            self._connection = connect_to_read(self.path, _BUSY_SECONDS)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the store {self.path.name}: {_reason(error)}") from error
        try:
            with self._speaking():
                if self._recognize() != VERSION:
                    raise StoreError(f"{self.path.name} is of an older version, and cannot be brought up to date here")
        except StoreError:
            self._connection.close()
            raise
        self._asked, self._asking = self._connection, self._lock

    def get(self, request_key: str) -> StoredReply | None:
        """The reply to the call with this content key, None where it was never answered."""
        row = self._find("SELECT hash, body FROM requests JOIN replies ON reply = hash WHERE key = ?", request_key)
        return None if row is None else StoredReply(row[0], _load(row[0], row[1]))

    def holds(self, request_key: str) -> bool:
        """Whether the call with this content key is answered."""
        return self._find("SELECT 1 FROM requests JOIN replies ON reply = hash WHERE key = ?", request_key) is not None

    def leads_to(self, request_key: str, reply_hash: str) -> bool:
        """Whether the call with this content key, which was answered by this very reply, still leads to it.

        Of a damaged page SQLite may find no row and say nothing, so that what is not found is told from what was
        removed: a call goes with its reply, and keys are in their order.

        Raises:
            StoreError: the store is damaged.
        """
        with self._speaking():
            now, is_there = self._connection.execute(
                "SELECT (SELECT reply FROM requests WHERE key = ?), EXISTS (SELECT 1 FROM replies WHERE hash = ?)",
                (request_key, reply_hash),
            ).fetchone()
            if now == reply_hash and is_there:
                return True
            if now == reply_hash:
                raise StoreError(f"the store is corrupt: reply {reply_hash[:16]} is not there, but its call is")
            self._examine()
        return False

    def _find(self, query: str, name: str) -> tuple[Any, ...] | None:
        """The one row of a query about a key or hash."""
        with self._asking:
            try:
                row: tuple[Any, ...] | None = self._asked.execute(query, (name,)).fetchone()
            except _FAULTS as error:
                raise self._fault(error) from error
        return row

    def _examine(self) -> None:
        """Reads the keys of the whole file, once."""
        if self._is_whole:
            return
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"the store is corrupt: {found}")
        for query in ("SELECT key FROM requests", "SELECT hash FROM replies"):  # in the order in which they are stored
            last = ""
            for (name,) in self._connection.execute(query):
                if not isinstance(name, str) or not _NAME.fullmatch(name) or name <= last:
                    raise StoreError("the store is corrupt: its keys are not what was written")
                last = name
        self._is_whole = True

    def answered(self) -> frozenset[str]:
        """The hashes of the replies that some call leads to."""
        with self._speaking():
            rows = self._connection.execute("SELECT hash FROM requests JOIN replies ON reply = hash").fetchall()
        return frozenset(row[0] for row in rows)

    def reply(self, reply_hash: str) -> Completion | None:
        """The reply with this hash, None where the store does not have it."""
        row = self._find("SELECT body FROM replies WHERE hash = ?", reply_hash)
        return None if row is None else _load(reply_hash, row[0])

    def put(self, request_key: str, completion: Completion) -> str:
        """Stores a reply and returns its hash. On disk when it returns. A later reply to the same call replaces the
        earlier one in the index; both stay under their hashes."""
        return self.put_many([(request_key, completion)])[0]

    def put_many(self, replies: Iterable[tuple[str, Completion] | Bought]) -> tuple[str, ...]:
        """Stores replies with the keys of their calls with one write to disk: all of them or none."""
        rows = [(each, *_dump(each.completion)) for each in (Bought(*reply) for reply in replies)]
        now = int(time.time())
        with self._speaking():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO replies (hash, body, stored_at) VALUES (?, ?, ?)",
                    [(digest, body, now) for _, digest, body in rows],
                )
                self._connection.executemany(
                    "INSERT INTO requests (key, reply, provider, model, template) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET reply = excluded.reply, provider = excluded.provider, "
                    "model = excluded.model, template = excluded.template",
                    [(each.key, digest, *_spread(each.origin)) for each, digest, _ in rows],
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

    def kept(self) -> Iterator[Kept]:
        """All replies, by hash, without their texts. Nobody else may speak to the store before the last one."""
        with self._speaking():
            rows = self._connection.execute(
                "SELECT hash, length(body), stored_at, (SELECT value FROM facts WHERE name = 'times_since'), key, "
                "provider, model, template, CASE WHEN model IS NULL THEN body END "
                "FROM replies LEFT JOIN requests ON reply = hash ORDER BY hash, key"
            )
            for digest, group in groupby(rows, key=itemgetter(0)):
                calls = list(group)
                _, size, at, since, _, provider, model, template, body = calls[0]
                origin = _origin_in(body) if model is None else Origin(provider, model, template)
                keys = tuple(call[4] for call in calls if call[4] is not None)
                yield Kept(digest, size, since if at is None else at, at is not None, keys, origin)

    def remove(self, hashes: Iterable[str]) -> None:
        """Takes replies out, and every call that leads to them, all of them or none; no trace of their text stays in
        the file. Room on the disk is given back by `compact`."""
        doomed = list(hashes)
        with self._speaking():
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute("CREATE TEMP TABLE doomed (hash TEXT PRIMARY KEY) WITHOUT ROWID")
                self._connection.executemany("INSERT OR IGNORE INTO doomed VALUES (?)", [(each,) for each in doomed])
                self._connection.execute("DELETE FROM requests WHERE reply IN (SELECT hash FROM doomed)")
                self._connection.execute("DELETE FROM replies WHERE hash IN (SELECT hash FROM doomed)")
                self._connection.execute("DROP TABLE doomed")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def compact(self) -> None:
        """Gives back the room of what was removed. Needs as much room for a while as is left afterwards."""
        with self._speaking():
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """The store is not used afterwards."""
        with self._asking:
            self._asked.close()
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
            except _FAULTS as error:
                raise self._fault(error) from error

    def _fault(self, error: Exception) -> StoreError:
        return StoreError(f"cannot use the store {self.path.name}: {_reason(error)}")

    def _recognize(self) -> int:
        """Its version, 0 of an empty file. Refuses what is no store of ours before a byte of it changes."""
        self._connection.execute("BEGIN")  # version and tables are read as of one moment
        try:
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            tables = int(self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
        finally:
            self._connection.execute("ROLLBACK")
        if version > VERSION:
            raise StoreError(f"the store {self.path.name} was made by a newer version of refinec")
        if not version and tables:
            raise StoreError(f"{self.path.name} is a database, but no store of refinec")
        return version

    def _make_tables(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version == VERSION:
            return
        self._connection.execute("BEGIN IMMEDIATE")  # of two processes that get here, the second finds it done
        try:
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if not version:
                self._run(_SCHEMA)
            if version < VERSION:
                self._run(_TIMES)
                self._connection.execute("INSERT INTO facts VALUES ('times_since', ?)", (int(time.time()),))
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _run(self, statements: str) -> None:
        for statement in statements.strip().split(";\n"):  # `executescript` would commit what is open
            self._connection.execute(statement)


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


def _spread(origin: Origin | None) -> tuple[str | None, str | None, str | None]:
    return (None, None, None) if origin is None else (origin.provider, origin.model, origin.template)


def _origin_in(body: object) -> Origin:
    """What a reply itself tells of who gave it; it is not judged here."""
    try:
        completion = msgspec.json.decode(body if isinstance(body, bytes) else b"", type=Completion)
    except msgspec.MsgspecError:
        return Origin(UNKNOWN, UNKNOWN)
    return Origin("simulated" if completion.simulated else UNKNOWN, completion.model or UNKNOWN)


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
