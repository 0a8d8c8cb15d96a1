"""`refinec runs unlock`: the lock of a machine that is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec, talk

LOST = {"host": "gone-container", "pid": 1, "since": "2026-11-01T09:30:00+00:00"}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run."""
    folder = tmp_path_factory.mktemp("unlock")
    assert refinec("init", cwd=folder).code == 0
    assert refinec("apply", "--auto-approve", cwd=folder).code == 0
    return folder


@pytest.fixture
def project(applied: Path) -> Path:
    """The same with the lock of a run that was cut short elsewhere."""
    _set_status(applied, "running")
    (applied / ".refine/run.lock").write_text(json.dumps(LOST), encoding="utf-8")
    return applied


def _set_status(project: Path, status: str) -> None:
    record = project / ".refine/runs/0001/run.json"
    record.write_text(json.dumps({**json.loads(record.read_bytes()), "status": status}), encoding="utf-8")


def test_a_lost_lock_is_taken_after_a_yes_and_the_run_goes_on(project: Path) -> None:
    locked = refinec("apply", "--resume", cwd=project)
    assert locked.code == ExitCode.LOCKED
    assert "refinec runs unlock" in locked.err
    assert refinec("runs", "--format", "json", cwd=project).json[0]["status"] == "running"
    code, screen = talk(project, b"no\n", "runs", "unlock", "1")
    assert (code, "Process 1 on gone-container" in screen) == (ExitCode.INTERRUPTED, True)
    assert refinec("apply", "--resume", cwd=project).code == ExitCode.LOCKED
    code, screen = talk(project, b"yes\n", "runs", "unlock", "1")
    assert (code, "refinec apply --resume=1" in screen) == (0, True)
    assert refinec("runs", "ls", "--format", "json", cwd=project).json[0]["status"] == "interrupted"
    resumed = refinec("apply", "--resume=1", "--format", "json", cwd=project)
    assert (resumed.code, resumed.json["status"]) == (0, "complete")


def test_a_program_unlocks_with_approval_and_not_without(project: Path) -> None:
    assert refinec("runs", "unlock", "1", cwd=project).code == ExitCode.USAGE
    answer = refinec("runs", "unlock", "1", "--auto-approve", "--format", "json", cwd=project, fresh=True)
    assert (answer.code, answer.json) == (0, {"unlocked": LOST, "unfinished": [1]})
    again = refinec("runs", "unlock", "1", "--format", "json", cwd=project)
    assert (again.code, again.json["unlocked"]) == (0, None)


def test_only_the_run_that_is_at_work_is_unlocked(project: Path) -> None:
    assert "RF6003" in refinec("runs", "unlock", "7", cwd=project).err
    _set_status(project, "complete")
    answer = refinec("runs", "unlock", "1", "--auto-approve", cwd=project)
    assert (answer.code, "RF6710" in answer.err) == (ExitCode.USAGE, True)
    assert json.loads((project / ".refine/run.lock").read_bytes()) == LOST
    assert refinec("--chdir", project.name, "runs", "unlock", "--auto-approve", cwd=project.parent).code == 0
