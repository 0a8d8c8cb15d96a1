"""How fast a run goes, and how long it still takes: from what the last while brought, and unknown before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from refinelab_dsl.plan.figures import render_seconds

WINDOW = 60.0  # seconds that a rate is taken over
PAUSE = 30.0  # seconds between two plain lines at most
_APART = 1.0  # seconds between two points of it
_LEAST_SECONDS, _LEAST_RESULTS = 5.0, 3  # fewer say nothing of what is to come


@dataclass(frozen=True, slots=True)
class _Point:
    at: float
    done: int
    tokens: int


class Forecast:
    """Rates of one piece of work."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._points: deque[_Point] = deque()
        self._open = 0

    def observe(self, done: int, total: int, tokens: int = 0, *, is_typical: bool = True) -> None:
        """Takes note of how far it is now. is_typical: what came so far says something of what is to come."""
        now = _Point(self._clock(), done, tokens)
        self._open = total - done
        if not is_typical:
            self._points.clear()
        if len(self._points) > 1 and now.at - self._points[-2].at < _APART:
            self._points.pop()
        self._points.append(now)
        while len(self._points) > 2 and now.at - self._points[1].at >= WINDOW:
            self._points.popleft()

    @property
    def tokens_per_second(self) -> float | None:
        """Over the last minute; None before a second has passed."""
        seconds = self._seconds
        if seconds < _APART:
            return None
        return (self._points[-1].tokens - self._points[0].tokens) / seconds

    @property
    def seconds_left(self) -> float | None:
        """Until all is done, at the rate of the last minute; None where there is no rate."""
        if not self._open:
            return 0.0
        results = self._points[-1].done - self._points[0].done if self._points else 0
        if self._seconds < _LEAST_SECONDS or results < _LEAST_RESULTS:
            return None
        return self._open * self._seconds / results

    @property
    def _seconds(self) -> float:
        return self._points[-1].at - self._points[0].at if self._points else 0.0


def render_left(seconds: float | None) -> str:
    """`about 1m 10s left`, `time left unknown`, `done`."""
    if seconds is None:
        return "time left unknown"
    return f"about {render_seconds(seconds)} left" if seconds else "done"
