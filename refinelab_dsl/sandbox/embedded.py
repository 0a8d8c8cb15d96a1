"""The level `embedded`: an interpreter of a subset of Python that knows no file, no network and no process.

It is pydantic-monty. Each program has a worker process of its own, which bounds time and memory itself; a hang of the
worker is ended from here. The worker gets an empty environment and no standard error.
"""

from __future__ import annotations

import os
import shlex
import string
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from errno import EAGAIN
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final, Self

from refinelab_dsl.effects import Execute, Outcome
from refinelab_dsl.sandbox import subset
from refinelab_dsl.sandbox.limits import Limits, exception_kind, shorten
from refinelab_dsl.sandbox.modules import ROUND, find_modules, module_names, write_module
from refinelab_dsl.scratch import Scratch

PACKAGE: Final = "pydantic-monty"
_RUNTIME: Final = "pydantic-monty-runtime"
_GRACE: Final = 5.0  # seconds after its own limit until a worker is ended
_HEADROOM: Final = 2_000_000_000  # bytes of address space beside the heap
_CONSTANTS: Final = (
    "ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "hexdigits", "octdigits", "printable",
    "punctuation", "whitespace",
)  # fmt: skip
_PROBE: Final = """
absent = []
for name in names:
    try:
        eval(name)
    except NameError:
        absent.append(name)
absent
"""
# In the sandbox, so that a program's own `__str__` runs there and no large value leaves it.
_SHOW: Final = """
_shown = {name}
_text = str(_shown)
_text if len(_text) <= {bound} else None
"""


class _TooMuch(Exception):
    """More was printed than is kept."""


