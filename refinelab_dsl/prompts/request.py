"""One call to a model as a value, and what comes back: the seam between rendering and providers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

from refinelab_dsl.declarations import Model


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is about, as data: read by the simulated model alone, never sent.

    kind: the operator's kind (`expand`, `generate`, …). item: the task and fields of the item or anchor.
    target: dimension -> {"label", "low", "high"} (band bounds where there are any).
    prior: the operator's success rate, as text of a decimal.
    """

    kind: str
    task: str
    item: Mapping[str, Any]
    target: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    success: str = "1"


@dataclass(frozen=True)
class Request:
    """`schema` is the JSON schema that the reply must obey; `sample` tells repeated draws apart. `template`: the name
    of the one that it was rendered from, for the record. turn: 0, or which further try of its attempt it is part of,
    after a check refused what came of the one before."""

    model: Model
    messages: tuple[Message, ...]
    schema_name: str
    schema: Mapping[str, Any] | None
    max_output_tokens: int
    sample: int = 0
    seed: int = 0
    subject: Subject | None = None
    template: str = ""
    turn: int = 0

    @property
    def is_repair(self) -> bool:
        """Whether it asks again because a reply could not be read. A further try holds the reply before it, too."""
        return sum(message.role == "assistant" for message in self.messages) > min(self.turn, 1)

    @cached_property
    def key(self) -> str:
        """See `request_key`. Many ask for it while a call is on its way, and it takes the whole text."""
        model = self.model
        content: dict[str, Any] = {
            "provider": model.provider,
            "base_url": model.base_url,
            "model": model.id,
            "params": model.params,
            "max_output_tokens": self.max_output_tokens,
            "messages": [[message.role, message.content] for message in self.messages],
            "schema": self.schema,
            "sample": self.sample,
        }
        if self.turn:  # the same reply, refused for the same reason, must not be answered by what it led to before
            content["turn"] = self.turn
        if model.provider == "simulated":
            content["seed"] = self.seed
            content["subject"] = msgspec.to_builtins(self.subject)
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as reported by the endpoint."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply. `usage` is None where the endpoint did not report any."""

    text: str
    usage: Usage | None
    finish_reason: str
    model: str
    request_id: str | None = None
    simulated: bool = False


def request_key(request: Request) -> str:
    """The content key of a call (hex SHA-256): provider, base URL, model, params, messages, schema, sample index;
    of a further try which it is; for the simulated model also the seed and the subject."""
    return request.key
