"""What GLPK's program says is taken as it says it, and nothing else is taken for an answer."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from refinelab_dsl.solve.cuts import build_curves, first_cuts
from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.glpsol import render_problem
from refinelab_dsl.solve.model import Model, build_model
from refinelab_dsl.solve.solver import Session
from tests.solve.small import make_problem

needs_glpsol = pytest.mark.skipif(
    shutil.which("glpsol") is None, reason="NO GLPSOL on this machine: apt-get install glpk-utils"
)


def build(*, integer: bool) -> Model:
    form = build_form(make_problem())
    zero = np.zeros(len(form.columns))
    upper = np.array([column.upper for column in form.columns])
    curves = build_curves(form, np.array([tally.constant for tally in form.tallies]))
    model = build_model(form, curves, zero, zero, upper, integer=integer)
    model.add_cuts(first_cuts(curves))
    model.minimise_divergence()
    return model


def make_program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `glpsol` that comes first on the path."""
    program = folder / "glpsol"
    program.write_text(f"#!/bin/sh\ncat > problem\n{script}\n")
    program.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@needs_glpsol
@pytest.mark.parametrize("integer", [False, True])
def test_the_solution_is_a_point_of_the_model_with_its_least_value(integer: bool) -> None:
    model = build(integer=integer)
    assert Session("glpk", time.monotonic() + 60).solve(model) == "optimal"
    found = model.divergence
    assert model.form.is_feasible(model.values())
    assert Session("highs", time.monotonic() + 60).solve(model) == "optimal"
    assert found == pytest.approx(model.divergence, abs=1e-6)


@needs_glpsol
@pytest.mark.parametrize("integer", [False, True])
def test_no_point_is_infeasible_however_near_one_is(integer: bool) -> None:
    for limit in (-1e9, -1.0):  # no theta is below 0: far from any point, and nearly at one
        model = build(integer=integer)
        model.hold_divergence(limit)
        assert Session("glpk", time.monotonic() + 60).solve(model) == "infeasible"


def test_columns_are_named_in_the_order_in_which_they_come() -> None:
    text, variables = render_problem(build(integer=True))
    body = text.partition("bounds")[0]
    names = dict.fromkeys(word for word in body.split() if word.startswith("x") and not word.endswith(":"))
    assert len(names) == len(variables)
    bounds = [line.split() for line in text.partition("bounds\n")[2].partition("general")[0].splitlines()]
    sizes = {words[2]: (float(words[0]), float(words[4])) for words in bounds}
    inf = float("inf")
    for name, variable in zip(names, variables, strict=True):
        low, high = variable.bounds
        assert sizes[name] == (-inf if low is None else low, inf if high is None else high)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("echo 'TIME LIMIT EXCEEDED; SEARCH TERMINATED'; echo 's bas 1 1 f u 0' >&2", "stopped"),
        ("echo 's bas 1 1 u u 0' >&2", "failed"),
        ("echo 's bas 1 1 i f 0' >&2", "failed"),  # a point that is none proves nothing
        ("echo 's bas 1 1 n u 0' >&2", "infeasible"),
        ("echo 's bas 1 1 f f 0' >&2", "failed"),  # and no columns
        ("echo 'j 1 b 3 0' >&2", "failed"),
        ("echo 'what?' >&2", "failed"),
        ("exit 3", "failed"),
    ],
)
def test_what_is_no_solution_is_not_taken_for_one(
    script: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path, monkeypatch, script)
    model = build(integer=False)
    before = model.values()
    assert Session("glpk", time.monotonic() + 60).solve(model) == status
    assert np.array_equal(model.values(), before)
    assert (tmp_path / "problem").read_text().endswith("end\n")  # it was asked
