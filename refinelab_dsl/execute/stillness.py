"""Whether a run stands still: nothing more can be started, and all that was started waits for a batch.

That is when what was gathered for a batch goes out: no clock decides how many requests it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stillness:
    """Counts who waits. Belongs to the run's event loop. What it calls when all is still must not block."""

    def __init__(self) -> None:
        self._waiting = 0
        self._count_running: Callable[[], int | None] | None = None
        self._callbacks: list[Callable[[], None]] = []

    def call(self, when_still: Callable[[], None]) -> None:
        """Calls `when_still` each time that all is still, perhaps several times in a row."""
        self._callbacks.append(when_still)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One of those who run waits for a batch, or for another who does."""
        self._waiting += 1
        self.look()
        try:
            yield
        finally:
            self._waiting -= 1

    @contextmanager
    def parked(self, count_running: Callable[[], int | None]) -> Iterator[None]:
        """Whoever starts others can start none. count_running: how many run; None where one may be started now."""
        self._count_running = count_running
        self.look()
        try:
            yield
        finally:
            self._count_running = None

    def look(self) -> None:
        """Looks whether all is still."""
        if self._count_running is not None and self._count_running() == self._waiting:
            for when_still in self._callbacks:
                when_still()
