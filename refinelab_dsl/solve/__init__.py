"""The allocation: how many of each kind of item get what, decided provably. Pyomo is imported when solving starts."""

from refinelab_dsl.solve.cells import build_problem
from refinelab_dsl.solve.explain import explain
from refinelab_dsl.solve.frontier import Point, trace_frontier
from refinelab_dsl.solve.problem import Assignment, Infeasible, Problem, Unsolved
from refinelab_dsl.solve.select import Selection, select
from refinelab_dsl.solve.solve import solve
from refinelab_dsl.solve.worth import add_duals

__all__ = [
    "Assignment",
    "Infeasible",
    "Point",
    "Problem",
    "Selection",
    "Unsolved",
    "add_duals",
    "build_problem",
    "explain",
    "select",
    "solve",
    "trace_frontier",
]
