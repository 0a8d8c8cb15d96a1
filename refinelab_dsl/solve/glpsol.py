"""GLPK by its program `glpsol`, on the file that Pyomo writes, without what Pyomo does around a run.

It asks the program for its version, copies its settings, keeps five temporary files and catches what is printed with
threads: for a small model that takes several times as long as to solve it. Here nothing is a file: GLPK itself knows
what `/dev/stdin` and `/dev/stderr` stand for.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from io import StringIO
from math import ceil
from typing import Any, Final, Literal

from pyomo.repn.plugins.lp_writer import LPWriter

from refinelab_dsl.solve.model import Model

Outcome = Literal["optimal", "infeasible", "stopped", "failed"]

_SETTINGS: Final = LPWriter.CONFIG({"allow_quadratic_objective": False, "allow_quadratic_constraint": False})
# What only the output tells: the presolver ends without any solution to write.
_NO_POINT: Final = (b"PROBLEM HAS NO PRIMAL FEASIBLE SOLUTION", b"PROBLEM HAS NO DUAL FEASIBLE SOLUTION")
_TIME_IS_UP: Final = b"TIME LIMIT EXCEEDED"


def render_problem(model: Model) -> tuple[str, tuple[Any, ...]]:
    """The model in CPLEX LP format, and its variables in the order of the columns that GLPK makes of it."""
    import pyomo.environ as pyo

    writer = LPWriter()
    writer.config = lambda options: _SETTINGS  # it would copy them for each model; nobody changes them
    text = StringIO()
    symbols = writer.write(model.pyomo, text).symbol_map.bySymbol
    return text.getvalue(), tuple(component for component in symbols.values() if component.ctype is pyo.Var)


def solve_with_program(model: Model, program: str, seconds: float) -> Outcome:
    """Solves to gap 0 within `seconds`. After `optimal`, and only then, the model holds the solution.

    Raises:
        OSError: the program cannot be started.
        ValueError: the program's answer is not one of GLPK's (4.58 or newer).
    """
    text, variables = render_problem(model)
    command = [program, "--tmlim", str(max(1, ceil(seconds))), "--write", "/dev/stderr", "--cpxlp", "/dev/stdin"]
    if model.is_integer:
        return _run([*command, "--mipgap", "0"], text, variables)
    outcome = _run(command, text, variables)
    if outcome == "failed":  # the presolver leaves some LP that has no point "undefined"
        outcome = _run([*command, "--nopresol"], text, variables)
    return outcome


def _run(command: Sequence[str], text: str, variables: Sequence[Any]) -> Outcome:
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        return "failed"
    if any(said in done.stdout for said in _NO_POINT):
        return "infeasible"  # no model here is unbounded: columns have bounds, thetas are minimised or held
    states, values = _read(done.stderr.decode().splitlines())
    if states in (["f", "f"], ["o"]):
        for variable, value in zip(variables, values, strict=True):
            variable.set_value(value, skip_validation=True)
        return "optimal"
    if "n" in states:
        return "infeasible"
    return "stopped" if _TIME_IS_UP in done.stdout else "failed"


def _read(lines: Iterable[str]) -> tuple[list[str], list[float]]:
    """The states of a solution (of an LP: primal and dual), and the values of its columns.

    As GLPK writes them (`glp_write_sol`, `glp_write_mip`): `s bas ROWS COLUMNS PRIMAL DUAL OBJECTIVE` or
    `s mip ROWS COLUMNS STATE OBJECTIVE`, then a line for each row and column, `j NUMBER [BASIC] VALUE [DUAL]`.
    """
    place = 2
    states: list[str] = []
    values: list[float] = []
    for line in lines:
        words = line.split()
        if words[:1] == ["s"]:
            linear = words[1] == "bas"
            place, states = (3, words[4:6]) if linear else (2, words[4:5])
        elif words[:1] == ["j"]:
            values.append(float(words[place]))
    if not states:
        raise ValueError("no solution of GLPK's")
    return states, values
