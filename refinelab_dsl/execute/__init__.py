"""The runtime: applies saved plans within their budget, keeps what is bought, commits in plan order."""

from refinelab_dsl.execute.apply import run
from refinelab_dsl.execute.observe import (
    Observer,
    OperatorProgress,
    Progress,
    RunOptions,
    RunOutcome,
    SilentObserver,
)

__all__ = ["Observer", "OperatorProgress", "Progress", "RunOptions", "RunOutcome", "SilentObserver", "run"]
