"""How much of one thing, requests or tokens, may go out: by what is declared, and by what headers say.

Calls are spread evenly. A burst is what a server with a short window, or with a bucket that was just used, refuses; and
where a minute's worth is spread over a minute, it does not matter which kind of limit the server has.

Two kinds are told apart once headers have been seen for a while, since the time of the next reset means something else:

- A fixed window is refilled whole at a point in time, which stands still while the window is used up. What remains is
  spread over what is left of it.
- A token bucket (Turner 1986) is refilled all the time, and its reset moves away while it is used. What remains beyond
  a reserve is used up over ten seconds; below the reserve less goes out than comes in. So an error in what calls are
  taken to cost moves the level, but neither empties the bucket nor slows the run.
"""

from __future__ import annotations

from typing import Final

from refinelab_dsl.providers.quotas import Quota

_MARGIN: Final = 0.985  # of a declared or announced rate: clocks differ, and calls do not arrive as they were sent
_SLACK: Final = 0.25  # seconds' worth of a rate that may be made up for when calls came late
_LONGEST_WINDOW: Final = 60.0  # seconds over which what remains is spread at most
_HORIZON: Final = 10.0  # seconds over which what a bucket holds beyond its reserve is used up
_RESERVE: Final = 0.2  # of a bucket: more than calls that cost many times what they were taken to cost can use up
_FULL: Final = 0.9  # of a limit: a bucket that stays so full is refilled faster than is thought
_SURE: Final = 2  # observations more for one kind of limit than for the other
_MOST_VOTES: Final = 4


