"""The journal: what a run was about to ask and what it was told, in SQLite, durable before it counts.

An intent stands before its call and a result before its use, so a process that is killed at any point leaves a
record from which it is known what was bought (answered), what may have been (sent, never answered) and what was
not. Replies go to the store first; the journal holds their hash. Writes are done by one thread, which commits what
has piled up as one transaction (group commit): durability costs one fsync per group, not per call.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from refinelab_dsl.execute.ledger import Amount
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.store.reading import connect_to_read
from refinelab_dsl.store.store import Bought, Origin, Store, StoreError

State = Literal["open", "answered", "failed", "lost"]

SCHEMA_VERSION = 1
_GROUP = 256  # writes per transaction at most

_SCHEMA = """
CREATE TABLE calls (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  part INTEGER NOT NULL,            -- 0 the step's call, 1 its repair
  request_key TEXT NOT NULL,
  model TEXT NOT NULL,
  state TEXT NOT NULL,              -- open | answered | failed (not charged) | lost (sent, may be charged)
  reserved_tokens INTEGER NOT NULL,
  reserved_usd TEXT,                -- decimal dollars; NULL: price unknown
  reply TEXT,                       -- hash of the reply in the store
  input_tokens INTEGER, output_tokens INTEGER, cached_input_tokens INTEGER,
  settled_tokens INTEGER, settled_usd TEXT,
  cached INTEGER NOT NULL DEFAULT 0,
  sent_at REAL, seconds REAL,
  failure TEXT, message TEXT
);
CREATE INDEX calls_by_step ON calls (step, part, id);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_BATCHES = """
CREATE TABLE IF NOT EXISTS batches (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  token TEXT NOT NULL,              -- in the metadata at the provider: by it a batch is found whose id is not here
  sha256 TEXT NOT NULL,             -- of the file of requests
  last_call INTEGER NOT NULL,       -- the last intent before it: later ones of the same request are not in it
  made_at REAL NOT NULL,
  file TEXT,                        -- ids at the provider, as they became known
  batch TEXT
);
CREATE TABLE IF NOT EXISTS batch_lines (
  batch INTEGER NOT NULL, request_key TEXT NOT NULL, PRIMARY KEY (batch, request_key)
) WITHOUT ROWID;
"""


class JournalError(Exception):
    """The journal cannot be read (`damaged`) or written (disk full, read-only, permission)."""

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that is about to be made. `part` is 0 for the step's call and 1 for its repair."""

    step: int
    part: int
    request_key: str
    model: str
    reserved: Amount


@dataclass(frozen=True, slots=True)
class Entry:
    """A call as the journal knows it; see the table above."""

    id: int
    step: int
    part: int
    request_key: str
    model: str
    state: State
    reserved: Amount
    reply: str | None
    usage: Usage | None
    settled: Amount
    cached: bool
    sent_at: float | None
    seconds: float | None
    failure: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """A batch as the journal knows it. keys: of its requests. file, batch: ids at the provider, None until known."""

    id: int
    model: str
    token: str
    last_call: int
    made_at: float
    file: str | None
    batch: str | None
    keys: frozenset[str]


@dataclass(slots=True)
class _Write:
    statement: str
    values: Sequence[Any]
    completions: Sequence[Bought]  # the hash of the first becomes `values[0]`
    waiter: asyncio.Future[str | None] | None  # is given that hash


def create_journal(path: Path) -> None:
    """Makes the empty journal of a new run, so that one which is gone later is known to be.

    Raises:
        JournalError: the folder cannot be written.
    """
    try:
        path.touch(mode=0o600)
        connection = _connect(path)
        try:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise _journal_error(error) from error