class Embedded:
    """A pool of workers; to be used in a `with` block.

    Raises:
        ImportError, OSError: on entering, the package or its program is not here.
    """

    def __init__(self, limits: Limits, workers: int = 1) -> None:
        self._limits = limits
        self._workers = workers
        self._absent: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self._monty: ModuleType = import_module("pydantic_monty")
        program = find_interpreter()
        self._folder = Scratch()
        try:
            launcher = _write_launcher(Path(self._folder.name), program, self._limits)
            # Where nothing in the folder for temporary files may be executed the interpreter starts without it: what it
            # keeps from programs does not rest on the launcher.
            if not self._open_pool(launcher) and not self._open_pool(program):
                raise OSError("it ends at once")
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def _open_pool(self, path: Path) -> bool:
        """Starts workers by a program; false where they do not start."""
        self._pool: Any = self._monty.Monty(
            binary_path=path,
            min_processes=0,
            max_processes=self._workers,
            max_checkouts_per_worker=1,
            request_timeout=self._limits.seconds + _GRACE,
        )
        self._pool.__enter__()
        try:
            self._absent = self._ask_absent()
        except (OSError, self._monty.MontyError):
            self._pool.__exit__(None, None, None)
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._pool.__exit__(kind, error, trace)
        finally:
            self._folder.cleanup()

    def run(self, program: Execute) -> Outcome:
        """What becomes of a program. Raises nothing that the program causes.

        Raises:
            OSError: no worker can be started.
        """
        lacking = subset.find_lacking(program.code, self._absent)
        if lacking is not None:
            return Outcome("unsupported", message=lacking)
        printed = _Printed(self._limits.output)
        try:
            value = self._compute(program, printed)
        except self._monty.MontyCrashedError as error:
            outcome = Outcome("timeout" if error.timed_out else "crashed", message="the interpreter ended")
        except self._monty.MontyError as error:
            outcome = self._explain(program, error, printed)
        except (ValueError, RecursionError, MemoryError, UnicodeError) as error:
            outcome = Outcome("failed", message=type(error).__name__, detail=shorten(str(error)))
        except RuntimeError:  # of the pool: what a program raises comes as an error of the interpreter
            outcome = Outcome("crashed", message="the interpreter ended")
        else:
            # None stands for a value that is longer than what is kept.
            outcome = Outcome("ok", value) if value is not None or program.answer is None else Outcome("output")
        return replace(outcome, stdout=printed.text)

    def _compute(self, program: Execute, printed: _Printed) -> str | None:
        """Runs a program in a session of its own; the value that is wanted, None where none is or it is too long."""
        supplied = self._constants()
        with self._checkout(supplied) as session:
            for module in find_modules(program.code):
                functions = session.feed_run(write_module(module))
                named = dict(zip(module_names(module), functions, strict=True))
                supplied[module] = self._monty.ExternalModule(named)
            if "round" in program.code:
                session.feed_run(ROUND)
            session.feed_run(_without_value(program.code), print_callback=printed)
            return self._read_value(session, program.answer, printed)

    def _constants(self) -> dict[str, Any]:
        """The module `string`, of which only the constants are there."""
        return {"string": self._monty.ExternalModule({name: getattr(string, name) for name in _CONSTANTS})}

    @contextmanager
    def _checkout(self, modules: Mapping[str, Any]) -> Iterator[Any]:
        """A session with a fresh worker. modules: by name; they may come later.

        Raises:
            OSError: it cannot be started.
        """
        session = self._pool.checkout(
            limits={
                "max_feed_duration_secs": self._limits.seconds,
                "max_memory": self._limits.memory,
                "max_total_sleep_secs": 0.0,
            },
            assert_message_annotations=False,
            os_policy={"sleep": "zero", "random_start": {"seed": 0}},
            external_modules=modules,
        )
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(session)
            except RuntimeError as error:
                raise OSError(EAGAIN, str(error)) from None
            yield opened

    def _read_value(self, session: Any, name: str | None, printed: _Printed) -> str | None:
        if name is None:
            return None
        text = session.feed_run(_SHOW.format(name=name, bound=self._limits.output), print_callback=printed)
        return None if text is None else str(text)

    def _ask_absent(self) -> tuple[str, ...]:
        """The built-in functions that the interpreter does not know."""
        with self._checkout({}) as session:
            return tuple(session.feed_run(_PROBE, inputs={"names": list(subset.BUILTINS)}))

    def _explain(self, program: Execute, error: Any, printed: _Printed) -> Outcome:
        if printed.is_full:
            return Outcome("output")
        inner = error.exception()
        kind, message = type(inner).__name__, str(inner)
        missing = subset.find_missing(kind, message) or subset.find_difference(program.code, kind, message)
        if missing is not None:
            return Outcome("unsupported", message=missing)
        if kind == "MemoryError":
            return Outcome("memory")
        if kind == "TimeoutError" and "time limit exceeded" in message:
            endless = subset.find_endless(program.code)
            return Outcome("timeout") if endless is None else Outcome("unsupported", message=endless)
        return Outcome("failed", message=exception_kind(kind), detail=shorten(message))


def find_interpreter() -> Path:
    """The worker's program, which the package's runtime brings along.

    Raises:
        FileNotFoundError, importlib.metadata.PackageNotFoundError
    """
    for name in metadata.files(_RUNTIME) or ():
        path = Path(str(name.locate())).resolve()
        if name.stem == "monty" and path.is_file() and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"{_RUNTIME} holds no program")


class _Printed:
    """Takes what a program prints, up to a bound."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._parts: list[str] = []
        self._size = 0
        self.is_full = False

    def __call__(self, stream: str, text: str) -> None:
        self._size += len(text.encode("utf-8", "replace"))
        if self._size > self._bound:
            self.is_full = True
            raise _TooMuch("more was printed than is kept")
        if stream == "stdout":
            self._parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self._parts)


def _without_value(code: str) -> str:
    """The program with a last statement that has no value, so that none crosses to this process."""
    return f"{code}\n\nNone\n"


def _write_launcher(folder: Path, program: Path, limits: Limits) -> Path:
    """A script that starts the worker with nothing of this process: no environment, no standard error, no core file, a
    bound on its address space."""
    path = folder / "worker"
    kilobytes = (limits.memory + _HEADROOM) // 1024
    path.write_text(
        f"#!/bin/sh\nulimit -c 0\nulimit -v {kilobytes} 2>/dev/null\n"
        f'exec env -i {shlex.quote(str(program))} "$@" 2>/dev/null\n',
        encoding="utf-8",
    )
    path.chmod(0o700)
    return path
