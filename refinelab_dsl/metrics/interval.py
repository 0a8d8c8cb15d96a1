"""Intervals of shares that were counted."""

from __future__ import annotations

from statistics import NormalDist


def wilson_interval(count: float, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share, in [0, 1]: which shares a sample of `count` in `total` is no surprise for. A tie
    may count as one half.

    Without a sample it is the whole range. Unlike the interval around the share itself it holds for shares near 0 and
    1 and for small samples (Wilson 1927).

    Raises:
        ValueError: `count` is not within 0 and `total`, or the confidence not within 0 and 1.
    """
    if not 0 <= count <= total or not 0 < confidence < 1:
        raise ValueError(f"{count} of {total} at {confidence}")
    if not total:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = count / total, z * z / total
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * ((share * (1 - share) + weight / 4) / total) ** 0.5
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    # The bound on the side of a share of 0 or 1 is that share; floats would miss it by a hair.
    return (0.0 if not count else low), (1.0 if count == total else high)


def correction_ratio(corrected: int, flagged: int) -> float | None:
    """Corrected items over flagged ones; None where none was flagged (RefineLab, Successful Correction Ratio).

    Raises:
        ValueError: more are corrected than were flagged.
    """
    if not 0 <= corrected <= flagged:
        raise ValueError(f"{corrected} corrected of {flagged} flagged")
    return corrected / flagged if flagged else None
