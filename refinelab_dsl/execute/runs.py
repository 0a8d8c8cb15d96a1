"""Run folders: `.refine/runs/0004/{run.json, plan.refplan, journal.db, provenance.jsonl, summary.json}`."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from refinelab_dsl.execute.journal import JournalError, create_journal, read_spent
from refinelab_dsl.execute.lock import read_holder
from refinelab_dsl.project import Project

Status = Literal["running", "interrupted", "stopped", "partial", "replanned", "complete", "superseded"]

UNFINISHED: tuple[Status, ...] = ("running", "interrupted", "stopped")


class RunRecord(BaseModel):
    """`run.json`: what a run is, written before its first call and whenever its status changes.

    status: `running` (also after a kill, until it is resumed), `interrupted` (a signal), `stopped` (a model or a
        disk failed), `partial` (the budget was used up), `replanned` (what is left is another run's: its next leg),
        `complete`; `superseded` (of a pilot that was started again).
    legs: the runs of which this one is the rest, in order; of a round of loop `loop`, those of the rounds before.
        paid_tokens, paid_usd: for the steps of a leg that were committed, by so many calls; beyond_tokens, beyond_usd:
        what it may have been charged besides.
    saved: the plan came from a file that the user saved, which is single-use.
    purpose, spec_path: as its plan has them. closed: of a pilot after which nothing was left to learn.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: str = "1.0"
    run: int
    status: Status
    plan_id: str
    spec: str
    purpose: Literal["plan", "pilot"] = "plan"
    spec_path: str = ""
    closed: bool = False
    saved: bool = False
    source: tuple[str, ...] = ()
    corpora: dict[str, tuple[str, ...]] = {}
    allow_outside: bool = False
    legs: tuple[int, ...] = ()
    loop: int | None = None
    paid_tokens: int = 0
    paid_usd: Decimal = Decimal(0)
    beyond_tokens: int = 0
    beyond_usd: Decimal = Decimal(0)
    calls: int = 0
    created_at: str
    finished_at: str | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @property
    def number(self) -> int:
        return int(self.path.name)

    @property
    def plan(self) -> Path:
        return self.path / "plan.refplan"

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def log(self) -> Path:
        return self.path / "provenance.jsonl"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    def load_record(self) -> RunRecord:
        """What the run says of itself.

        Raises:
            RunDamaged: `run.json` is not there or no longer readable.
        """
        try:
            return RunRecord.model_validate_json(self.record.read_bytes())
        except (OSError, ValidationError) as error:
            raise RunDamaged(self.record, str(error).splitlines()[0]) from error

    def dump_record(self, record: RunRecord) -> None:
        """Writes `run.json` whole."""
        write_json(self.record, record.model_dump(mode="json"))

    def load_summary(self) -> dict[str, Any] | None:
        """The head of a run that ended (decision 24); None while there is none."""
        try:
            value = json.loads(self.summary.read_bytes())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None


class RunDamaged(Exception):
    """A file of a run's folder is missing or not what it should be."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def find_runs(project: Project) -> tuple[RunFolder, ...]:
    """The run folders of a project, by number."""
    try:
        names = sorted(
            entry.name for entry in os.scandir(project.runs) if re.fullmatch(r"\d{4,9}", entry.name) and entry.is_dir()
        )
    except OSError:
        return ()
    return tuple(sorted((RunFolder(project.runs / name) for name in names), key=lambda folder: folder.number))


def find_run(project: Project, number: int) -> RunFolder | None:
    """The folder of run `number`."""
    return next((folder for folder in find_runs(project) if folder.number == number), None)


def create_run(project: Project, plan: Path, *, plan_id: str, spec: str, saved: bool,
               source: tuple[str, ...], allow_outside: bool,
               corpora: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
               purpose: Literal["plan", "pilot"] = "plan", spec_path: str = "",
               legs: tuple[int, ...] = (), loop: int | None = None) -> tuple[RunFolder, RunRecord]:
    """A new run folder holding a copy of the plan. The lock must be held. legs: the runs of which it is the rest.

    Raises:
        OSError: the folder cannot be written.
    """
    project.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = max((folder.number for folder in find_runs(project)), default=0) + 1
    # The folder gets its name last, so that a run folder is never seen half made.
    draft = project.runs / f".{number:04d}.{os.getpid()}.tmp"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        with plan.open("rb") as given, _open_private(RunFolder(draft).plan) as copy:
            shutil.copyfileobj(given, copy, 2**20)
        record = RunRecord(
            run=number, status="running", plan_id=plan_id, spec=spec, saved=saved, source=source,
            allow_outside=allow_outside, corpora=dict(corpora), created_at=now(), purpose=purpose, spec_path=spec_path,
            legs=legs, loop=loop,
        )
        RunFolder(draft).dump_record(record)
        create_journal(RunFolder(draft).journal)
        folder = RunFolder(project.runs / f"{number:04d}")
        draft.rename(folder.path)
    except (OSError, JournalError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise error if isinstance(error, OSError) else OSError(str(error)) from error
    return folder, record


def sweep(project: Project) -> None:
    """Removes what processes that were killed had begun to write: `.NAME.PID.tmp` of a process that is gone, where runs
    are kept, and of `refine.lock`. The lock must be held."""
    drafts = [*project.root.glob(".refine.lock.*.tmp"), *project.runs.glob(".*.tmp")]
    for folder in find_runs(project):
        drafts += folder.path.glob(".*.json.*.tmp")
    for path in drafts:
        written_by = re.fullmatch(r"\..+\.(\d{1,9})\.tmp", path.name)
        if written_by is not None and _is_gone(int(written_by[1])):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def find_applied(project: Project, plan_id: str) -> tuple[RunFolder, RunRecord] | None:
    """The latest run that was made of the saved plan `plan_id`."""
    for folder in reversed(find_runs(project)):
        try:
            record = folder.load_record()
        except RunDamaged:
            continue
        if record.saved and record.plan_id == plan_id:
            return folder, record
    return None


def find_unfinished(project: Project) -> tuple[RunFolder, ...]:
    """The runs that can be resumed, by number; not one that is running right now, and none of a pilot, which goes on
    when it is started again. A leg whose rest was never begun is one."""
    folders = find_runs(project)
    continued = {number for folder in folders for number in _load_legs(folder)}
    return tuple(
        folder
        for folder in folders
        if (
            (status := current_status(project, folder)) in UNFINISHED[1:]
            or (status == "replanned" and folder.number not in continued)
        )
        and folder.load_record().purpose != "pilot"
    )


def _load_legs(folder: RunFolder) -> tuple[int, ...]:
    try:
        return folder.load_record().legs
    except RunDamaged:
        return ()


def current_status(project: Project, folder: RunFolder) -> str:
    """A run's status now: one that says `running` while nobody holds the lock was killed, so it is interrupted."""
    try:
        record = folder.load_record()
    except RunDamaged:
        return "damaged"
    if record.status == "running" and read_holder(project.state) is None:
        return "interrupted"
    return record.status


def list_runs(project: Project) -> tuple[dict[str, Any], ...]:
    """The heads of all runs (decision 24), oldest first; a run without a result has what is known of it."""
    return tuple(load_head(project, folder) for folder in find_runs(project))


def load_head(project: Project, folder: RunFolder) -> dict[str, Any]:
    """The head of one run: its summary, or what `run.json` says."""
    status = current_status(project, folder)
    head: dict[str, Any] = {
        "run": folder.number, "status": status, "spec": None, "plan_id": None, "created_at": None, "finished_at": None,
        "size": None, "mix": {}, "divergence": {}, "cost": None, "operators": {}, "outputs": [], "rejected": {},
    }
    head.update(folder.load_summary() or {})
    if status != "damaged":
        record = folder.load_record()
        head.update(
            spec=record.spec, plan_id=record.plan_id, created_at=record.created_at, finished_at=record.finished_at
        )
        if head["cost"] is None:
            head["cost"] = sum_up(folder, is_dead=status != "running")
    head.update(run=folder.number, status=status)
    return head


def sum_up(folder: RunFolder, *, is_dead: bool) -> dict[str, Any] | None:
    """What a run without a result has spent, as a resume would count it: calls that nobody saw the answer of at their
    worst. None where its journal cannot be read. is_dead: open calls are not on their way any longer."""
    try:
        spent, calls, cached = read_spent(folder.journal, is_dead=is_dead)
    except JournalError:
        return None
    usd = None if spent.usd is None else format(spent.usd, "f")
    return {"tokens": spent.tokens, "usd": usd, "calls": calls, "cached": cached}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON file whole or not at all, for its owner alone.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _open_private(temporary) as stream:
            stream.write((json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _open_private(path: Path) -> BinaryIO:
    """A new file that nobody else may read from its first moment on."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
