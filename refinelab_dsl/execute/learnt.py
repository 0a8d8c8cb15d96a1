"""The rate of calls that refusals have taught: unknown until the first 429, then a little below what is let through.

Between two refusals an endpoint has let through S calls in T seconds, and then nothing for D. If its bucket, or its
window, was used up at both ends, it allows S / (T + D). So that is believed where the pause is a good part of the time,
or where there were many calls; else what went out is halved. After that the rate grows: quickly while it is far below
the one that was refused, hardly near it, so that the next refusal comes after some hundred calls.
"""

from __future__ import annotations

from typing import Final

_SLACK: Final = 0.1  # seconds' worth that may be made up for
_FEW: Final = 5  # calls: fewer tell nothing
_MANY: Final = 50  # calls after which a refusal means that the rate is nearly right
_BELOW: Final = 0.98  # of what was let through
_LONG: Final = 0.2  # share of the time that a pause takes, where it says how long a window is
_LATENCY_WEIGHT: Final = 0.1


class LearntRate:
    """Of one model, in calls per second; times are seconds of one steady clock."""

    def __init__(self, now: float) -> None:
        self.rate: float | None = None
        self._refused: float | None = None  # the rate that was too high
        self._started = now
        self._opened = False
        self._sent = 0
        self._passed = 0
        self._stopped: float | None = None
        self._debt = 0.0
        self._at = now
        self._is_used = False  # the rate has held calls back
        self._latency = 0.0

    def delay(self, now: float) -> float:
        """Seconds until the next call may go out."""
        if self.rate is None:
            return 0.0
        self._pay(now)
        if self._debt > 0:
            self._is_used = True
        return max(0.0, self._debt / self.rate)

    def take(self, now: float) -> None:
        """A call goes out."""
        if not self._sent and self.rate is None:
            self._started = now  # of the first call: what was before it is no part of any rate
        self._sent += 1
        if self.rate is not None:
            self._pay(now)
            self._debt += 1

    def answer(self, seconds: float) -> None:
        """A call was answered after so long."""
        self._passed += 1
        self._latency += (seconds - self._latency) * (_LATENCY_WEIGHT if self._latency else 1.0)
        if self.rate is None or not self._is_used or self._stopped is not None:
            return
        self._is_used = False
        assert self._refused is not None
        near = self.rate / self._refused
        self.rate *= 1.005 if near < 0.95 else 1.0001 if near < 1.02 else 1.001

    def stop(self, now: float) -> None:
        """A call was refused: nothing goes out until `resume`."""
        self._stopped = now

    def resume(self, now: float, *, is_sure: bool) -> None:
        """A call was let through again. is_sure: the endpoint kept refusing for a while, or said for how long it would;
        so it is no single refusal, and the rate may be less than one call at a time makes."""
        if self._stopped is None:
            return
        ran, paused = max(self._stopped - self._started, 1e-3), now - self._stopped
        sent = self._sent / ran
        rate = sent if self.rate is None else min(self.rate, sent)
        let_through = self._passed / (ran + paused)
        is_first = self.rate is None
        self._refused = rate
        if self._passed >= _FEW and paused >= _LONG * (ran + paused):
            self._refused = min(rate, let_through)
            rate = _BELOW * self._refused
        elif self._passed >= _MANY and not is_first:
            self._refused = min(rate, let_through)
            rate = min(0.96 * rate, _BELOW * let_through)
        else:
            rate *= 0.5
        least = 1 / self._latency if self._latency and not is_sure else 0.01
        self.rate = max(rate, least)
        self._refused = max(self._refused, self.rate)
        self._started, self._sent, self._passed, self._stopped = now, 0, 0, None
        self._debt, self._at = 0.0, now

    def _pay(self, now: float) -> None:
        assert self.rate is not None
        self._debt = max(self._debt - self.rate * (now - self._at), -_SLACK * self.rate)
        self._at = now
