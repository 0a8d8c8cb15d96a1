"""What a word may have meant: the names nearest to one that names nothing, the unit of another notation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

_MOST = 3
_LONGEST = 60


def nearest(word: str, candidates: Iterable[str], most: int = _MOST) -> tuple[str, ...]:
    """At most three (or `most`) candidates that `word` may have meant, the nearest first; equally near ones by name.

    Near is: the same but for case, `_` and `-`; or as far as one edit per three letters (Damerau 1964: insert, delete,
    replace, swap neighbours); or the start of a longer name, from three letters on.
    """
    if not word or len(word) > _LONGEST:
        return ()
    plain = _fold(word)
    limit = max(1, (len(plain) + 1) // 3)
    ranked: list[tuple[int, str]] = []
    for candidate in sorted(set(candidates)):
        if candidate == word or len(candidate) > 2 * _LONGEST:
            continue
        other = _fold(candidate)
        if plain == other:
            ranked.append((0, candidate))
        elif (distance := _distance(plain, other, limit)) <= limit and distance < max(len(plain), len(other)):
            ranked.append((distance, candidate))
        elif len(plain) >= 3 and (other.startswith(plain) or (plain.startswith(other) and len(other) >= 3)):
            ranked.append((limit + 1, candidate))
    return tuple(candidate for _, candidate in sorted(ranked)[:most])


def _fold(word: str) -> str:
    return word.casefold().replace("-", "_").replace(" ", "_")


@lru_cache(maxsize=2**14)  # a word that is wrong is often wrong everywhere, and each way out is tried on the whole spec
def _distance(left: str, right: str, limit: int) -> int:
    """Edits between two words (optimal string alignment); `limit + 1` where there are more than `limit`."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if last and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def meant_unit(word: str) -> str | None:
    """The unit that a word of another notation stands for: `sec`, `percent`, `USD`."""
    return _UNITS.get(word) or _UNITS.get(word.lower())


_UNITS: Final[Mapping[str, str]] = {
    "K": "k",
    "m": "M",
    "mb": "M",
    "mm": "M",
    "mn": "M",
    "mio": "M",
    "kk": "M",
    "g": "B",
    "b": "B",
    "bn": "B",
    "t": "B",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hr": "h",
    "hrs": "h",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "msec": "ms",
    "millis": "ms",
    "k": "k",
    "percent": "%",
    "pct": "%",
    "$": "$",
    "usd": "$",
    "dollar": "$",
    "dollars": "$",
}
