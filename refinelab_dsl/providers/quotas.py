"""What an endpoint's headers say of its rate limits. It is used while a run goes on, and kept nowhere.

    x-ratelimit-limit-requests: 500          anthropic-ratelimit-requests-limit: 500
    x-ratelimit-remaining-requests: 499      anthropic-ratelimit-requests-remaining: 499
    x-ratelimit-reset-requests: 120ms        anthropic-ratelimit-requests-reset: 2026-11-01T09:30:12Z

and the same of `tokens`. A reset is a duration (`6m0s`, `120ms`, or plain seconds) or a point in time (RFC 3339, or
seconds since 1970). Gateways put -1 or nothing where they know nothing; such a number counts as not said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

_MARK: Final = "ratelimit"
_SPELLINGS: Final = ("x-ratelimit-{what}-{unit}", "anthropic-ratelimit-{unit}-{what}")
_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?"
                              r"(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")  # fmt: skip
_UNITS: Final = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_EPOCH: Final = 1e9  # a plain number from here on is no duration: it would be more than thirty years
_MOST: Final = 2.0**53


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests, or tokens. limit: per window (a minute, by convention). remaining: of it, when the endpoint counted
    this call. reset: seconds until all of it is there again; is_rounded: they are whole seconds."""

    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None
    is_rounded: bool = True


@dataclass(frozen=True, slots=True)
class Quotas:
    """What the headers of one reply say."""

    requests: Quota | None = None
    tokens: Quota | None = None


@runtime_checkable
class Announcing(Protocol):
    """A provider that hears of rate limits."""

    def announce(self, hear: Callable[[Quotas], None]) -> None:
        """From now on `hear` is called with what each reply says, within the call's own context."""
        ...


def read_quotas(headers: Mapping[str, str], now: datetime) -> Quotas | None:
    """What the headers of a reply say; None where they say nothing of rate limits.

    headers: with names in lower case. now: against which a point in time is read.
    """
    said = {name: value for name, value in headers.items() if _MARK in name}
    if not said:
        return None
    requests, tokens = _read_quota(said, "requests", now), _read_quota(said, "tokens", now)
    return None if requests is None and tokens is None else Quotas(requests, tokens)


def _read_quota(said: Mapping[str, str], unit: str, now: datetime) -> Quota | None:
    for spelling in _SPELLINGS:
        limit, remaining, reset = (
            said.get(spelling.format(what=what, unit=unit)) for what in ("limit", "remaining", "reset")
        )
        quota = Quota(_read_amount(limit), _read_amount(remaining), read_reset(reset, now), _is_whole(reset))
        if quota.limit == 0:  # no limit of theirs, or a model that cannot be asked: either way nothing to go by
            continue
        if quota.limit is not None or quota.remaining is not None:
            return quota
    return None


def read_reset(value: str | None, now: datetime) -> float | None:
    """Seconds until a reset; None where nothing sensible is said."""
    if value is None:
        return None
    text = value.strip()
    plain = _read_amount(text)
    if plain is not None:
        return plain if plain < _EPOCH else max(0.0, plain - now.timestamp())
    found = _DURATION.fullmatch(text)
    if found is not None and text:
        return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS, strict=True) if part)
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo is not None else date.replace(tzinfo=UTC)) - now).total_seconds())


def _read_amount(value: str | None) -> float | None:
    try:
        amount = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return amount if math.isfinite(amount) and 0 <= amount <= _MOST else None


def _is_whole(value: str | None) -> bool:
    return value is None or ("." not in value and "ms" not in value)