class Journal:
    """One run's journal. Opened and closed by the event loop's thread; `store` receives replies before it does."""

    def __init__(self, path: Path, store: Store) -> None:
        """Opens the journal that `create_journal` made.

        Raises:
            JournalError: it is not there, no journal of ours, or the folder cannot be written.
        """
        self.path = path
        self._store = store
        try:
            if not path.exists():  # what it knew of is spent: a new one would let the budget be spent again
                raise JournalError("it is gone", damaged=True)
            self._reader = _connect(path)
            version = self._reader.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                reason = f"its format is {version}; this version reads {SCHEMA_VERSION}" if version else "it is empty"
                raise JournalError(reason, damaged=True)
            self._reader.executescript(f"BEGIN; {_BATCHES} COMMIT;")
            check = self._reader.execute("PRAGMA quick_check(1)").fetchone()[0]
            if check != "ok":
                raise JournalError(check, damaged=True)
            self._last: int = self._reader.execute("SELECT COALESCE(MAX(id), 0) FROM calls").fetchone()[0]
            self._found = self._last  # the last entry that was there
            self._last_batch: int = self._reader.execute("SELECT COALESCE(MAX(id), 0) FROM batches").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            raise _journal_error(error) from error
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._failure: Exception | None = None
        self._writer = threading.Thread(target=self._write_groups, name="journal", daemon=True)
        self._writer.start()

    # ---- writing -------------------------------------------------------------------------------------------------

    async def intend(self, intent: Intent) -> int:
        """Records that a call is about to be made; durable on return, which gives the entry's id.

        Raises:
            JournalError: it could not be recorded; the call may not be made.
        """
        self._last += 1
        number = self._last
        await self._put(
            "INSERT INTO calls (id, step, part, request_key, model, state, reserved_tokens, reserved_usd, sent_at) "
            "VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?)",
            (number, intent.step, intent.part, intent.request_key, intent.model,
             intent.reserved.tokens, _text(intent.reserved.usd), time.time()),
        )
        return number

    async def answer(
        self, number: int, key: str, completion: Completion, settled: Amount, seconds: float,
        parts: Sequence[tuple[str, Completion]] = (), origin: Origin | None = None,
    ) -> str:
        """Records a reply, first in the store, then here; durable on return, which gives the reply's hash.

        parts: what of it answers each of several questions, by their keys, where it answered them together; they are
        kept in its place, and the hash is that of the first. origin: who was asked, for the store.

        Raises:
            JournalError, StoreError: it could not be recorded, and does not count.
        """
        usage = completion.usage
        reply = await self._put(
            "UPDATE calls SET state = 'answered', reply = ?, input_tokens = ?, output_tokens = ?, "
            "cached_input_tokens = ?, settled_tokens = ?, settled_usd = ?, seconds = ? WHERE id = ?",
            [None, *_usage(usage), settled.tokens, _text(settled.usd), seconds, number],
            completions=[Bought(*part, origin) for part in parts or ((key, completion),)],
        )
        assert reply is not None
        return reply

    async def fail(self, number: int, kind: str, message: str, *, lost: bool) -> None:
        """Records that a call got no answer; `lost` if it may have been charged all the same."""
        await self._put(
            "UPDATE calls SET state = ?, failure = ?, message = ? WHERE id = ?",
            ("lost" if lost else "failed", kind, message, number),
        )

    def hit(self, intent: Intent, reply: str, usage: Usage | None) -> None:
        """Records, without waiting, that the store held the answer."""
        self._last += 1
        self._enqueue(
            "INSERT INTO calls (id, step, part, request_key, model, state, reserved_tokens, reserved_usd, reply, "
            "input_tokens, output_tokens, cached_input_tokens, settled_tokens, settled_usd, cached) "
            "VALUES (?, ?, ?, ?, ?, 'answered', 0, '0', ?, ?, ?, ?, 0, '0', 1)",
            (self._last, intent.step, intent.part, intent.request_key, intent.model, reply, *_usage(usage)),
        )

    def adopt(self, number: int, reply: str, usage: Usage | None, settled: Amount) -> None:
        """Records, without waiting, that the store holds the reply to a call whose result never arrived here."""
        self._enqueue(
            "UPDATE calls SET state = 'answered', reply = ?, input_tokens = ?, output_tokens = ?, "
            "cached_input_tokens = ?, settled_tokens = ?, settled_usd = ? WHERE id = ?",
            (reply, *_usage(usage), settled.tokens, _text(settled.usd), number),
        )

    def mark_lost(self, number: int) -> None:
        """Records, without waiting, that a call was in flight when the process that made it died."""
        self._enqueue("UPDATE calls SET state = 'lost', failure = 'killed' WHERE id = ?", (number,))

    def mark_unsent(self, number: int) -> None:
        """Records, without waiting, that a call waited for a batch that was never made: it costs nothing."""
        self._enqueue("UPDATE calls SET state = 'failed', failure = 'unsent' WHERE id = ?", (number,))

    async def open_batch(self, model: str, token: str, sha256: str, keys: Sequence[str]) -> int:
        """Records that a file of these requests is about to be brought to a provider; durable on return, which gives
        the batch's number here.

        Raises:
            JournalError: it could not be recorded; the batch may not be made.
        """
        self._last_batch += 1
        number = self._last_batch
        self._enqueue(
            "INSERT INTO batch_lines SELECT ?, value FROM json_each(?)", (number, json.dumps(list(keys)))
        )
        await self._put(
            "INSERT INTO batches (id, model, token, sha256, last_call, made_at) VALUES (?, ?, ?, ?, ?, ?)",
            (number, model, token, sha256, self._last, time.time()),
        )
        return number

    async def note_file(self, number: int, file: str) -> None:
        """Records where the file of a batch stands at the provider."""
        await self._put("UPDATE batches SET file = ? WHERE id = ?", (file, number))

    async def note_batch(self, number: int, batch: str) -> None:
        """Records what a batch is called at the provider; durable before anybody waits for it."""
        await self._put("UPDATE batches SET batch = ? WHERE id = ?", (batch, number))

    # ---- reading -------------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[BatchEntry]:
        """All batches, the oldest first."""
        try:
            for row in self._reader.execute(
                "SELECT id, model, token, last_call, made_at, file, batch FROM batches ORDER BY id"
            ):
                lines = self._reader.execute("SELECT request_key FROM batch_lines WHERE batch = ?", (row[0],))
                keys = frozenset(key for (key,) in lines)
                yield BatchEntry(row[0], row[1], row[2], row[3], row[4], row[5], row[6], keys)
        except sqlite3.Error as error:
            raise _journal_error(error) from error

    def find_reply(self, step: int, part: int) -> str | None:
        """The hash of the last reply to a step's call among the entries that were there when it was opened."""
        if not self._found:
            return None
        try:
            row = self._reader.execute(
                "SELECT reply FROM calls WHERE step = ? AND part = ? AND id <= ? AND state = 'answered' "
                "AND reply IS NOT NULL ORDER BY id DESC LIMIT 1", (step, part, self._found),
            ).fetchone()
        except sqlite3.Error as error:
            raise _journal_error(error) from error
        return None if row is None else row[0]

    def entries(self) -> Iterator[Entry]:
        """All entries in the order of their intents."""
        try:
            yield from map(_entry, self._reader.execute(f"SELECT {_COLUMNS} FROM calls ORDER BY id"))
        except sqlite3.Error as error:
            raise _journal_error(error) from error

    def count(self) -> tuple[int, int]:
        """Calls that were made (each try), and answers that the store held; of what is durable."""
        try:
            row = self._reader.execute("SELECT COUNT(*), COALESCE(SUM(cached), 0) FROM calls").fetchone()
        except sqlite3.Error as error:
            raise _journal_error(error) from error
        return row[0] - row[1], row[1]

    # ---- the writer's thread -------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Returns once everything recorded so far is durable."""
        await self._put("SELECT 1", ())

    def close(self) -> None:
        """Writes what is pending and closes; further calls to `close` do nothing."""
        if self._writer.is_alive():
            self._queue.put(None)
            self._writer.join()
        self._reader.close()

    async def _put(
        self, statement: str, values: Sequence[Any], completions: Sequence[Bought] = ()
    ) -> str | None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str | None] = loop.create_future()
        self._enqueue(statement, values, completions, future)
        return await future

    def _enqueue(
        self,
        statement: str,
        values: Sequence[Any],
        completions: Sequence[Bought] = (),
        waiter: asyncio.Future[str | None] | None = None,
    ) -> None:
        self._queue.put(_Write(statement, values, completions, waiter))

    def _write_groups(self) -> None:
        connection: sqlite3.Connection | None = None
        stopping = False
        while not stopping:
            group: list[_Write] = []
            write = self._queue.get()
            while True:
                if write is None:
                    stopping = True
                    break
                group.append(write)
                if len(group) >= _GROUP:
                    break
                try:
                    write = self._queue.get_nowait()
                except queue.Empty:
                    break
            if not group:
                continue
            try:
                connection = connection or _connect(self.path)
                replies = self._write(connection, group)
            except Exception as error:  # whatever it is: who waits for a writer that is gone waits for ever
                _wake(group, error if isinstance(error, StoreError) else _journal_error(error))
            else:
                _wake(group, replies)
        if connection is not None:
            connection.close()

    def _write(self, connection: sqlite3.Connection, group: list[_Write]) -> list[str | None]:
        if self._failure is not None:
            raise self._failure
        replies: list[str | None] = []
        try:
            bought = [kept for write in group for kept in write.completions]
            stored = iter(self._store.put_many(bought) if bought else ())
            with connection:
                connection.execute("BEGIN")
                for write in group:
                    values, reply = write.values, None
                    if write.completions:
                        reply, *_ = [next(stored) for _ in write.completions]
                        values = [reply, *values[1:]]
                    connection.execute(write.statement, values)
                    replies.append(reply)
        except Exception as error:
            # After one failed write nothing more is recorded: a later success would hide the hole.
            self._failure = error
            raise
        return replies


