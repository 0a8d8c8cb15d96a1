"""Folders for temporary files: what a killed process left goes when the next is made, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from refinelab_dsl.scratch import Scratch

HOLD = """import time
from refinelab_dsl.scratch import Scratch
folder = Scratch()
print(folder.name, flush=True)
time.sleep(600)
"""


def hold(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process at work in a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(place)}
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_goes_and_what_another_works_in_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    foreign = tmp_path / "refinec-foreign"
    foreign.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".held").touch()
    link = tmp_path / "refinec-link"
    link.symlink_to(elsewhere)
    dead, left = hold(tmp_path)
    alive, used = hold(tmp_path)
    try:
        assert left.parent == used.parent == tmp_path
        os.kill(dead.pid, signal.SIGKILL)
        dead.wait()
        assert left.is_dir()
        with Scratch() as own:
            assert Path(own).is_dir()
            assert not left.exists()
            assert used.is_dir()
        assert not Path(own).exists()
    finally:
        alive.kill()
        alive.wait()
    for process in (dead, alive):
        assert process.stdout is not None
        process.stdout.close()
    assert foreign.is_dir()
    assert (elsewhere / ".held").exists()
