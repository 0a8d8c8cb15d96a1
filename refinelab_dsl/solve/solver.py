"""The one place that runs a solver: GLPK through its program `glpsol`, else through the library `swiglpk`; HiGHS
through Pyomo's `highspy` interface."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Final, Literal

from refinelab_dsl.solve.model import Model

if TYPE_CHECKING:
    from refinelab_dsl.solve.highs import Highs

Solver = Literal["glpk", "highs"]
Status = Literal["optimal", "infeasible", "stopped", "failed"]

# Vertices are told apart by reduced costs of 1e-5 and less. Between whole numbers the usual tolerances are enough, and
# tighter ones can keep HiGHS busy for ever.
_TIGHT: Final = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
_HIGHS_LINEAR: Final[tuple[Mapping[str, float | str], ...]] = (
    {"presolve": "off", **_TIGHT}, {"presolve": "off"}, {"presolve": "on"}
)  # fmt: skip
# Interior point, then the vertex: at 10 000 columns a fifth to a half of the time of the simplex method, which is for
# what goes on from a point before.
_HIGHS_LARGE: Final[tuple[Mapping[str, float | str], ...]] = (
    {"presolve": "on", "solver": "ipm", **_TIGHT}, *({**way, "solver": "simplex"} for way in _HIGHS_LINEAR)
)  # fmt: skip
_HIGHS_GOES_ON: Final = _HIGHS_LARGE[1:]
_HIGHS_INTEGER: Final[tuple[Mapping[str, float | str], ...]] = ({"presolve": "on"}, {"presolve": "off"})

LARGE = 8_000  # variables of a linear program; below, the simplex method is as quick
MANY_BINS = 100  # above, GLPK is up to 20 times slower (500 labels)


def has_glpk_program() -> bool:
    """Whether `glpsol` is on the path."""
    return shutil.which("glpsol") is not None


def has_glpk_library() -> bool:
    """Whether `swiglpk` is installed (extra `glpk`)."""
    return find_spec("swiglpk") is not None


def installed() -> tuple[Solver, ...]:
    """The solvers of this machine."""
    found: list[Solver] = []
    if has_glpk_program() or has_glpk_library():
        found.append("glpk")
    if _has_highs():
        found.append("highs")
    return tuple(found)


def _has_highs() -> bool:
    return find_spec("highspy") is not None


def choose_solver(wanted: str, bins: int) -> Solver | None:
    """`auto`: HiGHS above `MANY_BINS` bins, else GLPK where it is installed. None: not installed."""
    found = installed()
    if wanted == "glpk" or wanted == "highs":
        return wanted if wanted in found else None
    preferred: tuple[Solver, ...] = ("highs", "glpk") if bins > MANY_BINS else ("glpk", "highs")
    return next((solver for solver in preferred if solver in found), None)


@dataclass
class _Warm:
    """A model as HiGHS has it. goal: what was minimised last.

    linear: it was never an integer program. Of one that was, variables are fixed by now, and Pyomo would hand over each
    row that they are in anew, one by one.
    """

    model: Model
    highs: Highs
    goal: Any = None
    linear: bool = True


@dataclass
class Session:
    """Solves models with one solver until a deadline. Counts its rounds; HiGHS goes on from
    where it was while a model's best value is looked for.

    deadline, enough: `time.monotonic()` seconds; from `enough` on an answer that is there stands, proven or not.
    """

    solver: Solver
    deadline: float
    enough: float = inf
    rounds: int = 0
    _warm: _Warm | None = None

    @property
    def tie_scale(self) -> float:
        """What generic weights are multiplied with: GLPK compares reduced costs with 1e-7 + 1e-10 of the cost, HiGHS
        with an absolute 1e-9, which numbers in the millions cannot meet."""
        return 1e4 if self.solver == "glpk" else 1.0

    @property
    def wants_small_objective(self) -> bool:
        """HiGHS can run for ever on objectives in the millions; GLPK needs large ones to tell goals apart."""
        return self.solver == "highs"

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.deadline - time.monotonic()

    @contextlib.contextmanager
    def within(self, share: float) -> Iterator[None]:
        """A share of the time that is left, for what may stay undone."""
        deadline = self.deadline
        self.deadline = time.monotonic() + share * max(0.0, self.left)
        try:
            yield
        finally:
            self.deadline = deadline

    @property
    def suffices(self) -> bool:
        """Whether an answer that is there stands, proven or not."""
        return time.monotonic() >= min(self.enough, self.deadline)

    @contextlib.contextmanager
    def improving(self) -> Iterator[None]:
        """For what betters or proves an answer that is there."""
        deadline = self.deadline
        self.deadline = min(deadline, self.enough)
        try:
            yield
        finally:
            self.deadline = deadline

    def solve(self, model: Model, *, again: bool = False) -> Status:
        """Solves to gap 0. After `optimal`, and only then, the model holds the solution.

        again: it is solved again and again with rows more, and no vertex is told from another: HiGHS goes on from where
        it was, where it is installed, for which GLPK would be handed the whole model each time.
        """
        if self.left <= 0:
            return "stopped"
        self.rounds += 1
        status: Status = "failed"
        if again and self.solver == "glpk" and _has_highs():
            status = self._ask(self._solve_highs, model)
        if status == "failed":
            status = self._ask(self._solve_glpk if self.solver == "glpk" else self._solve_highs, model)
        return status

    def _ask(self, solve: Callable[[Model], Status], model: Model) -> Status:
        with _silenced():
            try:
                return solve(model)
            except Exception:  # a solver interface may raise anything: an answer is an answer or it is not
                return "failed"

    def _solve_glpk(self, model: Model) -> Status:
        if has_glpk_program():
            return self._run_glpsol(model)
        from refinelab_dsl.solve.glpk_library import solve_with_library

        return solve_with_library(model, self.left)

    def _run_glpsol(self, model: Model) -> Status:
        from pyomo.opt import SolverFactory, TerminationCondition

        solver = SolverFactory("glpk")
        solver.options["tmlim"] = max(1, ceil(self.left))
        if model.is_integer:
            solver.options["mipgap"] = 0
        results = solver.solve(model.pyomo, load_solutions=False)
        condition = results.solver.termination_condition
        if condition == TerminationCondition.optimal:
            model.pyomo.solutions.load_from(results)
            return "optimal"
        if condition == TerminationCondition.other and not model.is_integer:
            # Its presolver leaves an infeasible LP "undefined"; without it, Pyomo reads "no feasible" as unbounded.
            solver.options["nopresol"] = None
            condition = solver.solve(model.pyomo, load_solutions=False).solver.termination_condition
        if condition in (TerminationCondition.infeasible, TerminationCondition.unbounded):
            return "infeasible"  # no model here is unbounded: columns have bounds, thetas are minimised or held
        return "stopped" if condition == TerminationCondition.maxTimeLimit or self.left <= 1 else "failed"

    def _solve_highs(self, model: Model) -> Status:
        """What one way of solving does not settle, and that there is no point at all, is asked another way."""
        ways: tuple[Mapping[str, float | str], ...]
        if model.is_integer:
            ways = _HIGHS_INTEGER
        elif model.variables < LARGE:
            ways = _HIGHS_LINEAR
        else:
            ways = _HIGHS_GOES_ON if self._goes_on(model) else _HIGHS_LARGE
        status: Status = "failed"
        for way in ways:
            found = self._run_highs(model, way)
            if found in ("optimal", "stopped"):
                return found
            if found == "infeasible" == status:
                return found
            status = found
        return status

    def _goes_on(self, model: Model) -> bool:
        """Whether a large model has only got new chords since it was solved."""
        warm = self._warm
        return (
            warm is not None
            and warm.model is model
            and warm.goal is model.goal
            and not model.is_integer
            and model.variables >= LARGE
        )

    def _run_highs(self, model: Model, options: Mapping[str, float | str]) -> Status:
        from refinelab_dsl.solve.highs import Highs

        # Interior point takes nothing over from the point before, so a large model need not be handed over again.
        kept = not model.is_exacting or self._goes_on(model)
        if self._warm is not None and self._warm.linear and options.get("solver") == "ipm":
            kept = True
        if self._warm is None or self._warm.model is not model or not kept:
            self._warm = _Warm(model, Highs(model.pyomo))  # before the time is looked at: it takes some
        if self.left <= 0:
            return "stopped"
        warm = self._warm
        warm.goal, warm.linear = model.goal, warm.linear and not model.is_integer
        return warm.highs.run(options, warm.highs.seconds + max(0.01, self.left))


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keeps Pyomo's warnings and prints out of the user's terminal."""
    logger = logging.getLogger("pyomo")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
