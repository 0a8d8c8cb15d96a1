"""How many kinds of mistake the distractors of an item stand for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def distractor_diversity(items: Iterable[Sequence[Hashable]], kinds: int) -> float | None:
    """The Shannon entropy of the mistake types of an item's distractors over log `kinds`, averaged over the items: 0
    where each item's distractors are all of one type, 1 where every type is as frequent as the others.

    items: for each item the types of its distractors; those without any are left out, and None is returned where none
    is left. kinds: of mistakes that there are, at least 2 (RefineLab, Effectiveness of Distractor Rewriting).

    Raises:
        ValueError: fewer than 2 kinds, or an item with more of them.
    """
    if kinds < 2:
        raise ValueError(f"{kinds} kinds of mistakes")
    values = [_entropy(item, kinds) for item in items if item]
    return math.fsum(values) / len(values) if values else None


def _entropy(types: Sequence[Hashable], kinds: int) -> float:
    counts = Counter(types)
    if len(counts) > kinds:
        raise ValueError(f"{len(counts)} types of mistakes where there are {kinds}")
    total = len(types)
    value = -math.fsum(count / total * math.log(count / total) for count in counts.values())
    return min(1.0, max(0.0, value / math.log(kinds)))
