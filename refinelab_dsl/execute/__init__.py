"""The runtime: applies saved plans within their budget, keeps what is bought, commits in plan order."""

from refinelab_dsl.execute.observe import (
    BatchMoved,
    CallEnded,
    CallRetried,
    Event,
    ModelStopped,
    Observer,
    OperatorProgress,
    Progress,
    RunOptions,
    RunOutcome,
    SilentObserver,
    StepEnded,
    StepStarted,
)
from refinelab_dsl.execute.run import run

__all__ = [
    "BatchMoved", "CallEnded", "CallRetried", "Event", "ModelStopped", "Observer", "OperatorProgress", "Progress",
    "RunOptions", "RunOutcome", "SilentObserver", "StepEnded", "StepStarted", "run",
]  # fmt: skip
