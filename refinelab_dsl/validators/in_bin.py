"""`in_bin`: the result, measured, lies in the bin that it was made for (RefineLab r4: "kept only if")."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.declarations import Validator
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """The label of `dimension` is the target's. Where a new item cannot be measured it is taken as made for it."""
    name = validator.dimension
    assert name is not None
    wanted = result.target.get(name)
    if wanted is None or not surroundings.measurable.get(name, False):
        return Verdict(True, "assumed: a new item cannot be measured here", {"wanted": wanted})
    scope = surroundings.scope
    scope.open(result.item, result.values)
    found = scope.label(name)
    # A label may be any text of the item: only one that the plan knows is recorded.
    values = {"wanted": wanted, "measured": found if found in surroundings.labels.get(name, ()) else None}
    if found == wanted:
        return Verdict(True, values=values)
    return Verdict(False, "it lies in another bin than it was made for", values)


KIND: Final = ValidatorKind("in_bin", judge)
