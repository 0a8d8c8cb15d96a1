"""The worker processes of a test, as the system lists them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROC = Path("/proc")

needs_proc = pytest.mark.skipif(not PROC.exists(), reason="needs /proc to find processes")


def find_workers(parent: int) -> list[int]:
    """The ids of a process's workers that run."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                state, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                is_worker = b"refinelab_dsl.exchange.worker" in (entry / "cmdline").read_bytes()
            except OSError:  # it ended meanwhile
                continue
            if is_worker and int(owner) == parent and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def is_running(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that in a minute"
        time.sleep(0.005)
