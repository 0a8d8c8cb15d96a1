"""`measure { kind = column }`: what a row says of itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from refinelab_dsl.data.items import Item
from refinelab_dsl.data.tasks import TASK_FIELDS, canonical_text
from refinelab_dsl.declarations import Dataset, Measure


def build_column(measure: Measure) -> Callable[[Item], str | float | None]:
    """Reads an attribute of `fields`, else a task field, else a column of the row; None where it is absent or empty."""
    name = str(measure.options["column"])

    def value_of(item: Item) -> str | float | None:
        for place in (item.attributes, item.fields, item.raw):
            if name in place:
                return _scalar(place[name])
        return None

    return value_of


def is_column_of_new_items(measure: Measure, dataset: Dataset) -> bool:
    """A new item has its task fields and nothing else of a row."""
    name = measure.options.get("column")
    task = TASK_FIELDS.get(dataset.item_task)
    return task is not None and name in (*task.required, *task.optional)


def _scalar(value: Any) -> str | float | None:
    """Numbers stay numbers, so that expressions can compare them; other scalars become text."""
    if value.__class__ is str:
        return value if value.strip() else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if math.isfinite(value) else None
    return canonical_text(value)
