"""What GLPK says of a model, through Pyomo, is what HiGHS says of it."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest

from refinelab_dsl.solve.cuts import build_curves, first_cuts
from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.model import Model, build_model
from refinelab_dsl.solve.solver import Session
from tests.solve.small import make_problem

pytestmark = pytest.mark.skipif(
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


@pytest.mark.parametrize("integer", [False, True])
def test_the_solution_is_a_point_of_the_model_with_its_least_value(integer: bool) -> None:
    model = build(integer=integer)
    assert Session("glpk", time.monotonic() + 60).solve(model) == "optimal"
    found = model.divergence
    assert model.form.is_feasible(model.values())
    assert Session("highs", time.monotonic() + 60).solve(model) == "optimal"
    assert found == pytest.approx(model.divergence, abs=1e-6)


@pytest.mark.parametrize("integer", [False, True])
def test_no_point_is_infeasible_however_near_one_is(integer: bool) -> None:
    for limit in (-1e9, -1.0):  # no theta is below 0: far from any point, and nearly at one
        model = build(integer=integer)
        model.hold_divergence(limit)
        assert Session("glpk", time.monotonic() + 60).solve(model) == "infeasible"
