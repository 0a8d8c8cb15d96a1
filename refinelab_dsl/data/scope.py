"""What the names and functions of an expression over items stand for: `where`, `prefer`, `protect`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from refinelab_dsl import measures
from refinelab_dsl.data.files import stem_of
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import JOINT, LABEL_MARK, Dimension, Measure
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import ITEM_FUNCTIONS, look_up

NO_VALUES: Final[Mapping[str, Any]] = MappingProxyType({})


class ItemScope:
    """The item at hand, its values and labels; each is computed at most once per item.

    spread: measure -> (mean, standard deviation) over all items, what `z` needs. recorded: what stands in signals.
    `names` and `functions` are what `expressions.evaluate` takes. Not shared between threads: it holds the item at
    hand.
    """

    def __init__(
        self,
        measures_: Mapping[str, Measure],
        dimensions: Mapping[str, Dimension],
        spread: Mapping[str, tuple[float, float]] | None = None,
        recorded: measures.Recorded = measures.NOTHING,
    ) -> None:
        self._measures = {
            name: measures.build_measure(each, recorded) for name, each in measures_.items() if each.kind != JOINT
        }
        self._joined = {name: each.options["dimensions"] for name, each in measures_.items() if each.kind == JOINT}
        self._labellers = {name: measures.build_labeller(each) for name, each in dimensions.items()}
        self._listed = {name: measures.list_labels(each) for name, each in dimensions.items()}
        self._measure_of = {name: each.measure for name, each in dimensions.items()}
        self._spread = spread or {}
        self._item: Item | None = None
        self._values: dict[str, Any] = {}
        self._labels: dict[str, str | None] = {}
        self.functions: Mapping[str, Callable[..., Any]] = {
            **ITEM_FUNCTIONS,
            "column": self._column,
            "stem": self._stem,
            "line": self._line,
            "row": self._row,
            "z": self._z,
        }

    def open(self, item: Item, values: Mapping[str, Any] = NO_VALUES) -> None:
        """Take up an item. values: of measures that cannot be had from the item itself, by measure."""
        self._item = item
        self._values = dict(values)
        self._labels = {}

    def value(self, measure: str) -> Any:
        """The measure's value of the item at hand."""
        if measure not in self._values:
            assert self._item is not None
            if measure in self._joined:
                self._values[measure] = self._join(self._joined[measure])
            else:
                self._values[measure] = self._measures[measure](self._item)
        return self._values[measure]

    def label(self, dimension: str) -> str | None:
        """The dimension's label of the item at hand, whether it is listed or not."""
        if dimension not in self._labels:
            self._labels[dimension] = self._labellers[dimension](self.value(self._measure_of[dimension]))
        return self._labels[dimension]

    def names(self, space: str, name: str) -> Any:
        """The value of a bare name; None where the item has none."""
        if space == "dimension":
            label, listed = self.label(name), self._listed[name]
            return label if listed is None or label in listed else None
        if space == "measure":
            return self.value(name)
        item = self._item
        assert item is not None
        if space != "field":
            raise EvaluationError(f"`{name}` has no value here")
        if name in item.fields:
            return item.fields[name]
        return item.id if name == "id" else item.attributes.get(name)

    def _join(self, dimensions: Sequence[str]) -> str | None:
        """The labels of several dimensions side by side; None where one has none that it lists."""
        labels = []
        for name in dimensions:
            label, listed = self.label(name), self._listed[name]
            if label is None or (listed is not None and label not in listed):
                return None
            labels.append(label)
        return LABEL_MARK.join(labels)

    def _column(self, name: str) -> Any:
        assert self._item is not None
        return look_up(self._item.raw, name, None)

    def _stem(self) -> str:
        assert self._item is not None
        return stem_of(self._item.place.file)

    def _line(self) -> int | None:
        assert self._item is not None
        return self._item.place.line

    def _row(self) -> int | None:
        assert self._item is not None
        return self._item.place.row

    def _z(self, measure: str) -> float | None:
        value = self.value(measure)
        if value is None or isinstance(value, str):
            return None
        if measure not in self._spread:
            raise EvaluationError("`z()` has no value here: it needs all items")
        mean, deviation = self._spread[measure]
        try:
            return (float(value) - mean) / deviation if deviation > 0 else 0.0
        except OverflowError:
            raise EvaluationError("`z()` has no value for a number of this size") from None
