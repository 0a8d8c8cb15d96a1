"""A target over several dimensions together: `constraints { joint = independent(topic, level) }`, or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations

from refinelab_dsl import types
from refinelab_dsl.declarations import LABEL_MARK
from refinelab_dsl.semantics.draft import Draft
from refinelab_dsl.semantics.shares import Shares
from refinelab_dsl.semantics.spaces import dimension_labels

MOST_PARTS = 6


@dataclass(frozen=True)
class Joint:
    """dimensions: in the order of the labels' parts. weights: by label, None where it is the product of the targets."""

    dimensions: tuple[str, ...]
    weights: Mapping[str, Decimal] | None = None


def settle_joint(draft: Draft) -> Joint | None:
    """The joint target of a spec; None where there is none, or none that fits its dimensions (`check` says so)."""
    constraints = draft.one("constraints")
    value = None if constraints is None else constraints.get("joint")
    match value:
        case types.Formed(function="independent"):
            return Joint(value["dimensions"])
        case Shares(weights=weights):
            found = find_dimensions(draft, tuple(weights))
            return Joint(found[0], weights) if len(found) == 1 else None
    return None


def find_dimensions(draft: Draft, labels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The dimensions that labels such as `algebra/short` are of: every order that all parts fit."""
    split = [label.split(LABEL_MARK) for label in labels]
    parts = {len(each) for each in split}
    if len(parts) != 1 or not 2 <= (count := min(parts)) <= MOST_PARTS:
        return []
    known = {
        dimension.name: frozenset(words)
        for dimension in draft.all("dimension")
        if (words := dimension_labels(draft, dimension)) is not None
    }
    columns = [{each[place] for each in split} for place in range(count)]
    fitting = [[name for name, words in known.items() if column <= words] for column in columns]
    if not all(fitting):
        return []
    candidates = sorted({name for names in fitting for name in names}, key=list(known).index)
    return [
        order
        for order in permutations(candidates, count)
        if all(name in names for name, names in zip(order, fitting, strict=True))
    ]
