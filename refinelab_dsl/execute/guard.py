"""Stands beside the command of a loop and ends it when refinec has died without a word: by SIGKILL, for want of memory.

    python guard.py

refinec starts it before the command and writes the command's process group to its standard input. Where a second line
follows, the command is over and the guard goes; where the input ends without one, refinec is dead. It imports nothing
of refinec, so that it is there in a few milliseconds, and has a session of its own: what ends refinec's group spares
it.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE = 5.0  # seconds between asking the group to end and ending it


def main() -> None:
    """Waits for the end of standard input."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    group = sys.stdin.buffer.readline()
    if not group.strip().isdigit() or sys.stdin.buffer.readline():
        return
    end_group(int(group))


def end_group(group: int) -> None:
    """Asks a process group to end, and ends it."""
    until = time.monotonic() + GRACE
    try:
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < until:
            time.sleep(0.05)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody of it is left


if __name__ == "__main__":
    main()
