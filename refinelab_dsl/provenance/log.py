"""Writes and reads provenance logs: buffered, hash-chained, complete or absent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.data.write import OutputDigest
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults

_LONGEST_LINE = 64 * 2**20  # bytes; no event that we write comes near
_ROWS_PER_EVENT = 256
_DIGEST = 8  # bytes per row


class LogWriter:
    """Writes one log under a temporary name beside `path`; `close` seals it and puts it in place.

    A writer that is not closed leaves nothing at `path`: what was there before still stands. The log of a resumed run
    is written again from its start (the journal knows every reply), so it has the bytes of an uninterrupted one.
    As a context manager it is discarded on the way out unless it was closed.
    """

    def __init__(self, path: Path) -> None:
        """Starts an empty log.

        Raises:
            OSError: the folder cannot be written.
        """
        self._path = path
        self._temporary = path.with_name(f".{path.name}.partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.unlink(missing_ok=True)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._stream = os.fdopen(descriptor, "wb", buffering=2**18)
        self._previous = events.START
        self._count = 0

    def append(self, event: events.AnyEvent) -> None:
        """Adds one event to the chain.

        Raises:
            OSError: the disk is full.
        """
        line = events.encode_line(event, self._previous)
        self._stream.write(line + b"\n")
        self._previous = events.line_hash(line)
        self._count += 1

    def append_output(self, digest: OutputDigest) -> None:
        """Adds an output file's `output` event and the digests of its rows."""
        self.append(
            events.Output(
                name=digest.name, file=digest.file, format=digest.format, rows=digest.rows, size=digest.size,
                sha256=digest.sha256, head=digest.head,
            )
        )
        for first in range(0, digest.rows, _ROWS_PER_EVENT):
            part = digest.row_digests[_DIGEST * first : _DIGEST * (first + _ROWS_PER_EVENT)]
            self.append(events.Rows(file=digest.file, first=first + 1, digests=part.hex()))

    def close(
        self, outputs: Iterable[OutputDigest] = (), *, status: Literal["complete", "partial", "replanned"] = "complete"
    ) -> str:
        """Writes the trailer, puts the file in place and returns the root (hex).

        `outputs` are those given to `append_output`; the trailer names them again, so that an output finds its log.

        Raises:
            OSError: the file cannot be written; nothing at `path` has changed.
        """
        trailer = events.seal(
            events.Trailer(
                events=self._count,
                status=status,
                outputs=tuple(events.Digest(name=each.name, file=each.file, sha256=each.sha256) for each in outputs),
            ),
            self._previous,
        )
        self.append(trailer)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._temporary.replace(self._path)
        return trailer.root

    def discard(self) -> None:
        """Drops what was written, unless the log was closed."""
        if not self._stream.closed:
            self._stream.close()
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event with its line number (from 1)."""

    number: int
    event: events.AnyEvent


@dataclass
class LoggedOutput:
    """An output as a log describes it: its event and the digests of its rows, 8 bytes each."""

    event: events.Output
    digests: bytearray = field(default_factory=bytearray)

    def digest(self, row: int) -> bytes:
        """Of row `row`, from 0; empty past the end."""
        return bytes(self.digests[_DIGEST * row : _DIGEST * (row + 1)])


def gather_outputs(outputs: list[LoggedOutput], event: events.AnyEvent) -> None:
    """Adds what an event says of outputs to those gathered so far."""
    if isinstance(event, events.Output):
        outputs.append(LoggedOutput(event))
    elif isinstance(event, events.Rows) and outputs:
        outputs[-1].digests += bytes.fromhex(event.digests)


def row_digest(row: bytes) -> bytes:
    """The digest of one row: the first 8 bytes of the SHA-256 of its bytes with its newline."""
    return hashlib.sha256(row).digest()[:_DIGEST]


def read_log(path: Path, name: str | None = None) -> Iterator[LogLine | Diagnostic]:
    """The events of a log in order, the chain checked on the way. A break ends the stream with its diagnostic.

    A stream whose last entry is a `LogLine` was whole: every byte is the one that was written under its root.
    `name` is how the file is called in diagnostics.
    """
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            yield from _check_lines(name, stream.readline)
    except OSError as error:
        yield faults.log_unreadable(name, error.strerror or str(error))


def _check_lines(name: str, readline: Callable[[int], bytes]) -> Iterator[LogLine | Diagnostic]:
    expected = events.START
    number = 0
    ended = False
    while raw := readline(_LONGEST_LINE):
        number += 1
        if ended:
            yield faults.log_continues(name, number)
            return
        if not raw.endswith(b"\n"):
            yield faults.log_truncated(name, number)
            return
        line = raw[:-1]
        try:
            event, previous = events.decode_line(line)
        except events.MalformedLine as error:
            yield (faults.not_a_log(name) if number == 1 else faults.log_line_malformed(name, number, str(error)))
            return
        if previous != expected:
            yield faults.log_chain_broken(name, number)
            return
        if number == 1:
            if not isinstance(event, events.Run):
                yield faults.not_a_log(name)
                return
            if event.format_version.partition(".")[0] != events.FORMAT_VERSION.partition(".")[0]:
                yield faults.log_version(name, event.format_version, events.FORMAT_VERSION)
                return
        elif isinstance(event, events.Run):
            yield faults.log_line_malformed(name, number, "a second run starts here")
            return
        if isinstance(event, events.Trailer):
            if event.events != number - 1 or events.seal(event, previous).root != event.root:
                yield faults.log_trailer_changed(name, number)
                return
            ended = True
        yield LogLine(number, event)
        expected = events.line_hash(line)
    if not ended:
        yield faults.log_truncated(name, number + 1)


def read_trailer(path: Path) -> events.Trailer | None:
    """The last line of a log, unchecked: a quick look at its root and outputs. None where it cannot be read."""
    window = 2**16
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            while True:
                start = max(0, end - window)
                stream.seek(start)
                tail = stream.read(end - start)
                if not tail.endswith(b"\n"):
                    return None
                _, newline, line = tail[:-1].rpartition(b"\n")
                if newline or start == 0:
                    break
                window *= 8
        event, _ = events.decode_line(line)
    except (OSError, events.MalformedLine):
        return None
    return event if isinstance(event, events.Trailer) else None
