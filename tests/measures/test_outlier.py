"""How far items are from their neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refinelab_dsl.data import Item
from refinelab_dsl.declarations import Measure
from refinelab_dsl.measures.outlier import find_distances, measure_distances
from refinelab_dsl.source import Place


def items(*questions: str) -> list[Item]:
    return [
        Item(id=str(at), key=str(at), hash="h", fields={"question": question, "answer": "a"}, attributes={}, raw={},
             place=Place("f", at, at))
        for at, question in enumerate(questions)
    ]  # fmt: skip


def test_what_reads_like_nothing_else_is_farthest(tmp_path: Path) -> None:
    sums = [f"What is the sum of {one} and {one + 3}?" for one in range(11, 31)]
    measure = Measure(name="odd", kind="outlier", options={"neighbours": 5})
    values = find_distances(measure, items(*sums, "Xylographers quaff phlox elixir"), (), tmp_path)
    assert max(values[:-1]) < 0.7 < 0.9 < values[-1] <= 1.0  # type: ignore[type-var, operator]


def test_distances_are_those_of_every_pair() -> None:
    rows = np.random.default_rng(1).normal(size=(2300, 12)).astype(np.float32)  # more than one block
    lengths = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = lengths @ lengths.T
    np.fill_diagonal(cosines, -np.inf)
    wanted = 1 - np.sort(cosines, axis=1)[:, -7:].mean(axis=1)
    assert measure_distances(rows, 7) == pytest.approx(wanted, abs=1e-3)


def test_copies_are_near_and_an_item_alone_has_no_value() -> None:
    twins = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert measure_distances(twins, 1).tolist() == [0.0, 0.0, 1.0]
    assert measure_distances(twins, 10) == pytest.approx([0.5, 0.5, 1.0])
    assert np.isnan(measure_distances(twins[:1], 3)).all()
