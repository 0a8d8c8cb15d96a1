"""Values of items, and the labels that dimensions give to them; the same functions again for new items."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl import builtins, measures
from refinelab_dsl.data import Item
from refinelab_dsl.declarations import Band, Dataset, Dimension, Measure
from refinelab_dsl.source import Place


def item(question: str = "Who wrote it ?", **more: Any) -> Item:
    return Item(
        id="1",
        key="k",
        hash="h",
        fields={"question": question, "answer": "a"},
        attributes=more.pop("attributes", {}),
        raw=more.pop("raw", {}),
        place=Place("f", 1, 1),
    )


def column(name: str) -> Measure:
    return Measure(name="m", kind="column", options={"column": name})


def length(unit: str) -> Measure:
    return Measure(name="m", kind="length", options={"unit": unit})


def banded(*bounds: tuple[str, str | None, str | None]) -> Dimension:
    bands = tuple(
        Band(label=label, low=None if low is None else Decimal(low), high=None if high is None else Decimal(high))
        for label, low, high in bounds
    )
    return Dimension(name="d", measure="m", bands=bands, labels=tuple(band.label for band in bands))


@pytest.mark.parametrize(("unit", "value"), [("words", 4), ("characters", 14)])
def test_length_of_the_question(unit: str, value: int) -> None:
    assert measures.measure(length(unit), item()) == value


def test_tokens_grow_with_the_text() -> None:
    few, many = (measures.measure(length("tokens"), item("word " * count)) for count in (5, 50))
    assert isinstance(few, float)
    assert isinstance(many, float)
    assert 0 < few < many


def test_a_column_is_an_attribute_a_field_or_of_the_row() -> None:
    found = item(attributes={"x": "attribute"}, raw={"x": "raw", "question": "raw", "y": "raw"})
    assert measures.measure(column("x"), found) == "attribute"
    assert measures.measure(column("question"), found) == "Who wrote it ?"
    assert measures.measure(column("y"), found) == "raw"
    assert measures.measure(column("z"), found) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, "true"),
        ("x", "x"),
        ("", None),
        (" ", None),
        (None, None),
        ([1], None),
        (float("nan"), None),
        (2**80, 2**80),
    ],
)
def test_values_of_columns(value: Any, expected: Any) -> None:
    assert measures.measure(column("x"), item(raw={"x": value})) == expected


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (9.99, "low"),
        (10, "mid"),
        ("10.0", "mid"),
        (19.999, "mid"),
        (20, "high"),
        (10**30, "high"),
        (-5, "low"),
        ("1,000", "high"),
        ("ten", None),
        (None, None),
    ],
)
def test_bands_are_half_open(value: Any, label: str | None) -> None:
    # As written, not sorted: the bounds decide, not the order.
    dimension = banded(("high", "20", None), ("low", None, "10"), ("mid", "10", "20"))
    assert measures.label(dimension, value, ("high", "low", "mid")) == label


def test_a_gap_between_bands_has_no_label() -> None:
    dimension = banded(("a", "0", "1"), ("b", "2", "3"))
    found = [measures.label(dimension, value, ("a", "b")) for value in (-1, 0, 1, 2, 3)]
    assert found == [None, "a", None, "b", None]


@pytest.mark.parametrize(("value", "label"), [("a", "a"), (" a ", "a"), (3.0, "3"), ("c", None), (None, None)])
def test_labels_are_those_that_are_settled(value: Any, label: str | None) -> None:
    assert measures.label(Dimension(name="d", measure="m"), value, ("a", "3")) == label


@pytest.mark.parametrize(
    ("measure", "measurable"),
    [
        (length("words"), True),
        (column("question"), True),
        (column("context"), True),
        (column("subject"), False),
        (column("id"), False),
    ],
)
def test_what_a_new_item_can_be_measured_by(measure: Measure, measurable: bool) -> None:
    """A result has its task's fields and no row (decision 10)."""
    assert measures.is_measurable(measure, Dataset(name="x", task="qa", source=("x",))) is measurable


def test_a_task_field_of_another_task_is_none_of_a_new_item() -> None:
    assert measures.is_measurable(column("choices"), Dataset(name="x", task="mcq", source=("x",)))
    assert not measures.is_measurable(column("choices"), Dataset(name="x", task="qa", source=("x",)))


def test_the_table_holds_what_the_language_says_is_reached() -> None:
    reached = {name for name, row in builtins.MEASURE_KINDS.items() if row.reached}
    assert reached == set(measures.MEASURES)


_BOUNDS = st.lists(st.decimals(-100, 100, places=2), min_size=1, max_size=5, unique=True).map(sorted)


@given(_BOUNDS, st.decimals(-200, 200, places=3))
def test_adjoining_bands_leave_no_value_out(bounds: list[Decimal], value: Decimal) -> None:
    edges = [None, *map(str, bounds), None]
    dimension = banded(*((f"b{at}", low, high) for at, (low, high) in enumerate(pairwise(edges))))
    label = measures.label(dimension, float(value), dimension.labels or ())
    assert label == f"b{sum(bound <= Decimal(repr(float(value))) for bound in bounds)}"
