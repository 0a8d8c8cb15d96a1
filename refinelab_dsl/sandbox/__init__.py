"""Programs that a model wrote, run where they can do no harm: `run(program, limits) -> Outcome`.

`embedded`: an interpreter of a subset of Python without files, network or processes (pydantic-monty). `strict`: the
machine's own Python in a process that has nothing (bubblewrap). Where a level is not to be had nothing is run.
"""

from __future__ import annotations

from refinelab_dsl.sandbox.limits import Limits
from refinelab_dsl.sandbox.service import LEVELS, Offer, Sandbox, examine, run
from refinelab_dsl.sandbox.strict import Missing

__all__ = ["LEVELS", "Limits", "Missing", "Offer", "Sandbox", "examine", "run"]
