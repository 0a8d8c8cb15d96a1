"""What is kept of loops: a folder for each, with what its rounds read, wrote and printed, and how far it is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from refinelab_dsl.execute.lock import read_holder
from refinelab_dsl.execute.runs import now, write_json
from refinelab_dsl.project import Project

LoopStatus = Literal["running", "interrupted", "stopped", "complete", "superseded"]


class RoundRecord(BaseModel):
    """One round. exit_code, seconds: of its command, None before it ended. measured: its signals could be used. run:
    the number of the run that applied its plan. accepted: results of that. tokens, usd: of all runs so far."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    round: int
    exit_code: int | None = None
    seconds: float | None = None
    measured: bool = False
    run: int | None = None
    accepted: int | None = None
    tokens: int = 0
    usd: Decimal | None = Decimal(0)


class LoopRecord(BaseModel):
    """`loop.json`. spec_path: from the project's root. variables: what they were given from outside. reason: why it
    ended: `rounds`, `budget`, `stop_when`, `no gain`, or `infeasible`: what is left of the budget allows no more.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: str = "1.0"
    loop: int
    status: LoopStatus
    spec: str
    spec_path: str
    variables: dict[str, str] = {}
    command: tuple[str, ...]
    rounds: tuple[RoundRecord, ...] = ()
    reason: str | None = None
    allow_outside: bool = False
    created_at: str
    finished_at: str | None = None

    @property
    def runs(self) -> tuple[int, ...]:
        """The runs of its rounds, in order."""
        return tuple(each.run for each in self.rounds if each.run is not None)


@dataclass(frozen=True, slots=True)
class LoopFolder:
    """One loop on disk."""

    path: Path

    @property
    def number(self) -> int:
        return int(self.path.name)

    @property
    def record(self) -> Path:
        return self.path / "loop.json"

    def round(self, number: int) -> Path:
        """The folder of a round: its items, its signals, what its command printed, its plan."""
        return self.path / f"round-{number:02d}"

    def load_record(self) -> LoopRecord:
        """What the loop says of itself.

        Raises:
            OSError, ValidationError: it is missing, or not what it should be.
        """
        return LoopRecord.model_validate_json(self.record.read_bytes())

    def dump_record(self, record: LoopRecord) -> None:
        """Writes `loop.json` whole.

        Raises:
            OSError: it cannot be written.
        """
        write_json(self.record, record.model_dump(mode="json"))


def find_loops(project: Project) -> tuple[LoopFolder, ...]:
    """The loops of a project, by number; a folder may be there without its record (`create_loop` was killed)."""
    try:
        names = [entry.name for entry in os.scandir(place_loops(project)) if re.fullmatch(r"\d{4,9}", entry.name)]
    except OSError:
        return ()
    return tuple(sorted((LoopFolder(place_loops(project) / name) for name in names), key=lambda each: each.number))


def find_unfinished_loops(project: Project) -> tuple[tuple[LoopFolder, LoopRecord], ...]:
    """Those that can go on; what cannot be read is none of them (`find_damaged_loops`)."""
    found = []
    for folder in find_loops(project):
        record = _try_record(folder)
        if not isinstance(record, str) and record.status not in ("complete", "superseded"):
            found.append((folder, record))
    return tuple(found)


def find_damaged_loops(project: Project) -> tuple[tuple[LoopFolder, str], ...]:
    """Those whose record is missing or not what it should be, and why: nobody can say whether they are over."""
    found = ((folder, _try_record(folder)) for folder in find_loops(project) if any(folder.path.iterdir()))
    return tuple((folder, reason) for folder, reason in found if isinstance(reason, str))


def list_loops(project: Project) -> tuple[dict[str, Any], ...]:
    """The heads of all loops, oldest first. cost: of the rounds that are over."""
    return tuple(_load_head(project, folder) for folder in find_loops(project) if any(folder.path.iterdir()))


def _load_head(project: Project, folder: LoopFolder) -> dict[str, Any]:
    record = _try_record(folder)
    if isinstance(record, str):
        return {
            "loop": folder.number, "status": "damaged", "reason": None, "spec": None, "rounds": [], "cost": None,
            "created_at": None, "finished_at": None,
        }
    status: str = record.status
    if status == "running" and read_holder(project.state) is None:  # its process was killed
        status = "interrupted"
    last = next((each for each in reversed(record.rounds) if each.accepted is not None), RoundRecord(round=0))
    usd = None if last.usd is None else str(last.usd)
    rounds = [each.model_dump(mode="json") for each in record.rounds]
    return {
        "loop": folder.number, "status": status, "reason": record.reason, "spec": record.spec, "rounds": rounds,
        "cost": {"tokens": last.tokens, "usd": usd}, "created_at": record.created_at,
        "finished_at": record.finished_at,
    }  # fmt: skip


def _try_record(folder: LoopFolder) -> LoopRecord | str:
    """A loop's record, or why there is none."""
    try:
        return folder.load_record()
    except OSError as error:
        return error.strerror or type(error).__name__
    except ValidationError:
        return "it is not the record of a loop"


def create_loop(project: Project, record: LoopRecord) -> tuple[LoopFolder, LoopRecord]:
    """A new loop; an unfinished one of the same spec is superseded by it. The lock must be held. record: its number is
    settled here.

    Raises:
        OSError: the folder cannot be written.
    """
    for folder, other in find_unfinished_loops(project):
        if other.spec_path == record.spec_path:
            folder.dump_record(other.model_copy(update={"status": "superseded", "finished_at": now()}))
    number = max((folder.number for folder in find_loops(project)), default=0) + 1
    folder = LoopFolder(place_loops(project) / f"{number:04d}")
    folder.path.mkdir(mode=0o700, parents=True)
    record = record.model_copy(update={"loop": number})
    folder.dump_record(record)
    return folder, record


def place_loops(project: Project) -> Path:
    """Where a project's loops are kept."""
    return project.state / "loops"
