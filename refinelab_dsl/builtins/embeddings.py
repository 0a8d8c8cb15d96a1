"""What cosines of embeddings mean where a spec says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Cosines:
    """same: from it on two items are one. copy: from it on a result is a copy of an item. kept: from it on a text in
    other words still means what it meant."""

    same: Decimal
    copy: Decimal
    kept: Decimal


# Where they come from stands in `benchmarks/likeness.md`: those of `hashed`, and `kept` of `sentence_transformers`, are
# measured on public data; the others are guesses, and a spec had better state its own.
COSINES: Final[Mapping[str, Cosines]] = MappingProxyType(
    {
        "hashed": Cosines(Decimal("0.985"), Decimal("0.95"), Decimal("0.3")),
        "openai": Cosines(Decimal("0.97"), Decimal("0.95"), Decimal("0.7")),
        "sentence_transformers": Cosines(Decimal("0.97"), Decimal("0.95"), Decimal("0.7")),
    }
)
