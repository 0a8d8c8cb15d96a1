"""The command of a loop: a program of the user's, in a process group of its own, with bounds on its time and its words.

No shell reads it. What it prints goes to a file, and its end is kept for a message. Whatever ends it (its own exit, its
time, Ctrl-C, the death of refinec), nothing that it started in its group outlives it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from refinelab_dsl.execute.loop import hangups

LOG_BYTES: Final = 16 * 2**20
"""Of what a command prints, so much is kept: training programs may print without end."""

_GUARD: Final = Path(__file__).with_name("guard.py")
_LAST_LINES: Final = 5
_END_BYTES: Final = 8_192
_GRACE: Final = 5.0  # seconds between asking a group to end and ending it


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. code: its exit code, negative for a signal; None where its time was up. last: the last lines
    that it printed."""

    code: int | None
    seconds: float
    last: tuple[str, ...]


class Terminated(BaseException):
    """SIGTERM or SIGHUP, whose name this has, came while a command ran."""


def run_command(
    command: Sequence[str], folder: Path, log: Path, timeout: float, environ: Mapping[str, str]
) -> Ended:
    """Runs a command in a folder until it ends. log: gets what it prints, both streams as they come.

    Raises:
        OSError: it cannot be started, or the log cannot be written.
        KeyboardInterrupt, Terminated: a signal came; the command has been ended.
    """
    began = time.monotonic()
    with log.open("wb") as kept, _heed_termination(), _start_guard(folder, environ) as watch:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, env=dict(environ),
        )  # fmt: skip
        watch(process.pid)
        assert process.stdout is not None
        end = bytearray()
        reader = threading.Thread(target=_copy, args=(process.stdout, kept, end), daemon=True)
        reader.start()
        code: int | None = None
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end_group(process)
            reader.join(_GRACE)
            process.stdout.close()
    lines = end.decode("utf-8", "replace").splitlines()
    last = tuple(line for line in lines if line.strip())[-_LAST_LINES:]
    return Ended(code, time.monotonic() - began, last)


def _copy(printed: IO[bytes], kept: IO[bytes], end: bytearray) -> None:
    """Reads to the end, so that the command never waits for a full pipe; keeps the beginning, and the last bytes."""
    left = LOG_BYTES
    with suppress(ValueError, OSError):  # closed at the end, or the disk is full: the command goes on
        while content := os.read(printed.fileno(), 65_536):
            end += content
            del end[:-_END_BYTES]
            kept.write(content[: max(0, left)])
            kept.flush()
            left -= len(content)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends whatever is left of the group: gently where the command itself still runs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _start_guard(folder: Path, environ: Mapping[str, str]) -> Iterator[Callable[[int], None]]:
    """A process that ends a group, once it is told which, when this one dies of what no process hears (`guard`)."""
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD)], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True, env=dict(environ),
    )  # fmt: skip
    assert guard.stdin is not None
    told = guard.stdin

    def tell(line: str) -> None:
        with suppress(OSError):  # somebody ended it: the command goes on without
            told.write(f"{line}\n".encode())
            told.flush()

    try:
        yield lambda group: tell(str(group))
    finally:
        tell("over")
        with suppress(OSError):
            told.close()
        guard.wait()


@contextmanager
def _heed_termination() -> Iterator[None]:
    """While it lasts, SIGTERM and SIGHUP are exceptions, so that the command is ended on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # a terminal that is closed says it more than once
        raise Terminated(signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, *hangups())}
    try:
        for number in before:
            signal.signal(number, hear)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
