"""What refinec keeps is its owner's alone, whatever the umask is; what it hands out follows the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from refinelab_dsl.execute.observe import Event, SilentObserver
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec
from tests.execute.worlds import World, build_world


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _modes(folder: Path) -> dict[str, int]:
    """Every file and folder below `folder`, itself included, with its permissions."""
    found = (folder, *folder.rglob("*"))
    return {path.relative_to(folder.parent).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in found}


def _open_to_others(world: World) -> dict[str, str]:
    return {name: oct(mode) for name, mode in _modes(world.project.state).items() if mode & 0o077}


@pytest.mark.parametrize("mask", [0o022, 0o000])
def test_all_that_a_run_keeps_is_its_owners_alone(mask: int, tmp_path: Path) -> None:
    with _umask(mask):
        world = build_world(tmp_path)
        seen: list[str] = []
        found: dict[str, str] = {}

        class Looking(SilentObserver):
            """Looks while the databases are open, with their journals beside them."""

            def note(self, event: Event) -> None:
                seen.extend(path.name for path in world.project.state.rglob("*"))
                found.update(_open_to_others(world))

        assert world.apply(Looking()).exit_code == ExitCode.DONE
        assert found == {}
        assert {"store.db-wal", "store.db-shm", "journal.db-wal", "run.lock"} <= set(seen)
        assert not _open_to_others(world)
        kept = _modes(world.project.state)
    run = ".refine/runs/0001"
    assert {f"{run}/{name}" for name in ("run.json", "plan.refplan", "provenance.jsonl", "journal.db")} <= set(kept)
    output = tmp_path / "out.jsonl"
    assert stat.S_IMODE(output.stat().st_mode) == 0o666 & ~mask


def test_an_evaluation_keeps_its_calls_to_itself(tmp_path: Path) -> None:
    with _umask(0):
        assert refinec("init", cwd=tmp_path).code == 0
        asked = refinec(
            "evaluate", "quickstart.refine", "--models", "small", "--budget", "2M", "--auto-approve", cwd=tmp_path
        )
        assert asked.code == 0, asked.err
    kept = _modes(tmp_path / ".refine")
    assert ".refine/evaluations/0001/journal.db" in kept
    assert {name: oct(mode) for name, mode in kept.items() if mode & 0o077} == {}
