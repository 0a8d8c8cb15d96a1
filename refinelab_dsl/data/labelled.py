"""One dimension during a pass over a dataset: the codes of the items' labels, and what went wrong with them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import measures
from refinelab_dsl.declarations import Dimension
from refinelab_dsl.source import Place


@dataclass
class Tally:
    """How often something went wrong, and where first."""

    count: int = 0
    reason: str = ""
    place: Place | None = None

    def add(self, reason: str, place: Place) -> None:
        if not self.count:
            self.reason, self.place = reason, place
        self.count += 1


@dataclass
class Column:
    """One dimension during the pass. `index` grows where the data settle the labels."""

    dimension: Dimension
    index: dict[str, int]
    settled: bool
    codes: array[int] = field(default_factory=lambda: array("i"))
    valued: bool = False  # some item has a value
    unlisted: dict[str, int] = field(default_factory=dict)
    unlisted_items: int = 0
    first_unlisted: Place | None = None
    unknown: Tally = field(default_factory=Tally)
    lost: int = 0  # items without a listed label under `drop` and `keep`
    pending: int = 0  # items of which evidence has nothing


def open_column(dimension: Dimension) -> Column:
    """The column before the first item."""
    names = measures.list_labels(dimension)
    return Column(dimension, {name: code for code, name in enumerate(names or ())}, settled=names is not None)


def settle(column: Column) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Labels and codes; labels that the data settled are sorted, so that the order of rows does not count."""
    codes = np.frombuffer(column.codes, dtype=np.int32) if column.codes else np.zeros(0, dtype=np.int32)
    if column.settled:
        return tuple(column.index), codes
    names = tuple(sorted(column.index))
    place = {name: code for code, name in enumerate(names)}
    order = np.array([place[name] for name in column.index] + [-1], dtype=np.int32)  # -1 stays -1
    return names, order[codes]