class Meter:
    """One unit of one model. Times are seconds of one steady clock, rates are per second."""

    def __init__(self, per_minute: float | None) -> None:
        self._declared = None if per_minute is None else per_minute / 60 * _MARGIN
        self._debt = 0.0  # what went out beyond the rate's worth
        self._at = float("-inf")  # when the debt was last counted
        self.taken = 0.0  # in all
        self._limit: float | None = None
        self._base = 0.0  # what comes in, by the limit and what was seen of it
        self._level: float | None = None  # what remains, less what went out since
        self._level_at = 0.0
        self._most_seen = 0.0
        self._reset_at: float | None = None
        self._window = 0.1  # its seconds: the longest reset that was said
        self._votes = 0  # for a fixed window, against a bucket
        self._anchor: tuple[float, float, float] | None = None  # an observation: time, remaining, time of the reset

    def delay(self, amount: float, now: float) -> float:
        """Seconds until `amount` may go out."""
        self._refresh(now)
        rate = self._rate(amount, now)
        if rate is None:
            return 0.0
        late = self._debt / rate if self._debt > 0 else 0.0
        return max(late, self._find_shortage(amount, now))

    def take(self, amount: float, now: float) -> float:
        """Counts what goes out now. Returns what was taken in all, this included: `observe` wants it back."""
        self._refresh(now)
        self._debt += amount
        if self._level is not None:
            self._level -= amount
        self.taken += amount
        return self.taken

    def settle(self, difference: float, now: float) -> None:
        """A call took `difference` more than was counted, or less where it is negative."""
        self._refresh(now)
        self._debt += difference
        if self._level is not None:
            self._level -= difference

    def observe(self, quota: Quota, taken: float, sent: float, now: float) -> None:
        """Learns from the headers of a reply. taken: what `take` returned for its call, which went out at `sent`."""
        self._refresh(now)
        if quota.limit is not None and self._limit != quota.limit:
            self._limit, self._base = quota.limit, quota.limit / 60
        if quota.remaining is None:
            return
        self._most_seen = max(self._most_seen, quota.remaining)
        if quota.reset is not None:
            self._tell_kind(quota, quota.remaining, quota.reset, sent, now)
        level = quota.remaining - (self.taken - taken)
        if self._is_bucket:
            level = min(level + self._base * (now - sent), self._limit or level)
            self._correct_base(quota.remaining)
        self._level, self._level_at = level, now

    @property
    def remaining(self) -> float | None:
        """What may still go out, as far as is known; None where headers never said."""
        return self._level

    @property
    def _is_window(self) -> bool:
        return self._votes >= _SURE

    @property
    def _is_bucket(self) -> bool:
        return self._votes <= -_SURE

    def _rate(self, amount: float, now: float) -> float | None:
        """What may go out per second now; None where nothing is known. Never quite nothing: what is short is waited
        for by `_find_shortage`."""
        announced: float | None = None
        if self._limit is not None:
            announced = self._base * _MARGIN
        if self._level is not None and self._is_window and self._reset_at is not None:
            left = min(max(self._reset_at - now, amount / max(self._base, 1e-9), 1e-3), _LONGEST_WINDOW)
            announced = max(self._level, amount) / left
        elif self._level is not None and self._is_bucket:
            reserve = max(_RESERVE * self._most_seen, amount)
            announced = self._base + (self._level - reserve) / _HORIZON
            announced = max(announced, 0.05 * self._base)
        if announced is None:
            return self._declared
        return announced if self._declared is None else min(announced, self._declared)

    def _find_shortage(self, amount: float, now: float) -> float:
        """Seconds until what remains is enough."""
        if self._level is None:
            return 0.0
        short = min(amount, 0.9 * (self._limit or amount)) - self._level
        if short <= 0:
            return 0.0
        refill = short / self._base if self._base > 0 else _LONGEST_WINDOW
        if self._reset_at is None or self._is_bucket:
            return refill
        until_reset = max(self._reset_at - now, 0.0)
        return until_reset if self._is_window else min(refill, until_reset) if until_reset > 0 else refill

    def _refresh(self, now: float) -> None:
        """Lets time pass: the debt is paid off, what remains is refilled."""
        if self._level is not None:
            if self._is_window:
                if self._reset_at is not None and now >= self._reset_at:
                    self._level = self._limit if self._limit is not None else self._most_seen
                    self._reset_at += self._window * max(1, -int((self._reset_at - now) // self._window))
            else:
                full = self._limit if self._limit is not None else self._most_seen
                self._level = min(max(full, self._level), self._level + self._base * max(0.0, now - self._level_at))
            self._level_at = now
        if now <= self._at:
            return
        rate = self._rate(0.0, now)
        if rate is None:
            self._debt = 0.0
        elif self._at > float("-inf"):
            self._debt = max(self._debt - rate * (now - self._at), -_SLACK * rate)
        self._at = now

    def _tell_kind(self, quota: Quota, remaining: float, reset: float, sent: float, now: float) -> None:
        """Compares an observation with one some time before: does the point of the reset stand still?

        Endpoints count a call when it comes, so the point is found from there; where they do so when they answer, the
        time between two observations is long beside the error.
        """
        reset_at = sent + reset
        if self._anchor is None:
            self._anchor = sent, remaining, reset_at
        seen, was_remaining, was_reset = self._anchor
        apart = sent - seen
        if apart >= max(3.0 if quota.is_rounded else 0.25, 3 * (now - sent)):
            moved = (reset_at - was_reset) / apart
            if sent >= was_reset:
                if self._fits_bucket(quota):
                    self._vote(-1)
            elif moved < 0.45 and remaining < was_remaining:
                self._vote(1)
            elif moved > 0.6:
                self._vote(-1)
            self._anchor = sent, remaining, reset_at
        self._note_reset(reset, now, quota.is_rounded)

    def _note_reset(self, reset: float, now: float, is_rounded: bool) -> None:
        """Keeps when the window ends: rather late than early, since the calls after it count on its end."""
        ends, before = now + reset, self._reset_at
        if before is not None and self._is_window and abs(ends - before) < 0.5 * self._window:
            ends = max(ends, before) if is_rounded else min(ends, before)
        self._reset_at = ends
        self._window = max(self._window, reset)

    def _vote(self, weight: int) -> None:
        self._votes = max(-_MOST_VOTES, min(_MOST_VOTES, self._votes + weight))

    def _fits_bucket(self, quota: Quota) -> bool:
        """Whether a reset is the time in which a bucket of a minute's worth is full again."""
        if quota.limit is None or quota.remaining is None or quota.reset is None:
            return False
        expected = 60 * (1 - quota.remaining / quota.limit)
        return abs(quota.reset - expected) <= 0.2 * expected + (1.0 if quota.is_rounded else 0.05)

    def _correct_base(self, remaining: float) -> None:
        """A bucket that stays full gets more than is thought: its limit is for less than a minute."""
        if self._limit is None:
            return
        least = self._limit / 60
        if remaining >= _FULL * self._limit:
            self._base *= 1.02
        elif remaining < _RESERVE * self._limit:
            self._base = max(least, self._base * 0.99)
