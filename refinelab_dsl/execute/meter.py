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

from dataclasses import dataclass
from math import ceil
from typing import Final

from refinelab_dsl.providers.quotas import Quota

_MARGIN: Final = 0.985  # of a declared or announced rate: clocks differ, and calls do not arrive as they were sent
_SLACK: Final = 0.6  # seconds' worth of a rate that may be made up for when calls came late: within a minute's margin
_LONGEST_WINDOW: Final = 60.0  # seconds over which what remains is spread at most
_BRIEF: Final = 2.0  # seconds of a window
_HORIZON: Final = 10.0  # seconds over which what a bucket holds beyond its reserve is used up
_RESERVE: Final = 0.2  # of a bucket: more than calls that cost many times what they were taken to cost can use up
_ALIKE: Final = 0.03  # share by which two periods may differ that say the same, beside how exact a reset is
_EXACT: Final = 0.001  # seconds
_SPARE: Final = 1.5  # times what a call is taken to cost must remain: it may cost more
_MARKED: Final = 0.1  # share of a bucket by which what remains must differ to tell anything
_CHARGE_WEIGHT: Final = 0.3
_CHARGES: Final = (0.1, 20.0)  # what a call costs there, at least and at most, for one that it is taken to cost here
_SURE: Final = 2  # observations more for one kind of limit than for the other
_MOST_VOTES: Final = 4


@dataclass(frozen=True, slots=True)
class _Seen:
    """An observation. at: when its call went out; taken: what was taken in all when it had."""

    at: float
    remaining: float
    reset_at: float
    taken: float


