"""Folders for files that a command needs while it is at work. They lie where the system keeps such, and vanish with
their use; what a killed process left is removed when the next one is made.

A folder holds a file on which its owner has an advisory lock (`flock`), which the kernel drops when the process dies,
however it dies. So it can be told that nobody works in a folder, also of a process in another container that shares
the place. A folder without that file, or where no lock can be had, is left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

PREFIX = "refinec-"
_HELD = ".held"


class Scratch(tempfile.TemporaryDirectory[str]):
    """A new folder, as `tempfile.TemporaryDirectory`.

    Raises:
        OSError: none can be made.
    """

    def __init__(self) -> None:
        sweep_scratch(Path(tempfile.gettempdir()))
        super().__init__(prefix=PREFIX)
        self._lock = _hold(Path(self.name))

    def cleanup(self) -> None:
        """Removes it; a second call does nothing."""
        super().cleanup()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def sweep_scratch(place: Path) -> None:
    """Removes folders of ours below `place` whose owners are gone. What cannot be removed is in nobody's way."""
    try:
        found = [entry.path for entry in os.scandir(place) if entry.name.startswith(PREFIX)]
    except OSError:
        return
    for folder in map(Path, found):
        try:
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue  # no link is followed, and what another user put there is not ours
            lock = os.open(folder / _HELD, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)


def _hold(folder: Path) -> int | None:
    """Says that somebody works here; None where the file system has no locks. The file gets its name once it is locked,
    so that nobody finds it unlocked before."""
    draft = folder / f"{_HELD}.new"
    lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    draft.rename(folder / _HELD)
    return lock
