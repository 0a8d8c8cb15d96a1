"""The seam to a provider's batch endpoint: many requests as one file, answered hours later at a lower price.

What goes into the file and what stands in its answers is here as values and bytes, without transport.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.providers.provider import RefusedError, TransientError
from refinelab_dsl.providers.wire import Dialect, clean

MOST_REQUESTS: Final = 50_000
"""Of one batch; OpenAI's bound, and no provider of the same interface takes fewer."""

MOST_FILE_BYTES: Final = 200 * 10**6
"""Of one batch's file of requests."""

ENDPOINT: Final = "/v1/chat/completions"
WINDOW: Final = "24h"
TOKEN: Final = "refinec_token"
"""The member of a batch's metadata by which it is found again when its id was never recorded."""

EXPIRED: Final = "expired"
CANCELLED: Final = "cancelled"
FULL: Final = "token_limit_exceeded"
"""The code of the error of a batch that does not fit into the provider's queue beside those that wait in it."""

_STATUSES: Final = {"completed": "completed", "failed": "failed", "expired": "expired", "cancelled": "cancelled"}
_FAULTS_SHOWN: Final = 3
_MOST_SAID: Final = 300  # characters of a fault

Status: TypeAlias = Literal["running", "completed", "failed", "expired", "cancelled"]
Verdict: TypeAlias = Completion | TransientError | RefusedError | None
"""What became of one request; None where it was worded in a way that the endpoint does not take, and is to be asked
again in another."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as its provider tells it. message: why it failed, where it did. wait: seconds after which the provider
    wants to be asked again, None where it does not say. is_full: it failed since the provider has no room for it now,
    beside the batches that wait there."""

    id: str
    status: Status
    done: int = 0
    total: int = 0
    output_file: str | None = None
    error_file: str | None = None
    message: str = ""
    wait: float | None = None
    is_full: bool = False


class Batches(Protocol):
    """One model's batches. What goes over the network fails as `Provider.complete` does, with `TransientError` or
    `RefusedError`. wording: how the next request will be put; it changes where the endpoint does not understand."""

    wording: Dialect

    def render_line(self, key: str, request: Request) -> bytes:
        """A request as a line of a batch's file, under its content key."""
        ...

    async def upload(self, content: bytes, name: str) -> str:
        """Brings a file of requests to the provider and returns its id there. Costs nothing."""
        ...

    async def create(self, file: str, metadata: Mapping[str, str]) -> BatchState:
        """Starts a batch: from here on it may be charged."""
        ...

    async def retrieve(self, batch: str) -> BatchState:
        """How a batch is doing."""
        ...

    async def find(self, token: str, since: float) -> BatchState | None:
        """The batch with this token in its metadata, among those made after `since` (seconds of the epoch)."""
        ...

    async def download(self, file: str) -> bytes:
        """A file of answers."""
        ...

    async def discard(self, file: str) -> None:
        """Deletes a file, so that no batch can start from it any more; one that is gone already is no failure."""
        ...

    def judge_line(self, line: Mapping[str, Any], wording: Dialect | None) -> Verdict:
        """What a line of answers says of its request. wording: how that was put; None where another process put it."""
        ...

    async def close(self) -> None: ...


def read_batch(body: Any, wait: float | None) -> BatchState | None:
    """A batch from a body of the endpoint; None where it is none."""
    if not isinstance(body, dict) or _name(body.get("id")) is None or not isinstance(body.get("status"), str):
        return None
    counts = body.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    status: Any = _STATUSES.get(body["status"], "running")
    done, total = _count(counts.get("completed")) + _count(counts.get("failed")), _count(counts.get("total"))
    return BatchState(
        clean(body["id"]), status, min(done, total) if total else done, total, _name(body.get("output_file_id")),
        _name(body.get("error_file_id")), _said(body.get("errors")), wait,
        status == "failed" and _is_full(body.get("errors")),
    )


def holds_token(body: Any, token: str) -> bool:
    """Whether a batch's body bears this token."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return isinstance(metadata, dict) and metadata.get(TOKEN) == token


def read_lines(content: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The answers in a file, each with the key of its request. What is no answer is passed over: its request then
    counts as one without an answer."""
    for raw in content.split(b"\n"):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("custom_id"), str):
            yield line["custom_id"], line


def shorten(text: str) -> str:
    """What a provider says, on one line that can be shown and written down."""
    return " ".join(clean(text[:_MOST_SAID]).split())


def _list_errors(errors: Any) -> list[Any]:
    data = errors.get("data") if isinstance(errors, dict) else errors
    return data if isinstance(data, list) else []


def _is_full(errors: Any) -> bool:
    """Whether a batch's `errors` speak of the tokens that may wait at the provider at a time."""
    return any(isinstance(error, dict) and error.get("code") == FULL for error in _list_errors(errors))


def _said(errors: Any) -> str:
    """What a batch's `errors` say, the first ones."""
    shown = []
    for error in _list_errors(errors)[:_FAULTS_SHOWN]:
        if isinstance(error, dict):
            at = error.get("line")
            shown.append(f"{error.get('message') or error.get('code')}{f' (line {at})' if isinstance(at, int) else ''}")
    return "; ".join(shorten(each) for each in shown)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _name(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) and value else None
