"""Endpoints that enforce rate limits, and time that passes only when everybody waits.

    def scene() -> Coroutine[...]: ...
    run_in_virtual_time(scene)   # an hour of the scene's `asyncio.sleep` takes a moment
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any, Literal, TypeVar

from refinelab_dsl.providers.quotas import Quotas, read_quotas
from refinelab_dsl.serving.limits import Gate, RateLimits

Value = TypeVar("Value")
_EPOCH = datetime(2026, 11, 1, tzinfo=UTC)  # no reset is said as a point in time


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


@dataclass
class Endpoint:
    """What an endpoint allows, beside `limits`. charge: the tokens that a call counts for: those that it takes, or the
    most that it may take. concurrency: calls that it lets in at a time."""

    limits: RateLimits = field(default_factory=RateLimits)
    charge: Literal["actual", "most"] = "actual"
    concurrency: int | None = None
    running: int = 0
    told: list[tuple[float, bool, int]] = field(default_factory=list)  # time, whether let in, tokens

    def __post_init__(self) -> None:
        self._gate = Gate(self.limits)

    def ask(self, actual: int, most: int, now: float) -> tuple[bool, float | None, Quotas | None]:
        """Whether a call is let in, the seconds that its headers ask to wait, and what they say of limits."""
        tokens = actual if self.charge == "actual" else most
        is_free = self.concurrency is None or self.running < self.concurrency
        excess = self._gate.enter("m", tokens, now) if is_free else None
        is_let_in = is_free and excess is None
        self.told.append((now, is_let_in, tokens))
        wait = None
        if excess is not None and excess.wait is not None and self.limits.retry_after:
            wait = float(ceil(excess.wait))  # whole seconds, as most say it
        return is_let_in, wait, read_quotas(self._gate.headers("m", now), _EPOCH)

    def share(self, start: float, end: float) -> float:
        """Of what it permits between two times, the part that was used."""
        let_in = [tokens for now, is_let_in, tokens in self.told if is_let_in and start <= now < end]
        minutes = (end - start) / 60
        shares = [len(let_in) / (self.limits.rpm * minutes)] if self.limits.rpm is not None else []
        shares += [sum(let_in) / (self.limits.tpm * minutes)] if self.limits.tpm is not None else []
        return max(shares)

    def count_refused(self, start: float, end: float) -> int:
        return sum(not is_let_in for now, is_let_in, _ in self.told if start <= now < end)

    def refused(self, start: float, end: float) -> float:
        """Of the calls between two times, the part that it refused."""
        return self.count_refused(start, end) / sum(start <= now < end for now, _, _ in self.told)
