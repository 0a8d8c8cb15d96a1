"""What cosines of an embedding mean where a spec says nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Cosines that hold by default; each provider has its own (`benchmarks/likeness.md` has the figures).

    same: from it on two items are nearly the same. kept: from it on a text in other words still means what it meant.
    """

    same: float
    kept: float
