"""A process that has imported all of refinec and waits: each call is a fork of it.

A command spends most of a second, `plan` two, on imports before it does anything. A fork is a process like any other,
with streams, folder, environment and end of its own; only what it would import stands there already.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import refinelab_dsl

ROOT = Path(__file__).resolve().parents[2]

# What refinec imports within functions.
LATE = (
    "aiohttp", "bpe_openai", "genai_prices", "highspy", "lark", "numpy.ma", "openai", "pyomo.environ",
    "pyomo.contrib.appsi.solvers.highs", "pyomo.scripting.convert", "rich.console", "rich.progress", "termios",
    "tomllib",
)  # fmt: skip


class Warm:
    """The one that waits, seen from the tests. It ends with the process that started it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def call(
        self, arguments: list[str], *, cwd: Path, environ: Mapping[str, str], descriptors: Sequence[int], timeout: float
    ) -> int:
        """How one call ended, as `subprocess` says it: an exit code, or the negative number of a signal.

        descriptors: of standard input, output and error. timeout: seconds.
        """
        order = json.dumps({"arguments": arguments, "cwd": str(cwd), "environ": dict(environ)}).encode()
        with self._lock:
            self._socket.settimeout(timeout)
            header = len(order).to_bytes(4, "big")
            socket.send_fds(self._socket, [header], descriptors)
            self._socket.sendall(order)
            pid = _receive_number(self._socket)
            try:
                status = _receive_number(self._socket)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                self._socket.settimeout(None)
                _receive_number(self._socket)
                raise subprocess.TimeoutExpired(arguments, timeout) from None
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(10)


@functools.cache
def start_warm() -> Warm:
    """The same for all tests of a process."""
    return Warm()


def import_everything() -> None:
    """All of refinec, and what it imports late."""
    for module in pkgutil.walk_packages(refinelab_dsl.__path__, "refinelab_dsl."):
        import_module(module.name)
    for name in LATE:
        with suppress(ImportError):  # some of it is optional
            import_module(name)


def serve(connection: socket.socket) -> None:
    """Forks for each order; returns in the fork, which then is the process that was asked for."""
    while True:
        header, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
        if not header:
            os._exit(0)
        order = json.loads(_receive(connection, int.from_bytes(header, "big")))
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become(order, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        connection.sendall(pid.to_bytes(8, "big"))
        _, status = os.waitpid(pid, 0)
        connection.sendall(status.to_bytes(8, "big"))


def _become(order: dict[str, Any], descriptors: list[int]) -> None:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    sys.argv[1:] = order["arguments"]


def _receive_number(connection: socket.socket) -> int:
    return int.from_bytes(_receive(connection, 8), "big")


def _receive(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(size)
        if not part:
            raise ConnectionError("the process that waits for calls is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _end(code: object) -> NoReturn:
    """As an interpreter ends, but without taking apart what it imported: that copies all of it, and nobody sees it."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    import_everything()
    gc.freeze()  # what stands here is no garbage of a call's
    serve(socket.socket(fileno=int(sys.argv[1])))
    from refinelab_dsl.cli.main import main

    try:
        main()
    except SystemExit as end:
        _end(end.code)
