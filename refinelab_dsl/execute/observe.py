"""What a caller may set for a run, what it is told while the run goes on, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.exit_codes import ExitCode


@dataclass(frozen=True)
class RunOptions:
    """source: the dataset's patterns as the spec has them (a plan holds no path); empty: the names that the plan has.
    corpora: the same of each corpus that is files, by name.
    saved: the plan is a file that the user saved, which is single-use. resume: the number of the run to go on with;
    its own plan is run, and source and allow_outside are what they were. environ: where keys are looked up.
    use_cache: replies of earlier runs count. concurrency: calls in flight per model at most, where that is less than
    the model's own limit.
    """

    source: tuple[str, ...] = ()
    corpora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_outside: bool = False
    saved: bool = False
    resume: int | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    use_cache: bool = True
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class OperatorProgress:
    """done: attempts that ended; total: results wanted; accepted, rejected: of those done; running: attempts in
    flight; cached: answers that the store held."""

    name: str
    done: int
    total: int
    accepted: int
    rejected: int
    running: int
    cached: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. tokens, usd: settled so far; calls: made by this process; retries: of those."""

    operators: tuple[OperatorProgress, ...]
    tokens: int
    usd: Decimal
    calls: int
    retries: int


class Observer(Protocol):
    """Told of a run while it goes on, from its event loop: it must not block."""

    def start(self, run: int, header: Header) -> None:
        """The run has its number and is about to begin."""

    def update(self, progress: Progress) -> None:
        """At most ten times a second, and once at the end of the calls."""

    def say(self, diagnostic: Diagnostic) -> None:
        """Something a person should know now; it is among the outcome's diagnostics too."""


class SilentObserver:
    """Tells nobody."""

    def start(self, run: int, header: Header) -> None:
        return None

    def update(self, progress: Progress) -> None:
        return None

    def say(self, diagnostic: Diagnostic) -> None:
        return None


@dataclass(frozen=True)
class RunOutcome:
    """run: its number, None where none was begun. status: as in `run.json`, `refused` where none was begun. head: the
    JSON of `apply` (decision 24), empty where there is no result."""

    run: int | None
    status: str
    exit_code: ExitCode
    diagnostics: Diagnostics
    head: Mapping[str, Any] = field(default_factory=dict)
