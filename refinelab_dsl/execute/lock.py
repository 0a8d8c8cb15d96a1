"""The run lock: one run at a time in a project, and a lock that a dead process leaves behind heals itself.

The file `.refine/run.lock` says who holds it (host, pid, since). While it is held, its holder also has an advisory
lock on it (`flock`), which the kernel drops when the process dies, however it dies. A file without that lock is
stale if its host is this one and its process is gone; of another host it cannot be known, so it stays locked until
a person says that it is (`refinec runs unlock`).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults

NAME = "run.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock; `since` is an ISO 8601 time in UTC."""

    host: str
    pid: int
    since: str


class RunLock:
    """A held lock; released by `release` or at the end of a `with` block."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Gives the lock up; a second call does nothing."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def take_lock(state: Path) -> RunLock | Diagnostic:
    """The lock of the project whose state folder is `state`, or who has it.

    Raises:
        OSError: the folder cannot be written.
    """
    path = state / NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    is_ours = _grip(descriptor, fcntl.LOCK_EX)
    holder = _read(descriptor)
    if not is_ours or (holder is not None and _is_alive(holder)):
        os.close(descriptor)
        return _refuse(holder, path)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    content = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": since})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content.encode(), 0)
    os.fsync(descriptor)
    return RunLock(path, descriptor)


def read_holder(state: Path) -> Holder | None:
    """Who holds the project's lock now; None if nobody does."""
    try:
        descriptor = os.open(state / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        holder = _read(descriptor)
        if holder is None:
            return None
        return holder if not _grip(descriptor, fcntl.LOCK_SH) or _is_alive(holder) else None
    finally:
        os.close(descriptor)


def find_abandoned(state: Path) -> Holder | Diagnostic | None:
    """Who, on another machine, left the lock behind, as far as can be seen from here; or that somebody is at work; None
    where nobody holds it, or where the next run heals it.

    Raises:
        OSError: what stands there cannot be read, or is no file.
    """
    path = state / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # a folder opens for reading
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        holder = _read(descriptor)
        is_held = not _grip(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)
    if is_held or (holder is not None and holder.host == socket.gethostname() and _is_alive(holder)):
        return _refuse(holder, path)
    return None if holder is None or holder.host == socket.gethostname() else holder


def break_lock(state: Path, holder: Holder) -> Diagnostic | None:
    """Takes an abandoned lock from `holder`; or who has it by now.

    Raises:
        OSError: the file cannot be written.
    """
    path = state / NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        now = _read(descriptor)
        if not _grip(descriptor, fcntl.LOCK_EX) or now != holder:
            return _refuse(now, path)
        os.ftruncate(descriptor, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return None


def _grip(descriptor: int, kind: int) -> bool:
    """Whether the advisory lock could be had; no living holder has it then."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _refuse(holder: Holder | None, path: Path) -> Diagnostic:
    shown = holder or Holder("this machine", 0, "just now")
    return faults.run_locked(shown.host, shown.pid, shown.since, str(path))


def _read(descriptor: int) -> Holder | None:
    """The holder that the file names; None for a file that names none (empty: released; garbage: torn by a crash)."""
    try:
        value = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(str(value["host"]), int(value["pid"]), str(value["since"]))
    except (ValueError, KeyError, TypeError):
        return None


def _is_alive(holder: Holder) -> bool:
    """Whether a holder without the advisory lock may still run: always on another host; here, if its process exists
    and is older than the lock (a younger one got the number of a dead one)."""
    if holder.host != socket.gethostname():
        return True
    if holder.pid == os.getpid() or holder.pid <= 0:
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    except OverflowError:
        return False
    if _is_zombie(holder.pid):
        return False
    started = _started_at(holder.pid)
    try:
        since = datetime.fromisoformat(holder.since)
    except ValueError:
        return True
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return started is None or started <= since.timestamp() + 1


def _read_stat(pid: int) -> list[str]:
    """The fields of a process's `/proc` entry from its state on; empty where there is none (only Linux has it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []


def _is_zombie(pid: int) -> bool:
    """Whether a process is dead and only its parent has not heard of it yet."""
    return _read_stat(pid)[:1] in (["Z"], ["X"])


def _started_at(pid: int) -> float | None:
    """When a process started, in seconds since 1970; None where the system does not say (only Linux does)."""
    try:
        ticks = int(_read_stat(pid)[19])
        boot = next(
            int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime ")
        )
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return boot + ticks / os.sysconf("SC_CLK_TCK")
