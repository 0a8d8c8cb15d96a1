"""Any OpenAI-compatible endpoint: what is asked of it, and what its replies mean. The exchanges are made by the openai
SDK (`exchange/client.py`), here or in workers; what comes of one is the same value in both. The SDK is imported
only where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.effects import Embed, decode_outcome
from refinelab_dsl.exchange.messages import Answer, Broken, Channel, Outcome, Settings, Status
from refinelab_dsl.exchange.secret import Secret
from refinelab_dsl.exchange.workers import Workers
from refinelab_dsl.prompts.hosts import DEFAULT_BASE_URL, host, is_loopback
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.providers.provider import RefusedError, TransientError
from refinelab_dsl.providers.quotas import Quotas, read_quotas
from refinelab_dsl.providers.vectors import read_vectors
from refinelab_dsl.providers.wire import (
    BadReply,
    Dialect,
    ReportedError,
    build_body,
    clean,
    is_about_step,
    next_dialect,
    read_completion,
    read_retry_after,
)

MOST_BYTES: Final = 16 * 2**20
"""Of one reply's body."""

LEAST_CONNECTIONS: Final = 256
_EMBEDDING_SECONDS: Final = 60.0
_SHOWN: Final = 300
_TRANSIENT: Final = (408, 409, 425, 429)
T = TypeVar("T")

_CHAT: Final = "/chat/completions"
_EMBEDDINGS: Final = "/embeddings"

_KINDS: Final = {401: "authentication", 402: "permission", 403: "permission", 404: "not_found"}


def build_settings(
    owner: Model | Embedding, seconds: float, concurrency: int, most_bytes: int = MOST_BYTES
) -> Settings:
    """How the endpoint of a model is reached. seconds: for one exchange. most_bytes: of one reply's body."""
    name = host(owner) or ""
    return Settings(
        owner.base_url or DEFAULT_BASE_URL, name, seconds, max(LEAST_CONNECTIONS, concurrency), most_bytes,
        trust_env=not is_loopback(name),  # no proxy between this machine and itself
    )


def _open_client(settings: Settings, key: Secret | None) -> Channel:
    """The way to an endpoint from this process.

    Raises:
        ImportError: the SDK is not installed.
    """
    from refinelab_dsl.exchange.client import Client  # slow to import

    return Client(settings, key)


class Endpoint:
    """One endpoint: what its replies mean, and who hears of its rates."""

    def __init__(self, channel: Channel, key: Secret | None) -> None:
        self.hear: Callable[[Quotas], None] | None = None
        self._channel = channel
        self._key = key

    async def ask(
        self, path: str, body: Mapping[str, Any], read: Callable[[bytes, str | None], T]
    ) -> T | TransientError | RefusedError | Refusal:
        """What a body of JSON is answered with; see `understand`."""
        return self.understand(await self._channel.ask(path, msgspec.json.encode(body)), read)

    def understand(
        self, outcome: Outcome, read: Callable[[bytes, str | None], T]
    ) -> T | TransientError | RefusedError | Refusal:
        """What came of an exchange: failures are values.

        read: what a body holds; raises `BadReply`, `ReportedError` or `RefusedError`.
        """
        match outcome:
            case Answer(content, headers):
                self._tell(headers)
                try:
                    return read(content, headers.get("x-request-id"))
                except RefusedError as error:
                    return error
                except BadReply as error:
                    return TransientError("body", str(error), sent=True)
                except ReportedError as error:
                    return self.judge(error.status or 500, error.message, None, None, None)
            case Status(status, message, code, param, headers):
                self._tell(headers)
                return self.judge(status, message, code, param, read_retry_after(headers, datetime.now(UTC)))
            case Broken(kind, message, sent):
                return TransientError(kind, message, sent=sent)

    def _tell(self, headers: Mapping[str, str]) -> None:
        """Passes on what a reply's headers say of rates."""
        quotas = read_quotas(headers, datetime.now(UTC)) if self.hear is not None else None
        if self.hear is not None and quotas is not None:
            self.hear(quotas)

    def judge(
        self, status: int, message: str, code: str | None, param: str | None, retry_after: float | None
    ) -> TransientError | RefusedError | Refusal:
        """The failure that a status means."""
        shown = " ".join(clean(message).split())[:_SHOWN]  # what cannot be written down would never be
        if self._key is not None:
            shown = self._key.redact(shown)
        text = f"{status}: {shown}" if shown else str(status)
        if status == 429 and code == "insufficient_quota":
            return RefusedError("permission", text, status=status)
        if status in _TRANSIENT or status >= 500:
            kind = "rate_limit" if status == 429 else "timeout" if status == 408 else "server"
            return TransientError(kind, text, retry_after=retry_after)
        if 300 <= status < 400:
            return RefusedError("bad_request", f"{status}: a redirect, which is not followed", status=status)
        kind = _KINDS.get(status, "bad_request")
        error = RefusedError(
            kind, text, status=status, scope="step" if status == 413 or is_about_step(message, code) else "model"
        )
        return Refusal(error, param) if status in (400, 422) else error


