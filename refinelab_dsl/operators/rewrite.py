"""`rewrite`: an item in other words or of another difficulty, in the place of the item."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.operators.kind import Made, OperatorKind, make_by, new_item, target_attributes


def build_item(made: Made) -> Item:
    """The rewritten item: the reply's fields; every attribute is its parent's but for what the target settles."""
    return new_item(made, {**made.parent.attributes, **target_attributes(made)})


KIND: Final = OperatorKind("rewrite", "changed", make_by(build_item))
