"""`--watch`: does something again whenever a file changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings

INTERVAL = 0.5  # seconds between two looks
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"


def watch_files(
    settings: Settings, act: Callable[[], Iterable[Path]], find: Callable[[], Iterable[Path]]
) -> NoReturn:
    """Calls `act` now and whenever a file that it returned, or one that `find` finds, changes, comes or goes.

    On a terminal each call starts on a clear screen. Ends when it is interrupted.

    Raises:
        KeyboardInterrupt: it was.
    """
    clears = terminal.is_terminal(sys.stdout) and terminal.moves_cursor()
    watched: frozenset[Path] = frozenset()
    while True:
        before = _look(watched, find)
        if clears:
            terminal.write(_CLEAR)
        try:
            watched = frozenset(act())
        except click.UsageError as error:  # the last spec was moved away, a file of variables is half written
            terminal.complain(f"error: {error.format_message()}")
        # What changed while it was read is found at once: it counts as it was before.
        seen = {**_look(watched, find), **before}
        terminal.say(settings, f"watching {len(watched)} {'file' if len(watched) == 1 else 'files'}; Ctrl-C ends it")
        while all(seen.get(file) == now for file, now in _look(watched, find).items()):
            time.sleep(INTERVAL)


def _look(watched: Iterable[Path], find: Callable[[], Iterable[Path]]) -> dict[Path, tuple[int, int, int] | None]:
    """When each file was written, its size and its number; None where there is none."""
    files = set(watched)
    with suppress(click.UsageError):
        files |= set(find())
    seen: dict[Path, tuple[int, int, int] | None] = {}
    for file in files:
        try:
            found = file.stat()
            seen[file] = (found.st_mtime_ns, found.st_size, found.st_ino)
        except (OSError, ValueError):
            seen[file] = None
    return seen
