"""The rate of calls that refusals have taught: unknown until the first 429, then a little below what is let through.

Between two refusals an endpoint has let through S calls in T seconds, and then nothing for D. If its bucket, or its
window, was used up at both ends, it allows S / (T + D). So that is believed where the pause is a good part of the time,
or where there were many calls; else what went out is halved. Where nobody says when calls may go out again, that was
found by trying: it may have been at any time since the try before, so D is taken half-way, and the rate that surely was
too high is that of the shorter D. After that the rate grows: quickly while it is far below
the one that was refused, hardly near it, so that the next refusal comes after some hundred calls.
"""

from __future__ import annotations

from collections import deque
from typing import Final

_SLACK: Final = 0.1  # seconds' worth that may be made up for
_FEW: Final = 5  # calls: fewer tell nothing
_RECENT: Final = 64  # calls by which the rate is told that went out
_MANY: Final = 50  # calls after which a refusal means that the rate is nearly right
_BELOW: Final = 0.98  # of what was let through
_VAGUE: Final = 0.1  # share of the time that the last pause takes, where it hardly says when calls could go out again
_SHORT: Final = 120.0  # seconds
_LONG: Final = 0.2  # share of the time that a pause takes, where it says how long a window is
_SLOWLY: Final = 0.00005  # growth with each answer, near the rate that was refused
_ROUGHLY: Final = 0.0003  # the same where that one was found from few calls
_SLOWLY_DECLARED: Final = 0.0002  # the same of a declared rate: a stall may be why a call was refused
_LATENCY_WEIGHT: Final = 0.1
_LEAST: Final = 0.01  # calls per second
_TRIALS: Final = 2
"""Times that the rate is halved below one call at a time, for single refusals. Where that does not end them they are
not about the rate, and slower calls would be refused as often."""


class LearntRate:
    """Of one model, in calls per second; times are seconds of one steady clock."""

    def __init__(self, now: float, *, is_declared: bool) -> None:
        """is_declared: calls keep to a rate that is declared, so the first refusal does not come of a burst."""
        self._is_declared = is_declared
        self.rate: float | None = None
        self._refused: float | None = None  # the rate that was too high
        self._started = now
        self._sent: float | None = None  # the rate when a call was refused
        self._grown = now
        self._times: deque[float] = deque(maxlen=_RECENT)  # of the last calls that went out
        self._passed = 0
        self._stopped: float | None = None
        self._debt = 0.0
        self._at = now
        self._is_used = False  # the rate has held calls back
        self._latency = 0.0
        self._trials = 0
        self._tried = 0.0  # the rate that was too high before the trials
        self._is_slow = False
        self._before: tuple[float, float, int] | None = None  # of the last refusal: start, stop, calls let through
        self._is_rough = False  # the rate was found from few calls

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
        if not self._times and self.rate is None:
            self._started = now  # of the first call: what was before it is no part of any rate
        self._times.append(now)
        if self.rate is not None:
            self._pay(now)
            self._debt += 1

    def answer(self, seconds: float, now: float) -> None:
        """A call was answered after so long."""
        self._passed += 1
        if self._trials and self._passed >= _MANY:
            self._is_slow = self._is_rough = True  # so many went through where fewer calls went out
            self._refused, self._trials = max(self._tried, 1 / self._latency), 0
        self._latency += (seconds - self._latency) * (_LATENCY_WEIGHT if self._latency else 1.0)
        if self.rate is None or self._stopped is not None:
            return
        apart, self._grown = now - self._grown, now
        if not self._is_used:
            return
        self._is_used = False
        assert self._refused is not None
        near = self.rate / self._refused
        if near < 0.95:
            self.rate *= 1 + min(0.005, 0.05 * apart)
        elif self._is_rough and near < 1.0:
            self.rate *= 1 + min(0.001, 0.01 * apart)
        elif near < 1.02:
            self.rate *= 1 + (_ROUGHLY if self._is_rough else _SLOWLY_DECLARED if self._is_declared else _SLOWLY)
        else:
            self.rate *= 1 + min(0.001, 0.001 * apart * (1 + (now - self._started) / 60))

    def stop(self, now: float) -> None:
        """A call was refused: nothing goes out until `resume`."""
        self._stopped, self._sent = now, self._measure_sent()

    def resume(self, now: float, until: float, pause: float, *, is_sure: bool, is_told: bool) -> None:
        """A call was let through again, after pauses that lasted `until` then, the last of them `pause`. is_sure: the
        endpoint kept refusing for a while, or said for how long it would; so it is no single refusal, and the rate may
        be less than one call at a time makes. is_told: the endpoint said how long the last pause had to be."""
        if self._stopped is None:
            return
        started, stopped, passed = self._started, self._stopped, self._passed
        if self._before is not None and passed < _FEW:  # the pause was too short: it is still the refusal before
            (started, stopped, before), self._before = self._before, None
            passed += before
        else:
            self._before = started, stopped, passed
        ran, paused = max(stopped - started, 1e-3), max(until - stopped, 0.0)
        late = 0.0 if is_told else min(pause, paused)
        let_through = passed / (ran + paused - late / 2)
        most = passed / (ran + paused - late)
        rate = self._sent or self.rate or let_through
        if self.rate is not None:
            rate = min(rate, self.rate)
        self._refused = rate
        self._is_rough = passed < _MANY or pause > _VAGUE * (ran + paused)
        if passed >= _FEW and paused >= _LONG * (ran + paused):
            self._refused = min(rate, most)
            rate = _BELOW * min(rate, let_through)
        elif passed >= _MANY and (self.rate is not None or self._is_declared):
            rate *= 0.97
            if ran + paused <= _SHORT:  # else it grew meanwhile
                if paused >= _VAGUE * (ran + paused):
                    self._refused = min(self._refused, most)
                rate = min(rate, _BELOW * let_through)
        else:
            rate *= 0.5
        if not is_sure:
            rate = self._bound(rate)
        self.rate = max(rate, _LEAST)
        self._refused = max(self._refused, self.rate)
        self._start(now)

    def _bound(self, rate: float) -> float:
        """A rate that single refusals taught, within reason: they may have nothing to do with rates."""
        one_at_a_time = 1 / self._latency if self._latency else 0.0
        if rate >= one_at_a_time:
            return rate
        if self._is_slow:
            return max(rate, one_at_a_time / 8)
        if self._trials == _TRIALS:
            return one_at_a_time
        if not self._trials:
            self._tried = self._refused or 0.0
        self._trials += 1
        rate = one_at_a_time * 0.5**self._trials
        self._refused, self._is_rough = rate, False  # it is to show what becomes of many calls
        return rate

    def _start(self, now: float) -> None:
        self._started, self._passed, self._stopped, self._grown = now, 0, None, now
        self._times.clear()
        self._debt, self._at = 0.0, now

    def _measure_sent(self) -> float | None:
        """The rate at which calls went out lately; None where there were too few to tell."""
        if len(self._times) < _FEW:
            return None
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-3)

    def _pay(self, now: float) -> None:
        assert self.rate is not None
        self._debt = max(self._debt - self.rate * (now - self._at), -_SLACK * self.rate)
        self._at = now
