"""Limits of requests and of tokens per minute, enforced for each model, and the headers that tell of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Unit = Literal["requests", "tokens"]


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What each model may be asked.

    rpm, tpm: requests and tokens in a minute; None: as many as come.
    burst: the seconds of allowance that a model which was not asked has saved up; 60 is a whole minute, as at OpenAI.
    window: seconds of fixed windows, each with an allowance of its own; None: it comes back evenly.
    headers, retry_after: whether replies tell of the limits, and refusals when to come back.
    """

    rpm: float | None = None
    tpm: float | None = None
    burst: float = 60.0
    window: float | None = None
    headers: bool = True
    retry_after: bool = True


@dataclass(frozen=True, slots=True)
class Excess:
    """A request above a limit.

    wait: seconds until there is room; None where there never will be, since the request alone is above the limit.
    """

    unit: Unit
    limit: int
    used: int
    requested: int
    wait: float | None

    def message(self, model: str) -> str:
        """As OpenAI words it."""
        name = "requests per min (RPM)" if self.unit == "requests" else "tokens per min (TPM)"
        if self.wait is None:
            return f"Request too large for {model} on {name}: Limit {self.limit}, Requested {self.requested}."
        return (
            f"Rate limit reached for {model} on {name}: Limit {self.limit}, Used {self.used}, "
            f"Requested {self.requested}. Please try again in {render_wait(self.wait)}."
        )


class Bucket:
    """An allowance that grows evenly, up to what `burst` seconds bring. It starts full."""

    def __init__(self, per_minute: float, burst: float, now: float) -> None:
        self.limit = int(per_minute)
        self.size = max(1.0, per_minute * burst / 60)
        self._rate = per_minute / 60
        self._left = self.size
        self._at = now

    def left(self, now: float) -> float:
        """What may be taken now."""
        self._left = min(self.size, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left

    def wait(self, amount: float, now: float) -> float | None:
        """Seconds until `amount` may be taken, 0 for now; None for never."""
        if amount > self.size:
            return None
        return max(0.0, amount - self.left(now)) / self._rate

    def take(self, amount: float, now: float) -> None:
        self._left = self.left(now) - amount

    def refill(self, now: float) -> float:
        """Seconds until it is full."""
        return (self.size - self.left(now)) / self._rate


class Window:
    """An allowance for each window of so many seconds on the clock; what is left of it is lost."""

    def __init__(self, per_minute: float, seconds: float, now: float) -> None:
        self.size = max(1.0, per_minute * seconds / 60)
        self.limit = int(self.size)
        self._seconds = seconds
        self._used = 0.0
        self._number = now // seconds

    def left(self, now: float) -> float:
        """What may be taken now."""
        if now // self._seconds > self._number:
            self._number, self._used = now // self._seconds, 0.0
        return self.size - self._used

    def wait(self, amount: float, now: float) -> float | None:
        """Seconds until `amount` may be taken, 0 for now; None for never."""
        if amount > self.size:
            return None
        return 0.0 if amount <= self.left(now) else self.refill(now)

    def take(self, amount: float, now: float) -> None:
        self._used += amount

    def refill(self, now: float) -> float:
        """Seconds until the next window."""
        return self._seconds - now % self._seconds


class Gate:
    """The buckets of all models. What is refused takes nothing out of them."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._buckets: dict[str, dict[Unit, Bucket | Window]] = {}

    def enter(self, model: str, tokens: int, now: float) -> Excess | None:
        """Lets a request pass, or says which limit it is above.

        now: seconds on a clock that never goes back.
        """
        buckets = self._open(model, now)
        wanted: dict[Unit, int] = {"requests": 1, "tokens": tokens}
        for unit, bucket in buckets.items():
            wait = bucket.wait(wanted[unit], now)
            if wait is None or wait > 1e-9:  # less is what sums of floating-point numbers are off
                used = math.ceil(bucket.size - bucket.left(now))
                return Excess(unit, bucket.limit, used, wanted[unit], wait)
        for unit, bucket in buckets.items():
            bucket.take(wanted[unit], now)
        return None

    def headers(self, model: str, now: float) -> dict[str, str]:
        """`x-ratelimit-…` as OpenAI sends them: limit, what is left, and the time until all of it is back."""
        headers: dict[str, str] = {}
        if not self._limits.headers:
            return headers
        for unit, bucket in self._open(model, now).items():
            headers[f"x-ratelimit-limit-{unit}"] = str(bucket.limit)
            headers[f"x-ratelimit-remaining-{unit}"] = str(max(0, int(bucket.left(now))))
            headers[f"x-ratelimit-reset-{unit}"] = render_wait(bucket.refill(now))
        return headers

    def render_retry(self, excess: Excess) -> dict[str, str]:
        """The headers of a refusal that say when to come back."""
        if excess.wait is None or not self._limits.retry_after:
            return {}
        milliseconds = max(1, math.ceil(excess.wait * 1000))
        return {"Retry-After": str(math.ceil(milliseconds / 1000)), "retry-after-ms": str(milliseconds)}

    def _open(self, model: str, now: float) -> dict[Unit, Bucket | Window]:
        if model not in self._buckets:
            sizes: dict[Unit, float | None] = {"requests": self._limits.rpm, "tokens": self._limits.tpm}
            window, burst = self._limits.window, self._limits.burst
            self._buckets[model] = {
                unit: Bucket(size, burst, now) if window is None else Window(size, window, now)
                for unit, size in sizes.items() if size is not None
            }
        return self._buckets[model]


def claimed_tokens(body: Mapping[str, Any]) -> int:
    """What a request counts for before it is answered: its output limit or the length of its text in tokens, whichever
    is more (as OpenAI counts; four characters are a token)."""
    content = body.get("messages") or body.get("input") or ""
    if isinstance(content, list):
        texts = [str(part.get("content") or "") if isinstance(part, dict) else str(part) for part in content]
    else:
        texts = [str(content)]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return max(limit if isinstance(limit, int) else 0, sum(len(text) for text in texts) // 4, 1)


def render_wait(seconds: float) -> str:
    """A time as OpenAI's headers spell it: `12ms`, `1.5s`, `6m0s`."""
    milliseconds = math.ceil(round(seconds * 1000, 6))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    shown = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes or hours else "") + shown
