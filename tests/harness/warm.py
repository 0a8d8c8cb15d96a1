"""A process that has imported all of refinec and waits: each program that is asked for is a fork of it.

A command spends most of a second, `plan` and `apply` two, on imports before it does anything. A fork is a process like
any other, with streams, folder, environment, signals and end of its own; only what it would import stands there
already, and its hash seed is that of all forks.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import refinelab_dsl
from refinelab_dsl import builtins, syntax
from refinelab_dsl.diagnostics.meanings import load_meanings
from refinelab_dsl.estimate.chance import rate_nodes
from refinelab_dsl.estimate.estimate import PRIOR_STRENGTH
from refinelab_dsl.estimate.estimates import Rate
from refinelab_dsl.plan.layout import load_template
from refinelab_dsl.prompts import TemplateFault, render
from refinelab_dsl.source import Source

ROOT = Path(__file__).resolve().parents[2]


def _run_refinec() -> NoReturn:
    import_module("refinelab_dsl.cli.main").main()
    raise AssertionError("it ends the process")


def _run_child() -> NoReturn:
    sys.exit(import_module("tests.execute.child").main(*sys.argv[1:]))


PROGRAMS: Mapping[str, Callable[[], NoReturn]] = {"refinec": _run_refinec, "tests.execute.child": _run_child}

# What refinec imports within functions.
LATE = (
    "aiohttp", "bm25s", "bpe_openai", "genai_prices", "highspy", "lark", "numpy.ma", "openai", "pyomo.environ",
    "pyomo.contrib.appsi.solvers.highs", "pyomo.scripting.convert", "rich.console", "rich.progress", "termios",
    "tomllib", "tests.execute.child",
)  # fmt: skip


class Forked:
    """A program that was started, with the methods of `subprocess.Popen` that tests need."""

    def __init__(self, line: socket.socket, arguments: Sequence[str]) -> None:
        self._line = line
        self._arguments = arguments
        self.pid = _receive_number(line)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended, as `Popen` says it: an exit code, or the negative number of a signal; None while it runs."""
        if self.returncode is None and select.select([self._line], [], [], 0)[0]:
            self.returncode = os.waitstatus_to_exitcode(_receive_number(self._line))
            self._line.close()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """How it ended; killed where that takes more than so many seconds."""
        if self.returncode is None and not select.select([self._line], [], [], timeout)[0]:
            self.send_signal(signal.SIGKILL)
            select.select([self._line], [], [])
            self.poll()
            raise subprocess.TimeoutExpired(list(self._arguments), timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Warm:
    """The one that waits, seen from the tests. It ends with the process that started it."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.warm", str(theirs.fileno())], cwd=ROOT,
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        descriptors: Sequence[int],
    ) -> Forked:
        """One of `PROGRAMS`. descriptors: of standard input, output and error."""
        order = {"program": program, "arguments": arguments, "cwd": str(cwd), "environ": dict(environ)}
        mine, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._orders, [b"order"], [theirs.fileno(), *descriptors])
        text = json.dumps(order).encode()
        mine.sendall(len(text).to_bytes(8, "big") + text)
        return Forked(mine, arguments)

    def close(self) -> None:
        self._orders.close()
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


def fill_caches() -> None:
    """What commands make of what is ours, and keep: the table of the grammar, what codes mean, templates, what success
    rates may be where a spec declares none."""
    syntax.parse(Source("any", "edition = 1\n"))
    load_meanings()
    for kind in builtins.OPERATOR_KINDS.values():
        success = float(kind.prior.success)
        rate_nodes(Rate(success * PRIOR_STRENGTH, (1 - success) * PRIOR_STRENGTH, "default"))
    for name in ("plan.txt.j2", "outcome.txt.j2"):
        load_template(f"templates/{name}", 100)  # of a page that is no terminal's
    for path in sorted((ROOT / "templates" / "prompts").glob("*.jinja")):
        with suppress(TemplateFault):  # a name that it wants is not there
            render(path.read_text(encoding="utf-8"), {}, "system" if ".system." in path.name else "user")


def serve(orders: socket.socket) -> Callable[[], NoReturn]:
    """Forks for each order; returns in the fork, which then is to be the program that was asked for.

    Between the two stands a process that waits for the program's end and tells it.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, 16, 4)  # a line to whoever asks, and three streams
        if not message:
            os._exit(0)
        if os.fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    orders.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=descriptors[0]) as line:
        order = json.loads(_receive(line, _receive_number(line)))
        pid = os.fork()
        if pid:
            with suppress(OSError):  # whoever asked may be gone
                line.sendall(pid.to_bytes(8, "big"))
                for descriptor in (*descriptors[1:], 0, 1, 2):
                    os.close(descriptor)
                line.sendall(os.waitpid(pid, 0)[1].to_bytes(8, "big"))
            os._exit(0)
    return _become(order, descriptors[1:])


def _become(order: dict[str, Any], descriptors: Sequence[int]) -> Callable[[], NoReturn]:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    # What an interpreter makes of them depends on whether they are terminals.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        old = getattr(sys, name)
        buffering = 1 if name == "stderr" else -1
        new = open(old.fileno(), mode, buffering, encoding=old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    sys.argv[1:] = order["arguments"]
    return PROGRAMS[order["program"]]


def _receive_number(line: socket.socket) -> int:
    return int.from_bytes(_receive(line, 8), "big")


def _receive(line: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = line.recv(size)
        if not part:
            raise ConnectionError("the process that waits for orders is gone")
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
    fill_caches()
    gc.freeze()  # what stands here is no garbage of a fork's
    gc.set_threshold(20_000, 20, 20)  # each look for garbage copies pages that the fork shares
    program = serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        program()
    except SystemExit as end:
        _end(end.code)
