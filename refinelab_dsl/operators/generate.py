"""`generate` (RefineLab r4): a new item for the target cell, beside an anchor that stays."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.operators.kind import Made, OperatorKind, make_by, new_item, target_attributes


def build_item(made: Made) -> Item:
    """The new item: the reply's fields; of the attributes only those that its target settles, the anchor's others
    are not true of it."""
    return new_item(made, {**dict.fromkeys(made.parent.attributes), **target_attributes(made)})


KIND: Final = OperatorKind("generate", "added", make_by(build_item))
