"""Solves a problem with the solver that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from refinelab_dsl.solve.explain import find_conflict
from refinelab_dsl.solve.problem import Assignment, Infeasible, Problem, Unsolved
from refinelab_dsl.solve.solver import Session, Solver, Status, choose_solver
from refinelab_dsl.solve.strategies.additive import solve_additive
from refinelab_dsl.solve.strategies.greedy import solve_greedy
from refinelab_dsl.solve.strategies.joint import solve_joint
from refinelab_dsl.solve.strategies.uniform import solve_uniform

Strategy: TypeAlias = Callable[[Problem, Session], Assignment | Status]

STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {"joint": solve_joint, "additive": solve_additive, "greedy": solve_greedy, "uniform": solve_uniform}
)
"""How counts are chosen: `solve.strategy`. Each keeps every limit of the problem."""


def solve(problem: Problem, solver: str = "auto") -> Assignment | Infeasible | Unsolved:
    """The allocation with the least divergence, or why there is none.

    solver: `glpk`, `highs`, or `auto`: HiGHS above about 100 bins, else GLPK where it is installed. Both give the same
    allocation. A solver that fails under `auto` is followed by the other one.
    """
    bins = sum(len(axis.labels) for axis in problem.axes if axis.target is not None)
    chosen = choose_solver(solver, bins)
    if chosen is None:
        return Unsolved("missing", solver)
    answer = attempt(problem, chosen)
    if answer == "failed" and solver == "auto":
        other = choose_solver("glpk" if chosen == "highs" else "highs", bins)
        if other is not None:
            chosen = other
            answer = attempt(problem, chosen)
    match answer:
        case "infeasible":
            return find_conflict(problem, chosen)
        case "stopped":
            return Unsolved("stopped", chosen)
        case "failed" | "optimal":
            return Unsolved("failed", chosen)
        case _:
            return answer


def attempt(problem: Problem, solver: Solver) -> Assignment | Status:
    """The problem's strategy with one solver: an answer or why there is none, without asking what conflicts."""
    return STRATEGIES[problem.strategy](problem, Session(solver, time.monotonic() + problem.time_limit))
