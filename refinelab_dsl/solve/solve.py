"""Solves a problem with the solver that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import inf
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

PATIENCE: Final = 0.25  # of the time limit, for GLPK where HiGHS is there, too


def solve(
    problem: Problem, solver: str = "auto", seconds: float | None = None, enough: float = 1.0
) -> Assignment | Infeasible | Unsolved:
    """The allocation with the least divergence, or why there is none.

    solver: `glpk`, `highs`, or `auto`: HiGHS above about 100 bins, else GLPK where it is installed. Both give the same
    allocation. A solver that fails under `auto` is followed by the other one, and so is GLPK where a quarter of the
    time has proven nothing: HiGHS is quicker on what is hard.

    seconds: the time there is, by default the problem's. enough: share of it after which an allocation that is found
    need not be proven any more.
    """
    seconds = problem.time_limit if seconds is None else seconds
    bins = sum(len(axis.labels) for axis in problem.axes if axis.target is not None)
    chosen = choose_solver(solver, bins)
    if chosen is None:
        return Unsolved("missing", solver)
    other = choose_solver("glpk" if chosen == "highs" else "highs", bins) if solver == "auto" else None
    started = time.monotonic()
    first = seconds * (PATIENCE if chosen == "glpk" and other is not None else 1.0)
    until = started + enough * seconds
    answer = attempt(problem, chosen, first, until)
    spent = time.monotonic() - started
    if other is not None and spent < seconds and (answer == "failed" or (spent >= first and not _is_settled(answer))):
        again = attempt(problem, other, seconds - spent, until)
        if _is_better(again, answer):
            chosen, answer = other, again
    match answer:
        case "infeasible":
            return find_conflict(problem, chosen)
        case "stopped":
            return Unsolved("stopped", chosen)
        case "failed" | "optimal":
            return Unsolved("failed", chosen)
        case _:
            return answer


def attempt(
    problem: Problem, solver: Solver, seconds: float | None = None, enough: float = inf
) -> Assignment | Status:
    """The problem's strategy with one solver: an answer or why there is none, without asking what conflicts.

    seconds: the time there is, by default the problem's. enough: `time.monotonic()` seconds from which on an allocation
    that is found need not be proven.
    """
    seconds = problem.time_limit if seconds is None else seconds
    return STRATEGIES[problem.strategy](problem, Session(solver, time.monotonic() + seconds, enough))


def _is_settled(answer: Assignment | Status) -> bool:
    """Whether more time would change nothing."""
    return answer == "infeasible" or (isinstance(answer, Assignment) and answer.status == "optimal")


def _is_better(one: Assignment | Status, other: Assignment | Status) -> bool:
    """Whether an answer is proven where the other is not, or has less divergence."""
    if not isinstance(one, Assignment) or not isinstance(other, Assignment):
        return isinstance(one, Assignment) or (one == "infeasible" and not isinstance(other, Assignment))
    return (one.status != "optimal", one.objective) < (other.status != "optimal", other.objective)
