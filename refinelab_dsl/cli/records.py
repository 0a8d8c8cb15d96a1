"""Runs on disk, as `trace`, `replay` and `logs` find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import terminal
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.execute import runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.provenance.rebuild import RebuildFault
from refinelab_dsl.provenance.refined import RefinedSet, open_refined
from refinelab_dsl.provenance.rows import SourceFault
from refinelab_dsl.store import Store, StoreError

# RF6003, RF6350, RF6351, RF6352, RF6400, RF6402: there is nothing of that name.
_WRONG_NAMES = frozenset({"RF6003", "RF6350", "RF6351", "RF6352", "RF6400", "RF6402"})
# RF6006, RF6031, RF6032: a record, journal or store of ours cannot be read.
_DAMAGED = frozenset({"RF6006", "RF6031", "RF6032"})


def judge_refusal(found: Iterable[Diagnostic]) -> ExitCode:
    """How a command ends that could not read what was recorded: the same for one fault whatever command met it."""
    codes = {entry.code for entry in found}
    if codes & _WRONG_NAMES:
        return ExitCode.USAGE
    return ExitCode.UNAVAILABLE if codes & _DAMAGED else ExitCode.SPEC


@dataclass(frozen=True)
class Record:
    """A run with what is needed to read its data again. `project` is seen from the folder of its spec."""

    folder: runs.RunFolder
    record: runs.RunRecord
    plan: PlanFile
    project: Project


def find_record(number: int) -> Record | tuple[Diagnostic, ...]:
    """Run `number` of the project that we stand in, or what is wrong with it."""
    project = find_project(Path.cwd())
    folder = runs.find_run(project, number)
    if folder is None:
        return (faults.run_unknown(number, tuple(each.number for each in runs.find_runs(project))),)
    return load_record(project, folder)


def load_record(project: Project, folder: runs.RunFolder) -> Record | tuple[Diagnostic, ...]:
    """A run's record, or what is wrong with it."""
    try:
        record = folder.load_record()
    except runs.RunDamaged as damage:
        return (faults.run_damaged(folder.number, str(damage.path), damage.reason),)
    plan, problems = PlanFile.open(folder.plan)
    if plan is None:
        return problems
    return Record(folder, record, plan, project.seen_from(plan.header.spec_path))


def place_files(head: Mapping[str, Any], project: Project, folder: runs.RunFolder) -> dict[str, Any]:
    """A run's head for people: its files as they would be typed from here, and the plan that it ran.

    project: seen from the folder of the spec, where the head's own names start.
    """
    placed = dict(head)
    placed["outputs"] = [
        {**output, "file": terminal.near(project.base / output["file"])} for output in head.get("outputs") or ()
    ]
    if head.get("provenance"):
        placed["provenance"] = {**head["provenance"], "file": terminal.near(project.base / head["provenance"]["file"])}
    if folder.plan.exists():
        placed["plan"] = terminal.near(folder.plan)
    return placed


@contextmanager
def open_replies(project: Project) -> Iterator[Store | None]:
    """The store of replies; None where the project has none yet: reading makes no file.

    Raises:
        StoreError: it cannot be used.
    """
    if not project.store.exists():
        yield None
        return
    with Store(project.store, is_read=True) as store:
        yield store


class ResultUnreadable(Exception):
    """What stands between a run and its rows."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@contextmanager
def open_result(record: Record) -> Iterator[RefinedSet]:
    """The rows of a run, made again from what was recorded.

    Raises:
        ResultUnreadable: they cannot be, also while they are read.
    """
    settled = record.record
    try:
        with open_replies(record.project) as store:
            refined = open_refined(
                record.folder.path, record.project, store,
                source=settled.source, allow_outside=settled.allow_outside,
            )  # fmt: skip
            if isinstance(refined, Diagnostic):
                raise ResultUnreadable(refined)
            yield refined
    except (RebuildFault, SourceFault) as fault:
        raise ResultUnreadable(fault.diagnostic) from None
    except StoreError as error:
        problem = faults.store_damaged(str(record.project.store), str(error))
        raise ResultUnreadable(problem) from None
