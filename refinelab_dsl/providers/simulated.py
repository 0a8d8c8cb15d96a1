"""The simulated model as a provider: answers by `providers.simulation`, without key or network.

A user rehearses bad days with the model's `params`:

    success = 0.7            chance of a good result, instead of the operator's prior
    flaws = ["schema"]       what bad results suffer from: schema, duplicate, answer, length
    malformed = 0.1          share of first replies that break off; the repair call mends them
    errors = { rate_limit = 0.1, server = 0.05, timeout = 0.01, connection = 0.01, body = 0.01 }
                             share of tries that fail so; which tries do follows from seed, call and number of the try
    latency = 0.2            seconds per call, or [0.1, 0.5]

An item's attribute `truth` is its right answer to verdicts on evidence (`simulated_evidence`). All that it makes is
marked as simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from refinelab_dsl.declarations import Model
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.prompts.request import Completion, Request, Subject, Usage, request_key
from refinelab_dsl.prompts.tokens import count_tokens, request_tokens
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.provider import TransientError
from refinelab_dsl.providers.simulated_refining import JUDGES
from refinelab_dsl.providers.simulation import FLAWS, simulate

ERRORS: Final = ("rate_limit", "server", "timeout", "connection", "body")
_SENT: Final = ("timeout", "body")
_SHARES: Final = ("success", "malformed", "judge_accuracy", "position_bias")
_TURN: Final = 2**20  # samples of an item are fewer: what is tried again is drawn anew


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The model's `params`, checked."""

    success: float | None = None
    judge_accuracy: float | None = None
    position_bias: float = 0.0
    flaws: tuple[str, ...] = FLAWS
    malformed: float = 0.0
    errors: Mapping[str, float] = field(default_factory=dict)
    latency: tuple[float, float] = (0.0, 0.0)


def read_params(model: Model) -> Rehearsal | Diagnostic:
    """The rehearsal that a simulated model's `params` ask for; other params are another provider's and ignored."""
    params = model.params
    shares = {name: params[name] for name in _SHARES if name in params}
    errors = params.get("errors", {})
    if not isinstance(errors, Mapping) or not set(errors) <= set(ERRORS):
        return faults.simulated_param(model.name, "errors", "a map of " + ", ".join(ERRORS))
    for name, share in (*shares.items(), *((f"errors.{name}", errors[name]) for name in sorted(errors))):
        if not _is_number(share) or not 0 <= float(share) <= 1:
            return faults.simulated_param(model.name, name, "a number from 0 to 1")
    flaws = params.get("flaws", list(FLAWS))
    if not isinstance(flaws, (list, tuple)) or not flaws or not all(flaw in FLAWS for flaw in flaws):
        return faults.simulated_param(model.name, "flaws", "a list of " + ", ".join(FLAWS))
    latency = params.get("latency", 0)
    bounds = tuple(latency) if isinstance(latency, (list, tuple)) else (latency, latency)
    if len(bounds) != 2 or not all(_is_number(value) and 0 <= float(value) <= 3600 for value in bounds):
        return faults.simulated_param(model.name, "latency", "seconds, or a list of the least and the most")
    return Rehearsal(
        success=float(shares["success"]) if "success" in shares else None,
        judge_accuracy=float(shares["judge_accuracy"]) if "judge_accuracy" in shares else None,
        position_bias=float(shares.get("position_bias", 0)),
        flaws=tuple(flaws),
        malformed=float(shares.get("malformed", 0)),
        errors={name: float(errors[name]) for name in ERRORS if name in errors},
        latency=(min(map(float, bounds)), max(map(float, bounds))),
    )


class SimulatedProvider:
    """See the module. The reply is a pure function of the request; only failures also depend on the number of the
    try, since a retry of the same call must be able to succeed."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._failures: dict[str, int] = {}  # call -> tries that failed, while it has not succeeded

    async def complete(self, request: Request) -> Completion:
        await self._wait_or_fail(request)
        return answer(request, self._rehearsal)

    async def close(self) -> None:
        self._failures.clear()

    async def _wait_or_fail(self, request: Request) -> None:
        low, high = self._rehearsal.latency
        if not self._rehearsal.errors and not high:
            return
        key = request_key(request)
        failures = self._failures.get(key, 0)
        draw = Draw("try", request.seed, key, failures)
        if high:
            await asyncio.sleep(low + (high - low) * draw.unit())
        chance = draw.unit()
        for kind, share in self._rehearsal.errors.items():
            if chance < share:
                self._failures[key] = failures + 1
                raise TransientError(kind, f"simulated failure: {kind}", sent=kind in _SENT)
            chance -= share
        self._failures.pop(key, None)


def answer(request: Request, rehearsal: Rehearsal) -> Completion:
    """The reply to a request, with tokens counted from the text."""
    subject = request.subject or Subject("unknown", "unknown", {})
    text = simulate(
        subject,
        # The members of a panel are of different minds.
        seed=f"{request.seed}/{request.model.id}" if subject.kind in JUDGES else request.seed,
        sample=request.sample + request.turn * _TURN,
        schema=request.schema,
        success=rehearsal.success,
        flaws=rehearsal.flaws,
        judge_accuracy=rehearsal.judge_accuracy,
        position_bias=rehearsal.position_bias,
    ).text.encode("utf-8", "replace").decode("utf-8")
    key = request_key(request)
    is_first = not request.is_repair
    if is_first and rehearsal.malformed and Draw("malformed", request.seed, key).unit() < rehearsal.malformed:
        text = text[: max(1, len(text) * 2 // 3)]
    text, tokens, reason = cut(text, request.model.id, request.max_output_tokens)
    return Completion(
        text=text,
        usage=Usage(request_tokens(request), tokens),
        finish_reason=reason,
        model=request.model.id,
        request_id=f"simulated-{key[:16]}",
        simulated=True,
    )


def cut(text: str, model_id: str, limit: int) -> tuple[str, int, str]:
    """A reply within its limit of tokens: (text, tokens, `stop` or `length`)."""
    tokens = count_tokens(text, model_id)
    if tokens <= limit:
        return text, tokens, "stop"
    while text and tokens > limit:
        text = text[: max(0, min(len(text) - 1, len(text) * limit // tokens))]
        tokens = count_tokens(text, model_id)
    return text, tokens, "length"


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False
