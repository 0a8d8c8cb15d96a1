"""When a model is asked no more for a while: its endpoint refuses calls for their rate, or does not answer at all.

Closed, calls go out. Open, none does until a pause is over: what the endpoint asked for, else `backoff`, doubled each
time. Then it is half open: one call goes out as a probe. Its answer closes the breaker, its failure opens it again. So
a bad minute costs a minute; a model that leaves many probes in a row without an answer is given up.
"""

from __future__ import annotations

from typing import Final, Literal

from refinelab_dsl.execute.retry import LONGEST, LONGEST_ASKED

OPENS_AFTER: Final = 5
"""Tries in a row that failed: the model is taken to be down."""

PROBES: Final = 10
"""In a row without an answer, after which a model is given up: with the default `backoff`, four minutes."""

FIRST_PROBES: Final = 3
"""The same of a model that has answered nothing yet, and does not say that it is busy."""


class Breaker:
    """Of one model. Times are seconds of one steady clock.

    cause: why it is open. until: when the last pause, of `pause` seconds, was or is over. epoch: counts its closings,
    so that what a call tells that went out before the last one is not taken for news.
    """

    def __init__(self, backoff: float) -> None:
        self.cause: Literal["limit", "failure"] | None = None
        self.epoch = 0
        self.failures = 0  # in a row
        self.probes = 0  # in a row, since it opened
        self._backoff = backoff
        self._has_answered = False
        self._is_probing = False
        self.until, self.pause = 0.0, 0.0

    @property
    def is_given_up(self) -> bool:
        """Whether there have been probes enough."""
        is_new = self.cause == "failure" and not self._has_answered
        return self.probes >= (FIRST_PROBES if is_new else PROBES)

    def delay(self, now: float) -> float:
        """Seconds until a call may go out; infinite while a probe is out."""
        if self.cause is None:
            return 0.0
        return float("inf") if self._is_probing else self.until - now

    def let_out(self) -> bool:
        """A call goes out. Whether it is a probe."""
        self._is_probing = self.cause is not None
        return self._is_probing

    def answer(self, is_probe: bool) -> bool:
        """A call was answered. Whether that closes the breaker."""
        self.failures = 0
        self._has_answered = True
        if is_probe or self.cause == "failure":
            self._close()
            return True
        return False

    def refuse(self, is_probe: bool, epoch: int, retry_after: float | None, now: float) -> bool:
        """A call was refused for its rate. Whether that opens the breaker."""
        self.failures = 0
        if self.cause is None and epoch == self.epoch:
            self._open("limit", retry_after, now)
            return True
        if is_probe:
            self.probes += 1
            self._open("limit", retry_after, now)
        elif self.cause == "limit" and retry_after is not None:
            self.until = max(self.until, now + min(retry_after, LONGEST_ASKED))
        return False

    def fail(self, is_probe: bool, epoch: int, retry_after: float | None, now: float) -> bool:
        """A call failed. Whether that opens the breaker."""
        if is_probe:
            self.probes += 1
            self._open("failure", retry_after, now)
            return False
        if epoch != self.epoch or self.cause is not None:
            return False
        self.failures += 1
        if self.failures < OPENS_AFTER:
            return False
        self._open("failure", retry_after, now)
        return True

    def drop(self, is_probe: bool) -> None:
        """A call ended and tells nothing: another one may probe."""
        if is_probe:
            self._is_probing = False

    def _open(self, cause: Literal["limit", "failure"], asked: float | None, now: float) -> None:
        pause = min(LONGEST, self._backoff * 2.0 ** min(self.probes, 32))
        if asked is not None:
            pause = min(max(asked, 0.0), LONGEST_ASKED)
        self.cause, self.pause, self.until, self._is_probing = cause, pause, now + pause, False

    def _close(self) -> None:
        self.cause, self.probes, self.failures, self._is_probing = None, 0, 0, False
        self.epoch += 1