class Meter:
    """One unit of one model. Times are seconds of one steady clock, rates are per second."""

    def __init__(self, per_minute: float | None, *, is_exact: bool) -> None:
        """per_minute: what is declared. is_exact: it is known what a call takes."""
        self._spare = 1.0 if is_exact else _SPARE
        self._declared = None if per_minute is None else per_minute / 60 * _MARGIN
        self._debt = 0.0  # what went out beyond the rate's worth
        self._at = float("-inf")  # when the debt was last counted
        self._taken = 0.0  # in all, as it was asked for
        self._charge = 1.0  # what the endpoint counts for one that is asked for
        self._limit: float | None = None
        self._base = 0.0  # what comes into a bucket, by the limit and what was seen of it
        self._level: float | None = None  # what remains, less what went out since
        self._level_at = 0.0
        self._most_seen = 0.0
        self._reset_at: float | None = None
        self._window = 0.1  # its seconds: the longest reset that was said
        self._votes = 0  # for a fixed window, against a bucket
        self._anchor: _Seen | None = None
        self._period: float | None = None  # in which a bucket would be filled, by the last observation

    def delay(self, amount: float, now: float) -> float:
        """Seconds until `amount` may go out."""
        amount *= self._charge
        self._refresh(now)
        rate = self._rate(amount, now)
        if rate is None:
            return 0.0
        late = self._debt / rate if self._debt > 0 else 0.0
        return max(late, self._find_shortage(amount, now))

    def take(self, amount: float, now: float) -> float:
        """Counts what goes out now. Returns what was taken in all, this included: `observe` wants it back."""
        self._taken += amount
        self.settle(amount, now)
        return self._taken

    def settle(self, difference: float, now: float) -> None:
        """A call took `difference` more than was counted, or less where it is negative."""
        self._refresh(now)
        self._debt += difference * self._charge
        if self._level is not None:
            self._level -= difference * self._charge

    def refund(self, amount: float, now: float) -> None:
        """A call that took so much was refused: it does not count."""
        self._taken -= amount
        self.settle(-amount, now)

    def forgive(self, now: float) -> None:
        """Calls went out again after a refusal: what could not go out meanwhile is not made up for."""
        self._refresh(now)
        self._debt = max(self._debt, 0.0)

    def learn_least(self, remaining: float, amount: float) -> None:
        """A call that was taken to cost `amount` was refused with so much remaining: it costs more than that."""
        self._charge = max(self._charge, min(remaining / amount, _CHARGES[1]))

    def is_short(self, amount: float, now: float) -> bool:
        """Whether the endpoint has said that hardly so much remains."""
        self._refresh(now)
        return self._level is not None and not self._is_brief and self._level < 2 * amount * self._charge

    def observe(self, quota: Quota, taken: float, sent: float, now: float) -> None:
        """Learns from the headers of a reply. taken: what `take` returned for its call, which went out at `sent`."""
        self._refresh(now)
        if quota.limit is not None and self._limit != quota.limit:
            self._limit, self._base = quota.limit, quota.limit / 60
        if quota.remaining is None:
            return
        self._most_seen = max(self._most_seen, quota.remaining)
        if quota.reset is not None:
            self._compare(quota, _Seen(sent, quota.remaining, sent + quota.reset, taken), now)
            self._note_reset(quota.reset, now, quota.is_rounded)
        level = quota.remaining - (self._taken - taken) * self._charge
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

    @property
    def _is_brief(self) -> bool:
        """Whether windows are so short that what a reply says of one comes after it: the even rate alone counts."""
        return self._is_window and self._window <= _BRIEF

    @property
    def _income(self) -> float:
        """What comes in per second, spread evenly."""
        if self._is_window and self._limit is not None:
            return self._limit / (ceil(self._window) if self._is_brief else self._window)
        return self._base

    def _rate(self, amount: float, now: float) -> float | None:
        """What may go out per second now; None where nothing is known. Never quite nothing: what is short is waited
        for by `_find_shortage`."""
        announced: float | None = None
        if self._limit is not None:
            announced = self._income * _MARGIN
        if self._is_brief:
            pass
        elif self._level is not None and self._is_window and self._reset_at is not None:
            least = amount / self._income if self._income > 0 else 0.0
            left = min(max(self._reset_at - now, least, 1e-3), _LONGEST_WINDOW)
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
        if self._level is None or self._is_brief:
            return 0.0
        short = min(self._spare * amount, 0.9 * (self._limit or amount)) - self._level
        if short <= 0:
            return 0.0
        refill = short / self._base if self._base > 0 else 0.0  # no limit was said, so nothing can be waited for
        if self._reset_at is None or self._is_bucket:
            return refill
        until_reset = max(self._reset_at - now, 0.0)
        if self._is_window or not self._base:
            return until_reset
        return min(refill, until_reset) if until_reset > 0 else refill

    def _refresh(self, now: float) -> None:
        """Lets time pass: the debt is paid off, what remains is refilled."""
        if self._level is not None:
            if self._is_window:
                if self._reset_at is not None and now >= self._reset_at:
                    self._level = self._limit if self._limit is not None else self._most_seen
                    self._reset_at += self._window * max(1, -int((self._reset_at - now) // self._window))
            else:
                full = self._most_seen if self._is_bucket or self._limit is None else self._limit
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

    def _compare(self, quota: Quota, seen: _Seen, now: float) -> None:
        """Compares an observation with one some time before: does the point of the reset stand still, and what do
        calls cost?

        Endpoints count a call when it comes, so the point is found from there; where they do so when they answer, the
        time between two observations is long beside the error.
        """
        before = self._anchor
        if before is None:
            self._anchor = seen
            return
        apart = seen.at - before.at
        if apart < max(3.0 if quota.is_rounded else 0.25, 3 * (now - seen.at)):
            return
        self._anchor = seen
        moved = (seen.reset_at - before.reset_at) / apart
        if seen.at >= before.reset_at:
            self._compare_periods(quota)
            self._compare_slopes(before, seen, quota)
        elif moved < 0.45 and seen.remaining < before.remaining:
            self._vote(1)
        elif moved > 0.6:
            self._vote(-1)
        spent, drop = seen.taken - before.taken, before.remaining - seen.remaining
        if spent <= 0 or self._spare == 1.0:
            return
        if self._is_window and seen.at < before.reset_at:
            self._learn_charge(drop / spent)
        elif self._is_bucket and max(seen.remaining, before.remaining) < 0.95 * self._most_seen:
            self._learn_charge((drop + self._base * apart) / spent)
        elif not (self._is_window or self._is_bucket) and drop / spent > self._charge:
            self._learn_charge(drop / spent)  # what came in meanwhile is not known, so this is the least

    def _compare_periods(self, quota: Quota) -> None:
        """The reset of a bucket says in which time all of it would come in: that is always the same."""
        if quota.limit is None or quota.remaining is None or quota.reset is None:
            return
        if not 0.5 * quota.limit <= quota.remaining < quota.limit or (quota.is_rounded and quota.reset < 5):
            return
        before, self._period = self._period, quota.reset / (1 - quota.remaining / quota.limit)
        if before is None or before <= 0 or self._period <= 0:
            return
        if abs(self._period / before - 1) > _ALIKE + _EXACT / quota.reset:
            self._vote(1)
            return
        self._vote(-1)
        self._base = quota.limit / (0.5 * (before + self._period))

    def _compare_slopes(self, before: _Seen, seen: _Seen, quota: Quota) -> None:
        """Of a bucket that fills in a moment no reset is far enough to be compared. But the less remains of it, the
        longer it takes to fill, by its rate; the longer it is to the end of a window, the more remains of that."""
        if quota.is_rounded or not self._base:
            return
        more, longer = seen.remaining - before.remaining, (seen.reset_at - seen.at) - (before.reset_at - before.at)
        if abs(more) >= _MARKED * self._most_seen and abs(longer + more / self._base) <= _ALIKE * abs(longer) + _EXACT:
            self._vote(-1)

    def _learn_charge(self, charge: float) -> None:
        low, high = _CHARGES
        self._charge += _CHARGE_WEIGHT * (min(max(charge, low), high) - self._charge)

    def _note_reset(self, reset: float, now: float, is_rounded: bool) -> None:
        """Keeps when the window ends: rather late than early, since the calls after it count on its end."""
        ends, before = now + reset, self._reset_at
        if before is not None and self._is_window and abs(ends - before) < 0.5 * self._window:
            ends = max(ends, before) if is_rounded else min(ends, before)
        self._reset_at = ends
        self._window = max(self._window, reset)

    def _vote(self, weight: int) -> None:
        self._votes = max(-_MOST_VOTES, min(_MOST_VOTES, self._votes + weight))
