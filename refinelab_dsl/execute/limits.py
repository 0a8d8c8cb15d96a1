"""How fast a model may be asked, and how many calls at a time: what is declared, what its endpoint says, and what its
refusals teach. One for each model, so all operators share what it allows.

Nothing of it is kept: plans, logs and outputs do not depend on it, and the next run learns anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

from refinelab_dsl.declarations import Limits
from refinelab_dsl.execute.breaker import Breaker
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.learnt import LearntRate
from refinelab_dsl.execute.meter import Meter
from refinelab_dsl.execute.window import Window
from refinelab_dsl.providers.quotas import Quotas

DEFAULT_BACKOFF: Final = 0.5
_OVERLOADED: Final = 3  # failures in a row after which fewer calls are out at a time
_OVERLOAD: Final = ("server", "timeout", "connection")
_SURE_SECONDS: Final = 1.0  # that an endpoint asks to wait: it means a limit
_RATIO_WEIGHT: Final = 0.1
_LEAST_RATIO: Final = 0.02
_LEAST_WAIT: Final = 0.001  # seconds: a clock may not tell less apart


@dataclass(slots=True, eq=False)
class Ticket:
    """A call that may go out. tokens: what it is taken to cost; expected: what its caller said it might at most. left:
    the tokens that its reply says remain, where they may be why it is refused."""

    at: float
    tokens: float
    expected: int
    epoch: int
    is_probe: bool
    taken_requests: float
    taken_tokens: float
    left: float | None = None
    is_closed: bool = False


_CURRENT: ContextVar[Ticket | None] = ContextVar("call that is out", default=None)
"""Of the task that makes a call. A provider tells what headers say within it, so it is known of which call it is."""


class Pace:
    """The rates of one model. `admit` lets a call out; then exactly one of `answer`, `refuse`, `fail`, `drop` is told
    what came of it. Belongs to one event loop."""

    def __init__(
        self, limits: Limits, most: int | None = None, backoff: float = DEFAULT_BACKOFF,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """most: calls at a time, where that is less than the model's `concurrency`. backoff: seconds of the first
        pause after a refusal."""
        self._clock = clock
        self._requests = Meter(limits.rpm, is_exact=True)
        self._tokens = Meter(limits.tpm, is_exact=False)
        is_declared = limits.rpm is not None or limits.tpm is not None
        self._window = Window(limits.concurrency if most is None else most, is_open=is_declared)
        self._breaker = Breaker(backoff)
        self._learnt = LearntRate(clock(), is_declared=is_declared)
        self._ratio = 1.0  # of what calls take to what they might at most
        self._turn = asyncio.Lock()
        self._waker: asyncio.Future[None] | None = None  # of the call whose turn it is
        self._is_waiting = False
        self._is_sure = False
        self._is_told = False
        self.running = 0

    @property
    def state(self) -> Literal["open", "limited", "down"]:
        """In one word: calls go out as they come, or wait for a rate, or the endpoint does not answer."""
        if self._breaker.cause == "failure":
            return "down"
        return "limited" if self._breaker.cause == "limit" or self._is_waiting else "open"

    @property
    def is_given_up(self) -> bool:
        """Whether the model left so many probes without an answer that waiting on is no use."""
        return self._breaker.is_given_up

    @property
    def probes(self) -> int:
        """Calls in a row that were made to see whether the model is back, and told that it is not."""
        return self._breaker.probes

    @property
    def pause(self) -> float:
        """Seconds for which no call goes out, not counting what rates add."""
        return max(0.0, self._breaker.until - self._clock()) if self._breaker.cause is not None else 0.0

    async def admit(self, tokens: int, halt: Halt) -> Ticket | None:
        """Returns when a call may go out, in the order of asking; None when the run stops. tokens: what it might take
        at most."""
        async with self._turn:
            while not halt.is_set:
                now = self._clock()
                delay = self._find_delay(tokens, now)
                if delay <= 0:
                    self._is_waiting = False
                    return self._let_out(tokens, now)
                await self._wait(delay, halt)
        self._is_waiting = False
        return None

    def hear(self, quotas: Quotas) -> None:
        """Learns from the headers of a reply, in the context of its call."""
        ticket, now = _CURRENT.get(), self._clock()
        if ticket is None:
            return
        if quotas.requests is not None:
            self._requests.observe(quotas.requests, ticket.taken_requests, ticket.at, now)
        if quotas.tokens is not None:
            self._tokens.observe(quotas.tokens, ticket.taken_tokens, ticket.at, now)
            if quotas.requests is None or quotas.requests.remaining:
                ticket.left = quotas.tokens.remaining
        if self._requests.remaining is not None and self._requests.remaining >= self._window.most:
            self._window.open()

    def answer(self, ticket: Ticket, tokens: int | None) -> None:
        """A call was answered. tokens: what it took, None where the endpoint does not say."""
        now = self._clock()
        if not self._close(ticket):
            return
        if tokens is not None and ticket.expected:
            self._tokens.settle(tokens - ticket.tokens, now)
            self._ratio += (max(tokens / ticket.expected, _LEAST_RATIO) - self._ratio) * _RATIO_WEIGHT
        self._learnt.answer(now - ticket.at, now)
        if self._breaker.answer(ticket.is_probe):
            self._requests.forgive(now)
            self._tokens.forgive(now)
            self._learnt.resume(
                now, self._breaker.until, self._breaker.pause, is_sure=self._is_sure, is_told=self._is_told
            )
        self._window.grow(self.running + 1)

    def refuse(self, ticket: Ticket, retry_after: float | None) -> None:
        """A call was refused for its rate, and did not count."""
        now = self._clock()
        if not self._close(ticket):
            return
        if ticket.left is not None and ticket.tokens > 0:
            self._tokens.learn_least(ticket.left, ticket.tokens)
        is_told = self._requests.is_short(1, now) or self._tokens.is_short(ticket.tokens, now)
        self._requests.refund(1, now)
        self._tokens.refund(ticket.tokens, now)
        self._is_told = retry_after is not None
        asked_long = retry_after is not None and retry_after >= _SURE_SECONDS
        if self._breaker.refuse(ticket.is_probe, ticket.epoch, retry_after, now):
            if not is_told:  # else there is nothing to learn: what remained was less than the call took
                self._learnt.stop(now)
                self._window.shrink()
            self._is_sure = asked_long
        elif ticket.is_probe:
            self._is_sure = self._is_sure or asked_long or self._breaker.probes >= 2

    def fail(self, ticket: Ticket, kind: str, retry_after: float | None) -> None:
        """A call failed in another way that a further try may mend."""
        if not self._close(ticket):
            return
        opened = self._breaker.fail(ticket.is_probe, ticket.epoch, retry_after, self._clock())
        if opened:
            self._window.begin_anew()
        elif kind in _OVERLOAD and self._breaker.failures == _OVERLOADED:
            self._window.shrink(0.5)

    def drop(self, ticket: Ticket) -> None:
        """A call ended in a way that tells nothing of the model. Without effect where it was told already."""
        if self._close(ticket):
            self._breaker.drop(ticket.is_probe)

    def _close(self, ticket: Ticket) -> bool:
        """The call is out no longer. False where that was told before."""
        if ticket.is_closed:
            return False
        ticket.is_closed = True
        self.running -= 1
        _wake(self._waker)
        return True

    def _find_delay(self, tokens: int, now: float) -> float:
        """Seconds until a call may go out; infinite where something else must happen first."""
        held = self._breaker.delay(now)
        if self._breaker.cause is None and self.running >= self._window.size:
            held = float("inf")
        rated = max(self._requests.delay(1, now), self._learnt.delay(now))
        if tokens:
            rated = max(rated, self._tokens.delay(tokens * self._ratio, now))
        self._is_waiting = rated > 0
        return max(held, rated)

    def _let_out(self, tokens: int, now: float) -> Ticket:
        self.running += 1
        self._learnt.take(now)
        expected = tokens * self._ratio
        ticket = Ticket(
            now, expected, tokens, self._breaker.epoch, self._breaker.let_out(), self._requests.take(1, now),
            self._tokens.take(expected, now),
        )
        _CURRENT.set(ticket)
        return ticket

    async def _wait(self, delay: float, halt: Halt) -> None:
        """Until so many seconds are over, a call ended, or the run stops."""
        loop = asyncio.get_running_loop()
        self._waker = waker = loop.create_future()
        timer = None if delay == float("inf") else loop.call_later(max(delay, _LEAST_WAIT), _wake, waker)
        halt.wakers.add(waker)
        try:
            await waker
        finally:
            halt.wakers.discard(waker)
            if timer is not None:
                timer.cancel()


def _wake(waker: asyncio.Future[None] | None) -> None:
    if waker is not None and not waker.done():
        waker.set_result(None)


class Unpaced(Pace):
    """Of a model that is asked by batches: its provider sets the pace, and as many requests as there are may wait."""

    def __init__(self) -> None:
        super().__init__(Limits())

    async def admit(self, tokens: int, halt: Halt) -> Ticket | None:
        return None if halt.is_set else Ticket(0.0, 0.0, 0, 0, False, 0.0, 0.0, is_closed=True)
