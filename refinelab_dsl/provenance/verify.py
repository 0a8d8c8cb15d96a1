"""Checks logs, outputs and plans byte by byte against the hashes that were written with them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan_file import SUFFIX, PlanFile, is_plan
from refinelab_dsl.data.sinks import read_records
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.log import LoggedOutput, LogLine, gather_outputs, read_log, read_trailer, row_digest

LOG_NAMES = (".prov.jsonl", "provenance.jsonl")
SAME_ROWS = "its rows are the same, and written in other bytes"
_NO_HEAD = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Verified:
    """What was checked and what was wrong; without diagnostics every byte is the one that was written.

    root: of the log, or the plan's id. outputs: (file, rows) of those that were checked against the log.
    """

    kind: Literal["log", "output", "plan"]
    name: str
    log: Path | None = None
    root: str | None = None
    events: int = 0
    outputs: tuple[tuple[str, int], ...] = ()
    simulated: bool = False
    status: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def verify(path: Path, project: Project, *, log: Path | None = None, root: str | None = None) -> Verified:
    """Verifies what `path` is: a plan, a provenance log with the outputs that it names, or an output.

    log: the log of an output; without it, it is looked for beside the output and in the project's runs.
    root: what the log's root must be: a chain alone is only consistent with itself.
    """
    name = str(path)
    if path.name.endswith(SUFFIX) or is_plan(path):
        plan, diagnostics = PlanFile.open(path)
        return Verified("plan", name, root=plan.plan_id if plan else None, diagnostics=diagnostics)
    if path.name.endswith(LOG_NAMES) or _is_log(path):
        return verify_log(path, project, root=root)
    return _verify_output(path, project, log, root)


def verify_log(path: Path, project: Project, *, root: str | None = None) -> Verified:
    """Verifies a log's chain, then every output that it names."""
    check = _walk(path, root)
    for expected in check.outputs:
        target = _find_output(expected.event.file, check.spec_path, path, project)
        if target is None:
            check.found.append(faults.output_absent(str(path), expected.event.file))
        else:
            check.found.extend(_compare(target, expected))
    return check.verified("log", str(path), path, check.outputs)


def _verify_output(path: Path, project: Project, log: Path | None, root: str | None) -> Verified:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        fault = faults.log_unreadable(str(path), error.strerror or str(error))
        return Verified("output", str(path), diagnostics=(fault,))
    log = log or _find_log(path, digest, project)
    if log is None:
        return Verified("output", str(path), diagnostics=(faults.log_not_found(str(path)),))
    check = _walk(log, root)
    named = [
        expected
        for expected in check.outputs
        if expected.event.sha256 == digest or _is_named(path, expected.event.file)
    ]
    # Where two outputs have the same bytes, the one of this name.
    named = sorted(
        named, key=lambda expected: (expected.event.sha256 != digest, not _is_named(path, expected.event.file))
    )[:1]
    for expected in named:
        check.found.extend(_compare(path, expected))
    if not named and not check.found:
        check.found.append(faults.log_names_no_such_output(str(log), str(path)))
    return check.verified("output", str(path), log, named)


class _Check:
    """What a walk over a log gathers."""

    def __init__(self) -> None:
        self.outputs: list[LoggedOutput] = []
        self.found: list[Diagnostic] = []
        self.root = ""
        self.status: str | None = None
        self.spec_path = ""
        self.simulated = False
        self.events = 0

    def take(self, line: LogLine) -> None:
        self.events = line.number
        match line.event:
            case events.Run() as run:
                self.spec_path = run.spec_path
                self.simulated = run.simulated
            case events.Output() | events.Rows():
                gather_outputs(self.outputs, line.event)
            case events.Trailer() as trailer:
                self.root = trailer.root
                self.status = trailer.status
            case _:
                pass

    def verified(
        self, kind: Literal["log", "output"], name: str, log: Path, outputs: Sequence[LoggedOutput]
    ) -> Verified:
        files = tuple((each.event.file, each.event.rows) for each in outputs)
        return Verified(
            kind, name, log, self.root or None, self.events, files, self.simulated, self.status, tuple(self.found)
        )


def _walk(path: Path, root: str | None) -> _Check:
    """Reads a log to its end. What a broken log says of its outputs proves nothing: they are left out then."""
    check = _Check()
    for entry in read_log(path):
        if isinstance(entry, Diagnostic):
            check.found.append(entry)
            check.outputs.clear()
            check.root = ""
            return check
        check.take(entry)
    if root is not None and check.root != root:
        check.found.append(faults.log_other_root(str(path), check.root, root))
    return check


def _is_log(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(16).startswith(b'{"prev":"')
    except OSError:
        return False


def _find_log(path: Path, digest: str, project: Project) -> Path | None:
    """The log whose trailer holds the file's digest, else the newest that names the file (which was changed then)."""
    by_name: Path | None = None
    for candidate in _find_logs(path, project):
        trailer = read_trailer(candidate)
        if trailer is None:
            continue
        for output in trailer.outputs:
            if output.sha256 == digest:
                return candidate
            if by_name is None and _is_named(path, output.file):
                by_name = candidate
    return by_name


def _is_named(path: Path, file: str) -> bool:
    return path.resolve().as_posix().endswith("/" + file)


def _find_logs(path: Path, project: Project) -> Iterator[Path]:
    for folder in (path.parent, path.parent.parent):
        yield from sorted(folder.glob("*.prov.jsonl"))
    yield from sorted(project.runs.glob("*/provenance.jsonl"), reverse=True)


def _find_output(file: str, spec_path: str, log: Path, project: Project) -> Path | None:
    """Where an output lies: relative to the spec's folder in this project, else to a folder above the log."""
    for base in (project.root / Path(spec_path).parent, project.base, *log.resolve().parents):
        if os.path.isfile(base / file):  # unlike `Path.is_file`, it takes any name
            return base / file
    return None


def _compare(path: Path, expected: LoggedOutput) -> Iterator[Diagnostic]:
    """What differs between an output and its description; nothing if it is byte for byte the same."""
    event = expected.event
    try:
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == event.sha256:
                return
        yield _find_difference(event.file, read_records(path, event.format), expected)
    except OSError as error:
        yield faults.log_unreadable(event.file, error.strerror or str(error))


def _find_difference(file: str, records: Iterator[bytes], expected: LoggedOutput) -> Diagnostic:
    """The first row that is not the one written, by its digest; the file's SHA-256 is known to differ."""
    line = 1
    if expected.event.head != _NO_HEAD:
        head = next(records, b"")
        if hashlib.sha256(head).hexdigest() != expected.event.head:
            return faults.output_changed(file, "its header line differs")
        line += head.count(b"\n")
    row = 0
    for record in records:
        wanted = expected.digest(row)
        digest = row_digest(record)
        if not wanted:
            return faults.output_row_changed(file, row + 1, line, f"the run wrote {row} rows; this one was added")
        if digest != wanted:
            after = next(records, None)
            if digest == expected.digest(row + 1):
                what = "a row before it was taken out"
            elif after is not None and row_digest(after) == wanted:
                what = "it was put in before the row that stood here"
            else:
                what = "its bytes differ"
            return faults.output_row_changed(file, row + 1, line, what)
        line += record.count(b"\n")
        row += 1
    if row == expected.event.rows:
        return faults.output_changed(file, SAME_ROWS if row else "its text differs")
    return faults.output_changed(file, f"it ends after {row} rows; the run wrote {expected.event.rows}")
