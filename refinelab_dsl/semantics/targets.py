"""A dimension's target over its labels."""

from __future__ import annotations

from refinelab_dsl import builtins, types
from refinelab_dsl.declarations import Target
from refinelab_dsl.semantics.shares import Shares


def settle_target(value: object, labels: tuple[str, ...] | None, ordered: bool) -> Target | None:
    """The target as the IR has it; None where there is none, or where it does not fit the labels (`check` says so).

    value: what `evaluate` made of `target`. Weights stand in the order of the labels.
    """
    match value:
        case Shares(weights=weights):
            order = labels if labels is not None and set(labels) == set(weights) else tuple(weights)
            return Target(kind="weights", weights={label: weights[label] for label in order})
        case types.Formed(function="uniform"):
            return Target(kind="uniform")
        case types.Formed(function="like"):
            return Target(kind="like", dataset=value["dataset"])
        case types.Formed(function="preset"):
            shares = builtins.PRESETS[value["name"]].shares
            if labels is None or not ordered or len(labels) != len(shares):
                return None
            return Target(kind="weights", weights=dict(zip(labels, shares, strict=True)))
    return None
