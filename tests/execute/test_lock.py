"""One run at a time; a lock that a dead process left behind heals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.lock import NAME, Holder, RunLock, break_lock, find_abandoned, read_holder, take_lock

HOLD = """
import sys, time
from pathlib import Path
from refinelab_dsl.execute.lock import take_lock
lock = take_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def held(state: Path) -> RunLock:
    lock = take_lock(state)
    assert isinstance(lock, RunLock)
    return lock


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with held(tmp_path):
        refused = take_lock(tmp_path)
        assert isinstance(refused, Diagnostic)
        assert refused.code == "RF6001"
        assert f"process {os.getpid()} on {socket.gethostname()}" in refused.notes[0]
        assert read_holder(tmp_path) is not None
    assert read_holder(tmp_path) is None
    held(tmp_path).release()


def test_the_lock_of_a_killed_process_heals(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert isinstance(take_lock(tmp_path), Diagnostic)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert json.loads((tmp_path / NAME).read_text())["pid"] == child.pid
        held(tmp_path).release()
    finally:
        child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()


def write(state: Path, host: str, pid: int, since: str) -> None:
    (state / NAME).write_text(json.dumps({"host": host, "pid": pid, "since": since}))


def test_a_lock_of_another_machine_is_never_broken(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere", 1, "2026-11-01T00:00:00+00:00")
    refused = take_lock(tmp_path)
    assert isinstance(refused, Diagnostic)
    assert "on elsewhere since 2026-11-01" in refused.notes[0]


def test_a_living_process_older_than_the_lock_holds_it(tmp_path: Path) -> None:
    write(tmp_path, socket.gethostname(), os.getppid(), "2100-01-01T00:00:00+00:00")
    assert isinstance(take_lock(tmp_path), Diagnostic)


def test_a_process_younger_than_the_lock_only_has_the_number_of_a_dead_one(tmp_path: Path) -> None:
    write(tmp_path, socket.gethostname(), os.getppid(), "1990-01-01T00:00:00+00:00")
    held(tmp_path).release()


def test_a_torn_lock_file_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"host": "el')
    held(tmp_path).release()


def test_a_process_that_was_killed_and_not_yet_buried_holds_nothing(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    try:
        write(tmp_path, socket.gethostname(), child.pid, "2100-01-01T00:00:00+00:00")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and read_holder(tmp_path) is not None:
            time.sleep(0.01)  # until it has ended; nobody waits for it, so it stays a zombie
        os.kill(child.pid, 0)
        assert read_holder(tmp_path) is None
        held(tmp_path).release()
    finally:
        child.wait(10)


def test_an_abandoned_lock_of_another_machine_can_be_taken_from_it_once(tmp_path: Path) -> None:
    assert find_abandoned(tmp_path) is None
    write(tmp_path, "elsewhere", 1, "2026-11-01T00:00:00+00:00")
    holder = find_abandoned(tmp_path)
    assert holder == Holder("elsewhere", 1, "2026-11-01T00:00:00+00:00")
    assert break_lock(tmp_path, holder) is None
    assert find_abandoned(tmp_path) is None
    with held(tmp_path):
        refused = break_lock(tmp_path, holder)  # somebody else has taken it since
        assert isinstance(refused, Diagnostic)
        assert refused.code == "RF6001"
        assert read_holder(tmp_path) is not None


def test_a_holder_that_is_seen_to_be_alive_is_not_abandoned(tmp_path: Path) -> None:
    with held(tmp_path) as lock:
        assert isinstance(find_abandoned(tmp_path), Diagnostic)
        # A run on another machine, over a file system that shares advisory locks.
        lock.path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "since": "2026-11-01T00:00:00+00:00"}))
        assert isinstance(find_abandoned(tmp_path), Diagnostic)
        refused = break_lock(tmp_path, Holder("elsewhere", 1, "2026-11-01T00:00:00+00:00"))
        assert isinstance(refused, Diagnostic)
    write(tmp_path, socket.gethostname(), os.getppid(), "2100-01-01T00:00:00+00:00")
    assert isinstance(find_abandoned(tmp_path), Diagnostic)
    write(tmp_path, socket.gethostname(), 2**22 + 1, "2026-11-01T00:00:00+00:00")  # a dead one: it heals by itself
    assert find_abandoned(tmp_path) is None
