"""The bounds that a program runs in, and how what it says is kept."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Final

_DETAIL: Final = 200  # characters of what an exception said


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run. seconds: of computing; what waits instead is ended after `waiting` seconds by the clock.
    memory, output (bytes): of the whole program, of what it prints and of its value. code (bytes): of its source."""

    seconds: float = 5.0
    waiting: float = 20.0
    memory: int = 256_000_000
    output: int = 64_000
    code: int = 1_000_000


def shorten(message: str) -> str:
    """What an exception said, as long as it is kept."""
    text = message.encode("utf-8", "replace").decode()
    return text if len(text) <= _DETAIL else text[: _DETAIL - 1] + "…"


def exception_kind(name: str) -> str:
    """The name of an exception, where it is Python's own. A program can name its own classes as it likes."""
    known = getattr(builtins, name, None)
    return name if isinstance(known, type) and issubclass(known, BaseException) else "an exception of its own"
