"""`expand` (RefineLab r2): a paraphrase of an item, in the same cell. The item stays."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.operators.kind import Made, OperatorKind, make_by, new_item, target_attributes


def build_item(made: Made) -> Item:
    """The paraphrase: the reply's fields; every attribute is its parent's, since it says the same."""
    return new_item(made, {**made.parent.attributes, **target_attributes(made)})


KIND: Final = OperatorKind("expand", "added", make_by(build_item))
