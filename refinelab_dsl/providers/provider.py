"""The seam to the outside: `async complete(Request) -> Completion`, and the ways in which it fails."""

from __future__ import annotations

from typing import Literal, Protocol

from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import Embed
from refinelab_dsl.prompts.request import Completion, Request


class Provider(Protocol):
    """Answers requests of one declared model. Keys live here alone. Safe for concurrent use in one event loop."""

    async def complete(self, request: Request) -> Completion:
        """One reply.

        Raises:
            TransientError: worth another try.
            RefusedError: this request, or every request of this model, will not be answered.
        """
        ...

    async def close(self) -> None:
        """Releases connections; the provider is not used afterwards."""
        ...


class Embedder(Protocol):
    """Answers for one declared embedding, as `Provider` does for a model."""

    async def complete(self, effect: Embed) -> Completion:
        """The vectors of some texts, as `effects.decode_outcome` reads them.

        Raises:
            TransientError, RefusedError: see `Provider.complete`.
        """
        ...

    async def close(self) -> None:
        """Releases connections."""
        ...


class TransientError(Exception):
    """A failure that another try may mend: 429, 5xx, timeouts, dropped connections, a body cut off.

    `retry_after` is what the endpoint asked for, in seconds. `sent` is true where the endpoint may have
    answered and charged (a timeout after sending, a body dropped midway): such a call keeps its reservation.
    """

    def __init__(self, kind: str, message: str, *, retry_after: float | None = None, sent: bool = False) -> None:
        super().__init__(message)
        self.kind = kind  # "rate_limit" | "server" | "timeout" | "connection" | "body"
        self.message = message
        self.retry_after = retry_after
        self.sent = sent


class RefusedError(Exception):
    """A failure that no retry mends. `scope` says whether it stops this step alone or the model's operators.
    `diagnostic`: what there is to say of it, where that is known better than by kind and message."""

    def __init__(self, kind: str, message: str, *, status: int | None = None,
                 scope: Literal["step", "model"] = "model", diagnostic: Diagnostic | None = None) -> None:
        super().__init__(message)
        self.kind = kind  # "authentication" | "permission" | "not_found" | "bad_request" | "missing" (cached)
        self.message = message
        self.status = status
        self.scope = scope
        self.diagnostic = diagnostic
