"""The level `strict`: the machine's own Python in a process that has nothing.

bubblewrap gives it namespaces of its own: no network, no other process, a read-only file system that holds the
interpreter and its library. It runs as a user without rights (`setpriv` where refinec runs as root), without
capabilities, under limits on computing, memory, files and processes that it cannot raise, and on x86_64 behind a filter
that refuses system calls which no such program needs (sockets, other programs, namespaces, tracing). From here it is
ended by the clock, with everything that it started, and what it prints is read up to a bound.

A program shares its process with the line that says how it ended, so one that looks for that line on purpose can forge
it: this level protects the machine and the data, and catches what ends the process early, not a lie told on purpose.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from refinelab_dsl.effects import Execute, Outcome
from refinelab_dsl.sandbox import subset
from refinelab_dsl.sandbox.limits import Limits, exception_kind, shorten

PYTHON: Final = Path("/usr/bin/python3")
_NOBODY: Final = "65534"
_REPORT: Final = 20_000  # bytes of a report beside the value
_INSIDE: Final = Path(__file__).with_name("inside.py")
_ASK: Final = """
import sysconfig
print(sysconfig.get_path("stdlib"))
print(sysconfig.get_config_var("MULTIARCH") or "")
"""


@dataclass(frozen=True, slots=True)
class Missing(Exception):
    """What the machine lacks. `fix`: the line that installs it."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Strict:
    """How a program is started, without the program."""

    limits: Limits
    command: tuple[str, ...]

    def run(self, program: Execute) -> Outcome:
        """What becomes of a program. Raises nothing that the program causes.

        Raises:
            OSError: no process or pipe can be made.
        """
        token = secrets.token_hex(16)
        order = {
            "seconds": max(1, ceil(self.limits.seconds)), "memory": self.limits.memory, "output": self.limits.output,
            "answer": program.answer, "token": token,
        }
        source = json.dumps(order).encode() + b"\n" + program.code.encode("utf-8", "replace")
        receiver, sender = os.pipe()
        try:
            process = subprocess.Popen(
                [*self.command, "-c", _INSIDE.read_text(encoding="utf-8"), str(sender)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                pass_fds=(sender,), start_new_session=True, env={}, cwd="/",
            )
        finally:
            os.close(sender)
        try:
            watched = _watch(process, receiver, source, self.limits)
        finally:
            _end(process)
            os.close(receiver)
        return _judge(watched, process.returncode, token)


def build_strict(limits: Limits) -> Strict:
    """The way to start programs on this machine.

    Raises:
        Missing: it has no safe way.
    """
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise Missing("bubblewrap is not installed", "apt-get install bubblewrap")
    if not PYTHON.exists():
        raise Missing(f"there is no {PYTHON}", "apt-get install python3")
    drop: tuple[str, ...] = ()
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise Missing("setpriv is not installed, and this is root", "apt-get install util-linux")
        drop = (
            setpriv, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all", "--no-new-privs",
        )  # fmt: skip
    python = PYTHON.resolve()
    box = [
        bubblewrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--uid", _NOBODY,
        "--gid", _NOBODY, "--hostname", "sandbox", "--cap-drop", "ALL", "--clearenv",
        "--setenv", "PYTHONHASHSEED", "0", "--setenv", "PYTHONUTF8", "1", *_bind_libraries(python),
        "--ro-bind", str(python), str(python), "--dev-bind", "/dev/null", "/null", "--remount-ro", "/", "--chdir", "/",
        "--", str(python), "-S", "-s", "-B",
    ]  # fmt: skip
    return Strict(limits, (*drop, *box))


def try_strict(strict: Strict) -> None:
    """Runs a program that ends at once.

    Raises:
        Missing: it does not run: most often the kernel refuses user namespaces.
    """
    try:
        outcome = strict.run(Execute("answer = 1 + 1", "strict", "answer"))
    except OSError as error:
        raise Missing(f"a sandboxed process cannot be started: {error.strerror}", "see `man bwrap`") from None
    if (outcome.status, outcome.value) != ("ok", "2"):
        raise Missing(
            "bubblewrap cannot make namespaces here", "sysctl -w kernel.unprivileged_userns_clone=1   "
            "(in a container: run it with `--security-opt seccomp=unconfined`)",
        )  # fmt: skip


def _bind_libraries(python: Path) -> list[str]:
    """Arguments that bind the interpreter's own library and the directories where the loader finds others. Links that
    stand for directories are made again.

    Raises:
        Missing
    """
    try:
        asked = subprocess.run(
            [python, "-I", "-S", "-c", _ASK], env={}, cwd="/", capture_output=True, text=True, timeout=20, check=True
        )
        library, triple = asked.stdout.splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):
        raise Missing(f"{python} does not run", "apt-get install --reinstall python3") from None
    # Debian's directories of one architecture; elsewhere those of all.
    homes = [library, "/usr/lib64", "/lib64", *(f"{home}/{triple}" for home in ("/usr/lib", "/lib"))]
    arguments: list[str] = []
    for name in ("/lib", "/lib64"):
        if Path(name).is_symlink():
            arguments += ["--symlink", os.readlink(name), name]
    for home in homes:
        if Path(home).is_dir() and not any(path.is_symlink() for path in (Path(home), *Path(home).parents)):
            arguments += ["--ro-bind", home, home]
    return arguments


