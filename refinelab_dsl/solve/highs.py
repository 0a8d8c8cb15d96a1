"""HiGHS by Pyomo's interface, which hands over and compares models, without what Pyomo does around a run.

It copies all its settings three times per model, and catches what HiGHS prints with a pipe and a thread: for a small
model that takes longer than to solve it. Here HiGHS prints nothing, and is told its options itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import highspy
from pyomo.common.tee import capture_output
from pyomo.contrib.solver.common.config import PersistentBranchAndBoundConfig
from pyomo.contrib.solver.solvers import highs
from pyomo.core.staleflag import StaleFlagManager

Ending = Literal["optimal", "infeasible", "stopped", "failed"]

_STATUS = highspy.HighsModelStatus
# No model here is unbounded: columns have bounds, thetas are minimised or held.
_ENDINGS: Mapping[Any, Ending] = {
    _STATUS.kOptimal: "optimal",
    _STATUS.kInfeasible: "infeasible",
    _STATUS.kUnboundedOrInfeasible: "infeasible",
    _STATUS.kUnbounded: "infeasible",
    _STATUS.kTimeLimit: "stopped",
}
_SETTINGS = PersistentBranchAndBoundConfig()  # as they are by default; nobody changes them


@cache
def _take_greeting() -> None:
    """The first HiGHS of a process says its version on standard output, before it can be told to be silent."""
    with capture_output(capture_fd=True):
        highspy.Highs()  # type: ignore[no-untyped-call]


class Highs(highs.Highs):  # type: ignore[misc]
    """One Pyomo model as HiGHS has it."""

    def __init__(self, model: Any) -> None:
        self.CONFIG = lambda value: _SETTINGS
        super().__init__()
        self._model = model
        _take_greeting()
        self._solver_model = highspy.Highs()  # type: ignore[no-untyped-call]
        self._solver_model.setOptionValue("output_flag", False)
        self._solver_model.HandleKeyboardInterrupt = True
        self.add_block(model)

    def run(self, options: Mapping[str, float | str], seconds: float) -> Ending:
        """Hands over what of the model is new, and minimises to gap 0. After `optimal` the model holds the solution.

        seconds: of all runs of this model together.
        """
        StaleFlagManager.mark_all_as_stale()
        self.update()
        given = {"threads": 1, "time_limit": seconds, "mip_rel_gap": 0.0, "mip_abs_gap": 0.0, "random_seed": 0}
        for name, value in {**given, **options}.items():
            self._solver_model.setOptionValue(name, value)
        self._solver_model.run()
        ending = _ENDINGS.get(self._solver_model.getModelStatus(), "failed")
        if ending == "optimal":
            self._sol = self._solver_model.getSolution()
            self._load_vars()
        return ending

    @property
    def seconds(self) -> float:
        """How long HiGHS ran, all in all."""
        return float(self._solver_model.getRunTime())
