"""How fast a model may be asked: requests and tokens per minute, and pauses that its endpoint asks for."""

from __future__ import annotations

import time
from collections.abc import Callable

from refinelab_dsl.declarations import Limits
from refinelab_dsl.execute.halt import Halt

_BURST = 10.0  # seconds' worth of a rate that may go out at once


class Bucket:
    """A token bucket (Turner 1986): refilled at `per_minute`, holding what ten seconds give."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._rate = per_minute / 60
        self._capacity = max(1.0, self._rate * _BURST)
        self._level = self._capacity
        self._clock = clock
        self._at = clock()

    def take(self, amount: float) -> float:
        """Takes `amount` now (its level may go below zero) and returns the seconds to wait before using it."""
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        self._level -= amount
        return max(0.0, -self._level / self._rate)


class Pace:
    """The rates of one model, shared by all operators that use it. Limits concurrency by no means."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = Bucket(limits.rpm, clock) if limits.rpm is not None else None
        self._tokens = Bucket(limits.tpm, clock) if limits.tpm is not None else None
        self._clock = clock
        self._not_before = clock()

    async def wait(self, tokens: int, halt: Halt) -> None:
        """Returns when a call expected to take `tokens` may go out, or when the run stops."""
        delay = max(
            self._requests.take(1) if self._requests is not None else 0.0,
            self._tokens.take(tokens) if self._tokens is not None else 0.0,
        )
        await halt.sleep(max(delay, self._not_before - self._clock()))
        while not halt.is_set and self._not_before > self._clock():  # somebody was told to wait meanwhile
            await halt.sleep(self._not_before - self._clock())

    def pause(self, seconds: float) -> None:
        """No call goes out for so long: the endpoint said so to one of them, and means all."""
        self._not_before = max(self._not_before, self._clock() + seconds)
