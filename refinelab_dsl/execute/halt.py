"""Why a run stops starting calls, and the one place where everybody looks whether it does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.exit_codes import ExitCode

# too_small: the budget, for the first call. The others: a signal, the budget, a model that fails, a disk that does,
# what is left is to be solved again.
Reason = Literal["interrupt", "terminate", "budget", "too_small", "model", "state", "replan"]
SIGNALLED: Mapping[Reason, ExitCode] = MappingProxyType(
    {"interrupt": ExitCode.INTERRUPTED, "terminate": ExitCode.TERMINATED}
)
"""The reasons that are signals, with the exit code of each; the first one counts."""


@dataclass
class Halt:
    """Set once or several times; never taken back. `reasons` is in the order in which they came."""

    reasons: dict[Reason, tuple[Diagnostic, ...]] = field(default_factory=dict)
    event: asyncio.Event = field(default_factory=asyncio.Event)
    wakers: set[asyncio.Future[None]] = field(default_factory=set)  # done when the run stops

    def stop(self, reason: Reason, *diagnostics: Diagnostic) -> None:
        """No call starts from now on; those in flight go on."""
        self.reasons[reason] = (*self.reasons.get(reason, ()), *diagnostics)
        self.event.set()
        for waker in self.wakers:
            if not waker.done():
                waker.set_result(None)

    @property
    def is_set(self) -> bool:
        return self.event.is_set()

    async def sleep(self, seconds: float) -> None:
        """Waits, less long if the run stops."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self.event.wait(), seconds)
            except TimeoutError:
                return
