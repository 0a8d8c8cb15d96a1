"""Reads columns back as allotments: the pair of `model`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.form import LEAVING, Form
from refinelab_dsl.solve.problem import Allotment, Problem


def lift_allotments(form: Form, values: NDArray[np.float64]) -> tuple[Allotment, ...]:
    """Every column that is used, in declaration order."""
    return tuple(
        Allotment(column.operator, column.cell, column.bin, round(value), column.stock)
        for number, (column, value) in enumerate(zip(form.columns, values, strict=True))
        if number != form.total and round(value) > 0
    )


def place_allotments(form: Form, allotments: tuple[Allotment, ...]) -> NDArray[np.float64] | None:
    """Allotments as the columns' values, the way back; None where one of them is no column of this form."""
    places = {(column.operator, column.cell, column.bin, column.stock): n for n, column in enumerate(form.columns)}
    values = np.zeros(len(form.columns))
    for allotment in allotments:
        number = places.get((allotment.operator, allotment.cell, allotment.bin, allotment.stock))
        if number is None:
            return None
        values[number] += allotment.count
    return values


def lift_planned(problem: Problem, allotments: tuple[Allotment, ...]) -> dict[str, tuple[int, ...]]:
    """Final items per axis and label."""
    planned = {axis.name: [0] * len(axis.labels) for axis in problem.axes}
    for cell in problem.cells:
        _add(problem, planned, cell.bin, cell.count)
    for allotment in allotments:
        kind = problem.operators[allotment.operator].kind
        if kind in LEAVING and allotment.cell is not None:
            _add(problem, planned, problem.cells[allotment.cell].bin, -allotment.count)
        if allotment.bin is not None:
            _add(problem, planned, allotment.bin, allotment.count)
    return {name: tuple(counts) for name, counts in planned.items()}


def _add(problem: Problem, planned: dict[str, list[int]], bin: tuple[int, ...], count: int) -> None:
    for axis, label in zip(problem.axes, bin, strict=True):
        if label >= 0:
            planned[axis.name][label] += count
