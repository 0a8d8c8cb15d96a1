"""Reads and writes `.refplan` files: streaming, hashed, atomic."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pydantic import ValidationError

from refinelab_dsl.artifacts.plan import FORMAT_VERSION, Candidate, Header, Record, Step, Trailer
from refinelab_dsl.artifacts.plan_check import BodyCheck, Contradiction, check_header
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import plan as faults

SUFFIX = ".refplan"


def dump_record(record: Record) -> bytes:
    """One line of a plan, without its newline: a pure function of the record."""
    return record.model_dump_json().encode()


def write_plan(path: Path, header: Header, body: Iterable[Candidate | Step]) -> str:
    """Writes a plan and returns its id, the SHA-256 (hex) of its trailer line.

    `body` holds the removal candidates first, then the steps. The file appears whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    digest = hashlib.sha256()
    steps = candidates = 0
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:

            def put(line: bytes) -> None:
                digest.update(line)
                stream.write(line)

            put(dump_record(header) + b"\n")
            for record in body:
                if isinstance(record, Step):
                    steps += 1
                else:
                    candidates += 1
                put(dump_record(record) + b"\n")
            trailer = dump_record(Trailer(steps=steps, candidates=candidates, sha256=digest.hexdigest()))
            stream.write(trailer + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return hashlib.sha256(trailer).hexdigest()


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan on disk whose hash was checked. Steps and candidates are read as a stream."""

    path: Path
    header: Header
    trailer: Trailer
    plan_id: str

    @staticmethod
    def open(path: Path) -> tuple[PlanFile | None, tuple[Diagnostic, ...]]:
        """The plan in `path`, its bytes checked against its trailer; or what is wrong with the file."""
        try:
            return _open(path), ()
        except _Unreadable as problem:
            return None, (problem.diagnostic,)
        except OSError as error:
            return None, (faults.plan_unreadable(str(path), error.strerror or str(error)),)

    def candidates(self) -> Iterator[Candidate]:
        """The removal candidates, per removal in rank order."""
        for line in self._body(b'{"record":"candidate"'):
            yield Candidate.model_validate_json(line)

    def steps(self) -> Iterator[Step]:
        """The steps in id order."""
        for line in self._body(b'{"record":"step"'):
            yield Step.model_validate_json(line)

    def _body(self, prefix: bytes) -> Iterator[bytes]:
        with self.path.open("rb") as stream:
            for line in stream:
                if line.startswith(prefix):
                    yield line


class _Unreadable(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def is_plan(path: Path) -> bool:
    """Whether a file looks like a plan: by its first bytes, not by its name."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip(b"\xef\xbb\xbf").startswith(b'{"record":"header"')
    except OSError:
        return False


def _open(path: Path) -> PlanFile:
    name = str(path)
    digest = hashlib.sha256()
    header_line: bytes | None = None
    last = b""
    steps = candidates = 0
    with path.open("rb") as stream:
        for line in stream:
            if header_line is None:
                header_line = line
            if last:
                digest.update(last)
                steps += last.startswith(b'{"record":"step"')
                candidates += last.startswith(b'{"record":"candidate"')
            last = line
    if header_line is None or not header_line.startswith(b'{"record":"header"'):
        raise _Unreadable(faults.not_a_plan(name))
    _check_version(name, header_line)
    if not last.startswith(b'{"record":"trailer"') or not last.endswith(b"\n"):
        raise _Unreadable(faults.plan_truncated(name))
    try:
        trailer = Trailer.model_validate_json(last)
    except ValidationError:
        raise _Unreadable(faults.plan_damaged(name)) from None
    counted = (steps, candidates) == (trailer.steps, trailer.candidates)
    if trailer.sha256 != digest.hexdigest() or not counted or dump_record(trailer) + b"\n" != last:
        raise _Unreadable(faults.plan_damaged(name))
    try:
        header = Header.model_validate_json(header_line)
    except ValidationError as error:
        first = error.errors()[0]
        raise _Unreadable(faults.plan_foreign(name, ".".join(map(str, first["loc"])), first["msg"])) from None
    try:
        check_header(header)
        _check_body(path, header)
    except Contradiction as problem:
        raise _Unreadable(faults.plan_foreign(name, problem.field, problem.reason)) from None
    return PlanFile(path, header, trailer, hashlib.sha256(last.rstrip(b"\n")).hexdigest())


def _check_body(path: Path, header: Header) -> None:
    check = BodyCheck(header)
    with path.open("rb") as stream:
        next(stream)
        for line in stream:
            if line.startswith(b'{"record":"trailer"'):
                break
            check.check_line(line)
    check.check_end()


def _check_version(name: str, header_line: bytes) -> None:
    try:
        fields = msgspec.json.decode(header_line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        is_whole = header_line.endswith(b"\n")
        raise _Unreadable(faults.plan_damaged(name) if is_whole else faults.plan_truncated(name)) from None
    version = str(fields.get("format_version", "")) if isinstance(fields, dict) else ""
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise _Unreadable(faults.plan_version(name, version, FORMAT_VERSION))