def _wake(group: Sequence[_Write], came: Sequence[str | None] | Exception) -> None:
    """Tells those who wait what came of their writes, all of a loop at once: each call into a loop of another thread is
    a call to the system."""
    replies = [None] * len(group) if isinstance(came, Exception) else came
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[str | None], str | None]]] = {}
    for write, reply in zip(group, replies, strict=True):
        if write.waiter is not None:
            by_loop.setdefault(write.waiter.get_loop(), []).append((write.waiter, reply))
    for loop, waiting in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, waiting, came if isinstance(came, Exception) else None)


def _settle(waiting: Sequence[tuple[asyncio.Future[str | None], str | None]], failure: Exception | None) -> None:
    for waiter, reply in waiting:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(reply)
        else:
            waiter.set_exception(failure)


_COLUMNS = (
    "id, step, part, request_key, model, state, reserved_tokens, reserved_usd, reply, input_tokens, output_tokens, "
    "cached_input_tokens, settled_tokens, settled_usd, cached, sent_at, seconds, failure, message"
)


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of a journal that may belong to a running or a dead process; writes nothing.

    Raises:
        JournalError: it cannot be read.
    """
    try:
        connection = connect_to_read(path)
        try:
            yield from map(_entry, connection.execute(f"SELECT {_COLUMNS} FROM calls ORDER BY id"))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _journal_error(error) from error


def read_spent(path: Path, *, is_dead: bool) -> tuple[Amount, int, int]:
    """What the calls of a journal took, how many of them were made, and how many the store answered; writes nothing.

    is_dead: the process is no more, so that a call without an answer counts at its worst case, as it does to a resume.

    Raises:
        JournalError: it cannot be read.
    """
    spent, calls, cached = Amount(), 0, 0
    try:
        connection = connect_to_read(path)
        try:  # a million calls have a few thousand prices
            for state, is_cached, count, tokens, usd, held_tokens, held_usd in connection.execute(
                "SELECT state, cached, COUNT(*), SUM(settled_tokens), settled_usd, SUM(reserved_tokens), reserved_usd "
                "FROM calls GROUP BY state, cached, settled_usd, reserved_usd"
            ):
                calls, cached = calls + count * (not is_cached), cached + count * bool(is_cached)
                if state == "answered":
                    spent += Amount(tokens or 0, None if usd is None and tokens is not None else count * _decimal(usd))
                elif state == "lost" or (state == "open" and is_dead):
                    spent += Amount(held_tokens, None if held_usd is None else count * Decimal(held_usd))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _journal_error(error) from error
    return spent, calls, cached


def read_replies(path: Path) -> frozenset[str]:
    """The hashes of the replies that a journal's calls were answered with; writes nothing.

    Raises:
        JournalError: it cannot be read.
    """
    try:
        connection = connect_to_read(path)
        try:
            rows = connection.execute("SELECT DISTINCT reply FROM calls WHERE reply IS NOT NULL").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _journal_error(error) from error
    return frozenset(row[0] for row in rows)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _entry(row: tuple[Any, ...]) -> Entry:
    usage = None if row[9] is None else Usage(row[9], row[10], row[11] or 0)
    settled = Amount(row[12] or 0, None if row[12] is not None and row[13] is None else _decimal(row[13]))
    return Entry(
        row[0], row[1], row[2], row[3], row[4], row[5], Amount(row[6], _decimal_or_none(row[7])), row[8], usage,
        settled, bool(row[14]), row[15], row[16], row[17], row[18],
    )


def _usage(usage: Usage | None) -> tuple[int | None, int | None, int | None]:
    return (None, None, None) if usage is None else (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else format(usd, "f")


def _decimal(text: str | None) -> Decimal:
    return Decimal(text or 0)


def _decimal_or_none(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _journal_error(error: Exception) -> JournalError:
    damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    return JournalError(str(error), damaged=damaged)
