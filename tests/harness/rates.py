"""Endpoints that enforce rate limits, and time that passes only when everybody waits.

    def scene() -> Coroutine[...]: ...
    run_in_virtual_time(scene)   # an hour of the scene's `asyncio.sleep` takes a moment
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from refinelab_dsl.providers.quotas import Quota, Quotas

Value = TypeVar("Value")


class _Jump(selectors.SelectSelector):
    """A selector that does not wait: it moves the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("everybody waits, and for nothing that time brings")
        self.now += max(timeout, 0.0)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def run_in_virtual_time(scene: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """What comes of a coroutine function in a loop whose clock, `asyncio.get_running_loop().time`, is virtual."""
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(scene())
    finally:
        loop.close()


class Bucket:
    """Allows `per_second`, and `capacity` at once."""

    def __init__(self, per_second: float, capacity: float) -> None:
        self.per_second = per_second
        self._capacity = capacity
        self._level = capacity
        self._at = 0.0

    def remaining(self, now: float) -> float:
        self._level = min(self._capacity, self._level + (now - self._at) * self.per_second)
        self._at = now
        return self._level

    def take(self, amount: float) -> None:
        self._level -= amount

    def wait(self, amount: float, now: float) -> float:
        return max(0.0, amount - self.remaining(now)) / self.per_second

    def quota(self, now: float) -> Quota:
        level = max(0.0, self.remaining(now))
        limit = 60 * self.per_second
        return Quota(limit, float(int(level)), (self._capacity - level) / self.per_second, False)


class FixedWindow:
    """Allows `limit` in each window of `seconds`; the first began `phase` seconds ago."""

    def __init__(self, limit: float, seconds: float, phase: float) -> None:
        self.per_second = limit / seconds
        self._limit = limit
        self._seconds = seconds
        self._phase = phase
        self._used = 0.0
        self._number = 0

    def remaining(self, now: float) -> float:
        number = int((now + self._phase) // self._seconds)
        if number != self._number:
            self._number, self._used = number, 0.0
        return self._limit - self._used

    def take(self, amount: float) -> None:
        self._used += amount

    def wait(self, amount: float, now: float) -> float:
        return 0.0 if self.remaining(now) >= amount else self._left(now)

    def quota(self, now: float) -> Quota:
        return Quota(self._limit, max(0.0, float(int(self.remaining(now)))), self._left(now), False)

    def _left(self, now: float) -> float:
        return self._seconds - (now + self._phase) % self._seconds


@dataclass
class Endpoint:
    """What an endpoint allows, and how it says so. charge: the tokens that count against `tokens`: those that a call
    took, or the most that it might have taken. concurrency: calls that it takes at a time."""

    requests: Bucket | FixedWindow | None = None
    tokens: Bucket | FixedWindow | None = None
    tells: bool = False
    retry_after: bool = False
    charge: Literal["actual", "most"] = "actual"
    concurrency: int | None = None
    running: int = 0

    def ask(self, actual: int, most: int, now: float) -> tuple[bool, float | None, Quotas | None]:
        """Whether a call is let in, what its headers ask to wait, and what they say of limits."""
        amount = actual if self.charge == "actual" else most
        wait = max(
            self.requests.wait(1, now) if self.requests is not None else 0.0,
            self.tokens.wait(amount, now) if self.tokens is not None else 0.0,
        )
        is_let_in = wait <= 0 and (self.concurrency is None or self.running < self.concurrency)
        if is_let_in:
            if self.requests is not None:
                self.requests.take(1)
            if self.tokens is not None:
                self.tokens.take(amount)
        said = None
        if self.tells:
            said = Quotas(
                None if self.requests is None else self.requests.quota(now),
                None if self.tokens is None else self.tokens.quota(now),
            )
        return is_let_in, (-(-wait // 1) if self.retry_after and not is_let_in else None), said