@dataclass(slots=True)
class _Watched:
    """What was seen of a process: what it printed and reported, and which bound it broke."""

    printed: bytearray
    report: bytearray
    broken: str = ""


def _watch(process: subprocess.Popen[bytes], receiver: int, source: bytes, limits: Limits) -> _Watched:
    """Feeds a process and reads from it until it closes both its pipes, breaks a bound, or its time is up."""
    assert process.stdin is not None
    assert process.stdout is not None
    watched = _Watched(bytearray(), bytearray())
    deadline = time.monotonic() + limits.waiting
    waiting = memoryview(source)
    for descriptor in (process.stdin.fileno(), process.stdout.fileno(), receiver):
        os.set_blocking(descriptor, False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ, (watched.printed, limits.output))
        selector.register(receiver, selectors.EVENT_READ, (watched.report, 6 * limits.output + _REPORT))
        while selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                watched.broken = "timeout"
                return watched
            for key, _ in selector.select(remaining):
                if key.fileobj is process.stdin:
                    waiting = _feed(process.stdin, waiting)
                    if not waiting:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                kept, bound = key.data
                content = os.read(key.fd, 65_536)
                if not content:
                    selector.unregister(key.fileobj)
                kept += content
                if len(kept) > bound:
                    del kept[bound:]
                    watched.broken = "output"
                    return watched
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        watched.broken = "timeout"
    return watched


def _feed(pipe: Any, content: memoryview) -> memoryview:
    """Writes what a pipe takes now; nothing is left for a process that does not read."""
    try:
        return content[os.write(pipe.fileno(), content[:65_536]) :]
    except BlockingIOError:
        return content
    except BrokenPipeError:
        return content[:0]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with all that it started, and waits for it."""
    if process.returncode is None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _judge(watched: _Watched, code: int, token: str) -> Outcome:
    """What the report says, and where there is none, the way in which the process ended."""
    stdout = bytes(watched.printed).decode("utf-8", "replace")
    if watched.broken == "timeout":
        return Outcome("timeout", stdout=stdout)
    if watched.broken == "output":
        return Outcome("output", stdout=stdout)
    report = _read_report(bytes(watched.report), token)
    if report is None:
        killed = -code if code < 0 else code - 128
        if killed in (signal.SIGXCPU, signal.SIGKILL):
            return Outcome("timeout", stdout=stdout)
        kind = f"the process was ended by {_signal_name(killed)}" if killed > 0 else "the process ended early"
        return Outcome("crashed", message=kind, stdout=stdout)
    if report.get("output"):
        return Outcome("output", stdout=stdout)
    if "value" in report:
        return Outcome("ok", report["value"], stdout=stdout)
    kind, message = str(report["kind"]), str(report["message"])
    if kind == "MemoryError":
        return Outcome("memory", stdout=stdout)
    if kind == "ModuleNotFoundError":
        return Outcome("unsupported", message=subset.find_missing(kind, message) or "a module", stdout=stdout)
    return Outcome("failed", message=exception_kind(kind), detail=shorten(message), stdout=stdout)


def _read_report(content: bytes, token: str) -> dict[str, Any] | None:
    """The report behind the token, None where there is none or it is not ours."""
    if not content.startswith(token.encode()):
        return None
    try:
        report = json.loads(content[len(token) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not ({"value", "kind"} & report.keys()):
        return None
    value = report.get("value")
    return report if value is None or isinstance(value, str) else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
