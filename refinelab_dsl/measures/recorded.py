"""Values of measures that are recorded beside the items, and not found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from refinelab_dsl.declarations import Dataset, Measure

Recorded: TypeAlias = Mapping[str, Sequence[float | None]]
"""Measure -> its value of each item of the source, by `Item.row`; None where none was recorded."""

NOTHING: Final[Recorded] = MappingProxyType({})

MATRIX: Final = "matrix"
"""The option of a measure that names its signals dataset."""


def list_signals(measures: Sequence[Measure], datasets: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """The signals datasets that the measures read, in the order in which they are declared."""
    read = {measure.options.get(MATRIX) for measure in measures if measure.kind == "responses"}
    return tuple(dataset for dataset in datasets if dataset.name in read)
