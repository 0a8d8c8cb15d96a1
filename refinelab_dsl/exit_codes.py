"""Exit codes of the command line, one meaning each; the Python API's `RefineError.exit_code` uses the same numbers."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a process of `refinec` says when it ends."""

    DONE = 0
    SPEC = 1  # the spec or its data has errors
    USAGE = 2  # wrong use of the command line
    UNFORMATTED = 3  # `fmt --check` would change files
    INFEASIBLE = 4
    BUDGET = 5  # the plan is above the limit, or apply stopped at it
    STALE = 6  # stale plan or lock
    LOCKED = 7  # another run holds the lock
    UNAVAILABLE = 8  # provider, network or data source failed
    INCOMPLETE = 9  # apply finished, but a target is outside its tolerance or items failed
    WORK = 10  # `--exit-code`: there is work to do (`plan`), there is a difference (`diff`)
    CHECK_FAILED = 11  # a check or test failed
    INTERNAL = 70
    INTERRUPTED = 130  # resumable
    TERMINATED = 143


# Where several hold, the first of these is the process's.
PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.LOCKED,
    ExitCode.STALE,
    ExitCode.UNAVAILABLE,
    ExitCode.BUDGET,
    ExitCode.INCOMPLETE,
    ExitCode.CHECK_FAILED,
)


def settle(codes: Iterable[int]) -> ExitCode:
    """The one exit code of several: the first in `PRECEDENCE`, else the largest, else `DONE`."""
    holding = {ExitCode(code) for code in codes}
    for code in PRECEDENCE:
        if code in holding:
            return code
    return max(holding, default=ExitCode.DONE)
