"""From the value of a measure to the label of a dimension."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.declarations import Dimension
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import number


def list_labels(dimension: Dimension) -> tuple[str, ...] | None:
    """The labels that the spec settles: listed, banded or weighted ones; None where the data settle them."""
    if dimension.labels is not None:
        return dimension.labels
    if dimension.bands:
        return tuple(band.label for band in dimension.bands)
    if dimension.target is not None and dimension.target.kind == "weights":
        return tuple(dimension.target.weights)
    return None


def build_labeller(dimension: Dimension) -> Callable[[Any], str | None]:
    """The label of a value, None where it has none: no value, no number for a band, or a gap between bands.

    Bands are half open, [low, high). Without bands the label is the value's text, listed or not.
    """
    if not dimension.bands:
        return canonical_label
    bands = sorted(dimension.bands, key=lambda band: (band.low is not None, band.low or 0))
    lows = [Decimal("-Infinity") if band.low is None else band.low for band in bands]
    highs = [Decimal("Infinity") if band.high is None else band.high for band in bands]
    names = [band.label for band in bands]

    def label_of(value: Any) -> str | None:
        try:
            exact = number(value)
        except EvaluationError:
            return None
        if exact is None:
            return None
        index = bisect_right(lows, exact) - 1
        return names[index] if index >= 0 and (exact < highs[index] or highs[index].is_infinite()) else None

    return label_of


def canonical_label(value: Any) -> str | None:
    """The text of a value, white space around it removed; None for none and for empty text."""
    text = canonical_text(value)
    return (text.strip() or None) if text is not None else None


def label(dimension: Dimension, value: Any, labels: Sequence[str]) -> str | None:
    """The label of one value among the settled `labels`, None for unknown."""
    found = build_labeller(dimension)(value)
    return found if found in labels else None
