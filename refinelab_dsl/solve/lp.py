"""The allocation problem as a file that any solver reads: for people who want to look at it or solve it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from refinelab_dsl.scratch import Scratch
from refinelab_dsl.solve.cuts import build_curves, first_cuts, ladder
from refinelab_dsl.solve.form import Column, Form, build_form
from refinelab_dsl.solve.model import Contradiction, build_model
from refinelab_dsl.solve.problem import Bin, Problem


def render_lp(problem: Problem) -> str:
    """The integer program in CPLEX LP format, the divergence by the chords that solving starts from.

    Comments (`\\\\ …`) say what each column counts. Where a row cannot hold whatever is decided, a comment says which.
    Where the size is free, it is the program at the size of the range that is nearest to today's.
    """
    from pyomo.opt import ProblemFormat

    free = problem.limits.sizes
    if free is not None:
        size = min(max(sum(cell.count for cell in problem.cells), free[0]), free[1])
        problem = replace(problem, limits=replace(problem.limits, size=size, sizes=None))
    form = build_form(problem)
    zero = np.zeros(len(form.columns))
    upper = np.array([column.upper for column in form.columns], dtype=np.float64)
    base = np.array([tally.constant for tally in form.tallies], dtype=np.float64)
    curves = build_curves(form, base)
    header = "".join(f"\\ {line}\n" for line in _explain(problem, form))
    if free is not None:
        header = f"\\ the size is free from {free[0]} to {free[1]}: this is the program at {size}\n{header}"
    try:
        model = build_model(form, curves, zero, zero, upper, integer=True)
    except Contradiction as contradiction:
        return f"{header}\\ infeasible: the row {contradiction} does not hold whatever is decided\nend\n"
    if not model.free:
        return f"{header}\\ nothing to decide\nend\n"
    model.add_cuts([*first_cuts(curves), *ladder(curves)])
    model.minimise_divergence()
    with Scratch() as folder:
        path = Path(folder) / "problem.lp"
        model.pyomo.write(str(path), format=ProblemFormat.cpxlp, io_options={"symbolic_solver_labels": True})
        body = path.read_text(encoding="utf-8")
    return header + "".join(line + "\n" for line in body.splitlines() if not line.startswith("\\*"))


def _explain(problem: Problem, form: Form) -> Iterator[str]:
    yield "y: accepted results; change: of a label's items; theta: of the objective, in its own unit"
    for number, column in enumerate(form.columns):
        if number != form.total:
            yield f"y({number}): {_name(problem, column)}"
    for number, tally in enumerate(form.tallies):
        if tally.wanted is not None:
            axis = problem.axes[tally.axis]
            yield f"change({number}), theta({number}): {axis.name}={axis.labels[tally.label]}, wanted {tally.wanted:g}"


def _name(problem: Problem, column: Column) -> str:
    start = "" if column.cell is None else f" from {_labels(problem, problem.cells[column.cell].bin)}"
    end = "" if column.bin is None else f" to {_labels(problem, column.bin)}"
    bought = " by earlier runs" if column.stock else ""
    return f"{problem.operators[column.operator].operator}{start}{end}{bought}"


def _labels(problem: Problem, place: Bin) -> str:
    return "/".join(
        axis.labels[index] if index >= 0 else "?"
        for axis, index in zip(problem.axes, place, strict=True)
        if not axis.parts
    )
