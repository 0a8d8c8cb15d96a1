"""GLPK as a library (`swiglpk`, extra `glpk`), for machines without its program `glpsol`.

The model goes over as the file that `glpsol` would read, and is solved in the steps and with the settings that `glpsol`
has by default, so that both are one solver to everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, Literal

from refinelab_dsl.scratch import Scratch
from refinelab_dsl.solve.model import Model

Outcome = Literal["optimal", "infeasible", "stopped", "failed"]


def solve_with_library(model: Model, seconds: float) -> Outcome:
    """Solves to gap 0 within `seconds`. After `optimal`, and only then, the model holds the solution.

    An LP without any point is found to be so in at most two runs: GLPK's presolver may leave open what it found.
    """
    import swiglpk as glpk

    glpk.glp_term_out(glpk.GLP_OFF)
    problem = glpk.glp_create_prob()
    try:
        variables = _transfer(model, problem, glpk)
        if variables is None:
            return "failed"
        glpk.glp_scale_prob(problem, glpk.GLP_SF_AUTO)
        glpk.glp_adv_basis(problem, 0)
        milliseconds = 1000 * max(1, ceil(seconds))
        if model.is_integer:
            outcome, value = _branch(problem, glpk, milliseconds), glpk.glp_mip_col_val
        else:
            outcome, value = _simplex(problem, glpk, milliseconds), glpk.glp_get_col_prim
        if outcome == "optimal":
            for column in range(1, glpk.glp_get_num_cols(problem) + 1):
                variable = variables.get(glpk.glp_get_col_name(problem, column))
                if variable is not None:
                    variable.set_value(value(problem, column), skip_validation=True)
        return outcome
    finally:
        glpk.glp_delete_prob(problem)


def _transfer(model: Model, problem: Any, glpk: Any) -> Mapping[str, Any] | None:
    """Reads the model into `problem`; its variables by the names of GLPK's columns."""
    import pyomo.environ as pyo
    from pyomo.opt import ProblemFormat

    with Scratch() as folder:
        path = str(Path(folder) / "model.lp")
        _, number = model.pyomo.write(path, format=ProblemFormat.cpxlp)
        symbols = model.pyomo.solutions.symbol_map[number].bySymbol
        model.pyomo.solutions.delete_symbol_map(number)  # else the model keeps one for every solve
        if glpk.glp_read_lp(problem, None, path) != 0:
            return None
    return {name: component for name, component in symbols.items() if component.ctype is pyo.Var}


def _simplex(problem: Any, glpk: Any, milliseconds: int) -> Outcome:
    for presolve in (glpk.GLP_ON, glpk.GLP_OFF):
        options = glpk.glp_smcp()
        glpk.glp_init_smcp(options)
        options.presolve, options.tm_lim, options.msg_lev = presolve, milliseconds, glpk.GLP_MSG_OFF
        code = glpk.glp_simplex(problem, options)
        if code == glpk.GLP_ETMLIM:
            return "stopped"
        status = glpk.glp_get_status(problem)
        if code == 0 and status == glpk.GLP_OPT:
            return "optimal"
        if code == glpk.GLP_ENOPFS or status in (glpk.GLP_NOFEAS, glpk.GLP_UNBND):
            return "infeasible"  # no model is unbounded: columns have bounds, thetas are minimised or held
    return "failed"


def _branch(problem: Any, glpk: Any, milliseconds: int) -> Outcome:
    options = glpk.glp_iocp()
    glpk.glp_init_iocp(options)
    options.presolve, options.tm_lim, options.msg_lev = glpk.GLP_ON, milliseconds, glpk.GLP_MSG_OFF
    options.mip_gap = 0.0
    code = glpk.glp_intopt(problem, options)
    if code == glpk.GLP_ETMLIM:
        return "stopped"
    status = glpk.glp_mip_status(problem)
    if code == 0 and status == glpk.GLP_OPT:
        return "optimal"
    if code in (glpk.GLP_ENOPFS, glpk.GLP_ENODFS) or status == glpk.GLP_NOFEAS:
        return "infeasible"
    return "failed"
