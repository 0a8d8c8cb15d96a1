"""One door to both levels: what the machine offers, and a program run at a level of it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from refinelab_dsl.effects import Execute, Level, Outcome
from refinelab_dsl.sandbox.embedded import PACKAGE, Embedded
from refinelab_dsl.sandbox.limits import Limits
from refinelab_dsl.sandbox.strict import Missing, Strict, build_strict, try_strict

LEVELS: Final[tuple[Level, ...]] = ("embedded", "strict")
_LIMITS: Final = Limits()
_INSTALL: Final = f"python -m pip install {PACKAGE}"


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether this machine has a level. `reason`: why it has not; `fix`: the line that brings it."""

    level: Level
    is_there: bool
    reason: str = ""
    fix: str = ""


def examine(level: Level) -> Offer:
    """Whether programs can be run at a level here, found by running one."""
    try:
        with Sandbox() as sandbox:
            sandbox.open(level)
    except Missing as error:
        return Offer(level, False, error.reason, error.fix)
    return Offer(level, True)


def run(program: Execute, limits: Limits = _LIMITS) -> Outcome:
    """What becomes of one program. Several are run faster by one `Sandbox`.

    Raises:
        Missing: the machine has no such level. The program is then not run at all.
    """
    with Sandbox(limits) as sandbox:
        return sandbox.run(program)


class Sandbox:
    """Runs programs, from any thread, at most `workers` of the embedded level at a time; to be used in a `with` block.
    A level is opened when it is first asked for."""

    def __init__(self, limits: Limits = _LIMITS, workers: int = 1) -> None:
        self._limits = limits
        self._workers = workers
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._embedded: Embedded | None = None
        self._strict: Strict | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers."""
        with self._lock:
            self._stack.close()
            self._embedded = None

    def open(self, level: Level) -> Embedded | Strict:
        """Makes a level ready.

        Raises:
            Missing: the machine has no such level.
        """
        with self._lock:
            if level == "strict":
                if self._strict is None:
                    strict = build_strict(self._limits)
                    try_strict(strict)
                    self._strict = strict
                return self._strict
            if self._embedded is None:
                self._embedded = self._open_embedded()
            return self._embedded

    def run(self, program: Execute) -> Outcome:
        """What becomes of a program: a value, whatever the program does.

        Raises:
            Missing: the machine has no such level.
        """
        if "\0" in program.code:
            return Outcome("failed", message="no text of a program")
        if len(program.code.encode("utf-8", "replace")) > self._limits.code:
            return Outcome("failed", message="a program that is too long")
        return self.open(program.level).run(program)

    def _open_embedded(self) -> Embedded:
        try:
            return self._stack.enter_context(Embedded(self._limits, self._workers))
        except ImportError:
            raise Missing(f"{PACKAGE} is not installed", _INSTALL) from None
        except OSError as error:
            raise Missing(f"the interpreter of {PACKAGE} cannot be started: {error}", _INSTALL) from None
