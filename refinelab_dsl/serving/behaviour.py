"""How a simulated endpoint behaves, and the count of what happened there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving.batches import BatchBehaviour
from refinelab_dsl.serving.faults import Fault
from refinelab_dsl.serving.limits import RateLimits

Refusable = Literal["json_schema", "response_format", "max_completion_tokens"]

MODELS: Final = ("simulated-small", "simulated-large", "simulated-embedding")
"""What `/v1/models` lists where no models are named."""


@dataclass(frozen=True)
class Behaviour:
    """How the server behaves.

    latency: seconds that each answer takes, from the first to the second by seed, body and number of the try.
    script: faults of the first requests, in order of arrival; None is a good answer.
    chances: fault and its share of requests, by seed, body and number of the try, so that a retry can succeed.
    limits: what each model may be asked in a minute.
    models: the ids that are known, 404 for another; none named: every id is answered.
    refuse: `json_schema` (400 for that response format), `response_format` (for any), `max_completion_tokens`.
    refuse_with: status and wording of such refusals; None words it as OpenAI does.
    key: what `Authorization: Bearer` must say, 401 otherwise; None asks for none.
    batches: how files and batches are served; None: not at all.
    log: a file that gets a line for each request, with its key and its outcome.
    """

    simulation: Simulation = field(default_factory=Simulation)
    latency: tuple[float, float] = (0.0, 0.0)
    script: Sequence[Fault | None] = ()
    chances: Sequence[tuple[Fault, float]] = ()
    limits: RateLimits = field(default_factory=RateLimits)
    models: tuple[str, ...] = ()
    refuse: frozenset[str] = frozenset()
    refuse_with: tuple[int, str] | None = None
    key: str | None = None
    batches: BatchBehaviour | None = None
    log: Path | None = None


@dataclass
class Tally:
    """What happened. Keys are SHA-256 (hex) of canonical bodies.

    delivered: replies that were sent in full. billed: tokens of all that were written, also where they did not arrive:
    an endpoint would be paid for them.
    """

    asked: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    billed: int = 0
    running: int = 0
    most_running: int = 0

    def note_request(self, key: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
        """Counts a request; how often its body was asked before."""
        tries = self.asked[key]
        self.asked[key] += 1
        return tries
