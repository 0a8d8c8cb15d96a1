"""What a caller may set for a run, what it is told while the run goes on, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.effects import Effect
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.prompts.request import Completion

SHOW_EVERY = 0.1  # seconds between two updates at least
BEAT = 1.0  # seconds after which it is shown that nothing came

if TYPE_CHECKING:
    from refinelab_dsl.execute.replan import Replan


@dataclass(frozen=True)
class RunOptions:
    """source: the dataset's patterns as the spec has them (a plan holds no path); empty: the names that the plan has.
    corpora: the same of each corpus that is files, by name.
    saved: the plan is a file that the user saved, which is single-use. resume: the number of the run to go on with;
    its own plan is run, and source and allow_outside are what they were. environ: where keys are looked up.
    use_cache: replies of earlier runs count. concurrency: calls in flight per model at most, where that is less than
    the model's own limit. workers: processes that make the exchanges with endpoints; 0: this one makes them. replan:
    makes the plan of what is left, where the spec has `replan`; without it a run goes on with the plan that it has.
    loop: the number of the loop of which it is a round.
    """

    source: tuple[str, ...] = ()
    corpora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_outside: bool = False
    saved: bool = False
    resume: int | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    use_cache: bool = True
    concurrency: int | None = None
    workers: int = 0
    replan: Replan | None = None
    loop: int | None = None


@dataclass(frozen=True, slots=True)
class OperatorProgress:
    """done: attempts that ended; total: results wanted; accepted, rejected: of those done; running: attempts in
    flight; cached: answers that the store held; tokens, usd: settled for it so far."""

    name: str
    done: int
    total: int
    accepted: int
    rejected: int
    running: int
    cached: int
    tokens: int = 0
    usd: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. tokens, usd: settled so far, before an interruption, too, usd None where a price is unknown;
    calls: made by this process; retries: of those."""

    operators: tuple[OperatorProgress, ...]
    tokens: int
    usd: Decimal | None
    calls: int
    retries: int


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins to ask, or goes on after it found no room in the budget."""

    step: int
    operator: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """One try of a call came back, or did not. line: the model, corpus or sandbox that was asked. seconds: that it
    took. completion: None where it failed; error: the kind of failure, None where it did not.

    The effect holds the prompt and the completion the reply: what is told of them to the outside is figures and names.
    """

    step: int
    line: str
    effect: Effect
    seconds: float
    completion: Completion | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CallRetried:
    """A call that failed will be made again. error: the kind of failure. tries: made so far. delay: seconds until then
    at least, since its model's rate may let it wait longer; retry_after: those that the endpoint asked for."""

    step: int
    line: str
    error: str
    tries: int
    delay: float
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class ModelStopped:
    """No call goes to a model any more. code: of the diagnostic that says why."""

    line: str
    code: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step had its turn. check: the one that refused its result; failure: why there was no answer. waited: seconds
    from its last answer to its turn."""

    step: int
    operator: str
    outcome: Literal["accepted", "rejected", "unanswered"]
    check: str | None = None
    failure: str | None = None
    waited: float = 0.0


BatchStatus = Literal["running", "completed", "failed", "expired", "cancelled", "full"]


@dataclass(frozen=True, slots=True)
class BatchMoved:
    """What is known of a batch that is with a provider has changed. done, total: of its requests. status: `full` of one
    that the provider had no room for: its requests are asked in smaller ones, or later."""

    line: str
    batch: str
    status: BatchStatus
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RoundMoved:
    """A round of a loop got on: its command begins, ended, or its plan is applied; or the loop ended, and why. seconds:
    that the command took. accepted: results of a round that ended."""

    loop: int
    round: int
    status: Literal["training", "measured", "applied", "ended"]
    seconds: float | None = None
    accepted: int | None = None
    reason: str | None = None


Event = StepStarted | CallEnded | CallRetried | ModelStopped | StepEnded | BatchMoved | RoundMoved


class Observer(Protocol):
    """Told of a run while it goes on, from its event loop: it must not block."""

    def start(self, run: int, header: Header) -> None:
        """The run has its number and is about to begin."""

    def update(self, progress: Progress) -> None:
        """At most ten times a second, and once at the end of the calls."""

    def say(self, diagnostic: Diagnostic) -> None:
        """Something a person should know now; it is among the outcome's diagnostics too."""

    def note(self, event: Event) -> None:
        """One thing that happened, as it happens."""

    def end(self, outcome: RunOutcome) -> None:
        """The run that was started has ended, in whatever way."""


class Observers:
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def start(self, run: int, header: Header) -> None:
        for observer in self._observers:
            observer.start(run, header)

    def update(self, progress: Progress) -> None:
        for observer in self._observers:
            observer.update(progress)

    def say(self, diagnostic: Diagnostic) -> None:
        for observer in self._observers:
            observer.say(diagnostic)

    def note(self, event: Event) -> None:
        for observer in self._observers:
            observer.note(event)

    def end(self, outcome: RunOutcome) -> None:
        for observer in self._observers:
            observer.end(outcome)


class SilentObserver:
    """Tells nobody."""

    def start(self, run: int, header: Header) -> None:
        return None

    def update(self, progress: Progress) -> None:
        return None

    def say(self, diagnostic: Diagnostic) -> None:
        return None

    def note(self, event: Event) -> None:
        return None

    def end(self, outcome: RunOutcome) -> None:
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

    @classmethod
    def refused(cls, code: ExitCode, *diagnostics: Diagnostic) -> RunOutcome:
        """Nothing was begun, and why."""
        return cls(None, "refused", code, Diagnostics(diagnostics))
