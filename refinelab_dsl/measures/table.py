"""The measure kinds as a table: how a value is had of an item. Those of paid kinds are recorded, from evidence; what
asks for them is in `measures_paid`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Dataset, Measure
from refinelab_dsl.measures.column import build_column, is_column_of_new_items
from refinelab_dsl.measures.detected import DETECTED, build_detected
from refinelab_dsl.measures.length import build_length
from refinelab_dsl.measures.recorded import FEEDBACK, NOTHING, Recorded, build_recorded


class MeasureKind(NamedTuple):
    """build: the measure as a function of an item. on_new: whether an item that a step made can be measured."""

    build: Callable[[Measure, Recorded], Callable[[Item], str | float | None]]
    on_new: Callable[[Measure, Dataset], bool]


PAID: Final = ("classify", "elo", "self_judge", "verdict")
"""The kinds whose values are had from a model, unless they are recorded."""

OF_SOURCE: Final = ("near_duplicate", "responses", "label_issue", "outlier", "loss", "knn")
"""The kinds whose values stand in signals or come of all items of the source together."""

MEASURES: Mapping[str, MeasureKind] = MappingProxyType(
    {
        "column": MeasureKind(lambda measure, recorded: build_column(measure), is_column_of_new_items),
        "length": MeasureKind(lambda measure, recorded: build_length(measure), lambda measure, dataset: True),
        **{kind: MeasureKind(build_recorded, lambda measure, dataset: False) for kind in OF_SOURCE},
        **{
            kind: MeasureKind(lambda measure, recorded: build_detected(measure), lambda measure, dataset: True)
            for kind in DETECTED
        },
        **{kind: MeasureKind(build_recorded, lambda measure, dataset: is_paid(measure)) for kind in PAID},
    }
)


def is_paid(measure: Measure) -> bool:
    """Whether a model is asked for the values of a measure: `self_judge` may be recorded instead."""
    return measure.kind in PAID and not measure.options.get(FEEDBACK)


def build_measure(measure: Measure, recorded: Recorded = NOTHING) -> Callable[[Item], str | float | None]:
    """The measure as one function, for many items: text, a number, or None where it has no value.

    recorded: the values of measures that stand in signals or come of all items together.
    """
    return MEASURES[measure.kind].build(measure, recorded)


def measure(measure: Measure, item: Item) -> str | float | None:
    """The value of one item."""
    return build_measure(measure)(item)


def is_measurable(measure: Measure, dataset: Dataset) -> bool:
    """Whether an item that a step made has this measure; else the item is taken as made for its label."""
    kind = MEASURES.get(measure.kind)
    return kind is not None and kind.on_new(measure, dataset)
