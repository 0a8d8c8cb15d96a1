"""Values of measures that one item alone does not give: they stand in signals, or come of all items together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Dataset, Measure

Recorded: TypeAlias = Mapping[str, Sequence[str | float | None]]
"""Measure -> its value of each item of the source, by `Item.row`; None where it has none."""

NOTHING: Final[Recorded] = MappingProxyType({})

MATRIX: Final = "matrix"
ANSWERS: Final = "answers"
PROBABILITIES: Final = "probabilities"
FEEDBACK: Final = "signals"

SIGNALS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "responses": (MATRIX,),
        "label_issue": (ANSWERS, PROBABILITIES),
        **dict.fromkeys(("loss", "knn", "self_judge"), (FEEDBACK,)),
    }
)
"""The options of each kind of measure that name a signals dataset."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a recorded number may be, and in a user's words."""

    low: float
    high: float
    words: str

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


GRADE: Final = Range(0.0, 10.0, "a number from 0 to 10")
"""Of `self_judge`, recorded or asked."""


def build_recorded(measure: Measure, recorded: Recorded) -> Callable[[Item], str | float | None]:
    """Reads the column that was recorded of the source's items; a result of a step has none."""
    values = recorded.get(measure.name, ())

    def value_of(item: Item) -> str | float | None:
        return values[item.row] if 0 <= item.row < len(values) else None

    return value_of


def list_signals(measures: Sequence[Measure], datasets: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """The signals datasets that the measures read, in the order in which they are declared."""
    read = {measure.options.get(option) for measure in measures for option in SIGNALS.get(measure.kind, ())}
    return tuple(dataset for dataset in datasets if dataset.name in read)
