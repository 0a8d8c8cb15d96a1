"""Who needs which replies of the store: runs, to be replayed, resumed and looked at, and evaluations.

Evidence needs none: what a pilot learnt stands in its file as values, and a fresh clone plans without a store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.execute.journal import JournalError, read_replies
from refinelab_dsl.execute.runs import UNFINISHED, RunDamaged, RunFolder, current_status, find_runs
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.log import LogLine, read_log
from refinelab_dsl.store import Kept

_LEEWAY = 3_600.0  # seconds between a call's intent and its reply at most


@dataclass(frozen=True)
class Use:
    """Of one run or evaluation. replies: hashes of what it was told. span: an unfinished run may need all that was
    stored between these times (seconds since 1970), too: what it was told last may not stand in its records yet. fault:
    the file that cannot be read, and why; what else it needs is unknown then."""

    kind: str  # "run" | "evaluation"
    number: int
    status: str
    spec: str | None
    replies: frozenset[str]
    span: tuple[float, float] | None = None
    fault: tuple[Path, str] | None = None

    @property
    def title(self) -> str:
        return f"{self.kind} {self.number}"

    def needs(self, kept: Kept) -> bool:
        """Whether it was told this reply, or may have been."""
        return kept.hash in self.replies or (self.span is not None and self.span[0] <= kept.stored_at <= self.span[1])


@dataclass(frozen=True)
class Loss:
    """What a use loses when replies are taken out. lost, of: counts of its replies that the store has."""

    use: Use
    lost: int
    of: int

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            self.use.kind: self.use.number, "status": self.use.status, "spec": self.use.spec, "lost": self.lost,
            "of": self.of,
        }  # fmt: skip


def find_uses(project: Project) -> tuple[Use, ...]:
    """All runs, then all evaluations of a project, by number."""
    runs = (_use_of_run(project, folder) for folder in find_runs(project))
    return (*runs, *_find_evaluations(project))


def find_losses(uses: Iterable[Use], kept: Iterable[Kept], doomed: frozenset[str]) -> tuple[Loss, ...]:
    """What each use loses when the `doomed` replies go; those that lose nothing are left out."""
    counts = {use.title: [0, 0] for use in uses}
    for reply in kept:
        for use in uses:
            if reply.hash in use.replies:
                counts[use.title][0] += reply.hash in doomed
                counts[use.title][1] += 1
    return tuple(Loss(use, *counts[use.title]) for use in uses if counts[use.title][0])


def _use_of_run(project: Project, folder: RunFolder) -> Use:
    status = current_status(project, folder)
    span, spec = None, None
    fault: tuple[Path, str] | None = None
    try:
        record = folder.load_record()
    except RunDamaged as damage:
        fault = (damage.path, damage.reason)
    else:
        spec = record.spec
        if record.status in UNFINISHED:
            span = (_seconds(record.created_at), _last_written(folder) + _LEEWAY)
    replies: frozenset[str] = frozenset()
    try:
        if folder.journal.exists():
            replies = read_replies(folder.journal)
    except JournalError as error:
        fault = fault or (folder.journal, str(error))
    if folder.log.exists():  # of texts that were asked about together the journal names one
        logged, damage_of_log = _read_log(folder.log)
        replies |= logged
        fault = fault or damage_of_log
    return Use("run", folder.number, status, spec, replies, span, fault)


def _find_evaluations(project: Project) -> tuple[Use, ...]:
    place = project.state / "evaluations"
    try:
        numbers = sorted(int(entry.name) for entry in os.scandir(place) if re.fullmatch(r"\d{4,9}", entry.name))
    except OSError:
        return ()
    found = []
    for number in numbers:
        journal = place / f"{number:04d}" / "journal.db"
        try:
            replies = read_replies(journal) if journal.exists() else frozenset[str]()
            found.append(Use("evaluation", number, "complete", None, replies))
        except JournalError as error:
            found.append(Use("evaluation", number, "damaged", None, frozenset(), None, (journal, str(error))))
    return tuple(found)


def _read_log(path: Path) -> tuple[frozenset[str], tuple[Path, str] | None]:
    found: set[str] = set()
    try:
        for line in read_log(path):
            if not isinstance(line, LogLine):
                return frozenset(found), (path, line.message)
            if isinstance(line.event, events.Call) and line.event.reply is not None:
                found.add(line.event.reply)
    except OSError as error:
        return frozenset(found), (path, error.strerror or str(error))
    return frozenset(found), None


def _last_written(folder: RunFolder) -> float:
    """When the run was last at work."""
    times = [0.0]
    for path in folder.path.glob(f"{folder.journal.name}*"):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0