class OpenAIProvider:
    """See the module. What an endpoint does not understand is remembered: `response_format` with a JSON schema, then
    a JSON object, then none with the schema in the prompt; `max_completion_tokens`, then `max_tokens`."""

    def __init__(self, model: Model, key: Secret | None, workers: Workers | None = None) -> None:
        """workers: who makes the exchanges, if not this process.

        Raises:
            ImportError: the SDK is not installed.
        """
        self._dialect = Dialect()
        self._is_settled = False
        settings = build_settings(model, float(model.timeout), model.limits.concurrency)
        self._channel = _open_client(settings, key) if workers is None else workers.open(settings, key)
        self._endpoint = Endpoint(self._channel, key)

    async def complete(self, request: Request) -> Completion:
        """One reply; see `Provider.complete`. A refused dialect costs nothing and is tried in simpler ones here."""
        dialect = self._dialect
        refusal: RefusedError | None = None
        while True:
            body = build_body(request, dialect)
            outcome = await self._endpoint.ask(_CHAT, body, read_completion)
            if isinstance(outcome, Completion):
                self._dialect, self._is_settled = dialect, True
                return outcome
            if not isinstance(outcome, Refusal):
                raise outcome
            refusal = refusal or outcome.error
            if outcome.error.scope == "step":
                raise outcome.error
            is_settled = self._is_settled and dialect == self._dialect
            simpler = next_dialect(dialect, outcome.error.message, outcome.param, is_settled=is_settled)
            if simpler is None:
                raise refusal
            dialect = simpler

    def announce(self, hear: Callable[[Quotas], None]) -> None:
        """See `Announcing`."""
        self._endpoint.hear = hear

    async def close(self) -> None:
        await self._channel.close()


class OpenAIEmbeddings:
    """Vectors of one declared embedding. All that it gives have as many numbers as the first."""

    def __init__(self, embedding: Embedding, key: Secret | None) -> None:
        self._id = embedding.id
        self._width: int | None = None
        self._channel = _open_client(build_settings(embedding, _EMBEDDING_SECONDS, LEAST_CONNECTIONS), key)
        self._endpoint = Endpoint(self._channel, key)

    async def complete(self, effect: Embed) -> Completion:
        """The vectors of some texts, as `effects.decode_outcome` reads them; fails as `Provider.complete` does."""
        body = {"model": self._id, "input": list(effect.texts), "encoding_format": "float"}
        outcome = await self._endpoint.ask(_EMBEDDINGS, body, partial(read_vectors, len(effect.texts), self._width))
        if isinstance(outcome, Refusal):
            raise outcome.error
        if not isinstance(outcome, Completion):
            raise outcome
        self._width = len(decode_outcome(effect, outcome)[0])
        return outcome

    def announce(self, hear: Callable[[Quotas], None]) -> None:
        """See `Announcing`."""
        self._endpoint.hear = hear

    async def close(self) -> None:
        await self._channel.close()


class Refusal:
    """A refusal that another dialect may mend, with the parameter that the endpoint names."""

    def __init__(self, error: RefusedError, param: str | None) -> None:
        self.error = error
        self.param = param
