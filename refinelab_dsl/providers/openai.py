"""Any OpenAI-compatible endpoint, through the openai SDK on its aiohttp transport (two to three times the calls per
second of the default one). Imported only when such a model is opened.

What the SDK would do by itself and must not: retry (ours reserve budget), follow redirects (dataset text would reach
hosts that no plan lists), send headers and organisation from environment variables to whatever host. So a hook puts
the final headers of every request, the key among them; the SDK and its exceptions never hold the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

import aiohttp
import httpx2
import msgspec
import openai

from refinelab_dsl import __version__
from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.effects import Embed, decode_outcome
from refinelab_dsl.prompts.hosts import DEFAULT_BASE_URL, host, is_loopback
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.providers.connections import keep_clean
from refinelab_dsl.providers.provider import RefusedError, TransientError
from refinelab_dsl.providers.quotas import Quotas, read_quotas
from refinelab_dsl.providers.vectors import read_vectors
from refinelab_dsl.providers.wire import (
    BadReply,
    Dialect,
    ReportedError,
    build_body,
    is_about_step,
    next_dialect,
    read_completion,
    read_retry_after,
)

MOST_BYTES: Final = 16 * 2**20
"""Of one reply's body."""

_LEAST_CONNECTIONS: Final = 256
_CONNECT_SECONDS: Final = 10.0
_EMBEDDING_SECONDS: Final = 60.0
_PLACEHOLDER: Final = "unused"
_SHOWN: Final = 300
_ECHO: Final = 12  # characters of a key in a row that an endpoint's message may not repeat
_KEPT_HEADERS: Final = ("host", "accept", "content-type", "content-length", "transfer-encoding", "connection",
                        "x-stainless-raw-response")  # fmt: skip  # by the last one the SDK knows what to return
_FAULTS: Final = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, OSError, TimeoutError)
_TRANSIENT: Final = (408, 409, 425, 429)
Create: TypeAlias = Callable[[], Awaitable[Any]]
T = TypeVar("T")

_CHAT: Final = "/chat/completions"
_EMBEDDINGS: Final = "/embeddings"
_RAW: Final = {"headers": {"x-stainless-raw-response": "true"}}

_KINDS: Final = {401: "authentication", 402: "permission", 403: "permission", 404: "not_found"}


class Secret:
    """A key. Its text is in none of its representations."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def redact(self, message: str) -> str:
        """`message`, or less where it repeats the key or a part of it."""
        size = min(_ECHO, len(self._text))
        parts = (self._text[start : start + size] for start in range(len(self._text) - size + 1))
        return "(message withheld: it repeats the key)" if any(part in message for part in parts) else message

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


class Endpoint:
    """The way to one endpoint: client, key and host. seconds: for one exchange. most_bytes: of one reply's body."""

    def __init__(
        self, owner: Model | Embedding, key: Secret | None, seconds: float, concurrency: int,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.seconds = seconds
        self.hear: Callable[[Quotas], None] | None = None
        self._key = key
        self._host = host(owner)
        timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        connections = max(_LEAST_CONNECTIONS, concurrency)
        self.client = openai.AsyncOpenAI(
            api_key=_PLACEHOLDER,
            base_url=owner.base_url or DEFAULT_BASE_URL,
            timeout=timeout,
            max_retries=0,
            http_client=keep_clean(openai.DefaultAioHttpClient(
                timeout=timeout,
                limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
                follow_redirects=False,
                trust_env=not is_loopback(self._host or ""),  # no proxy between this machine and itself
                event_hooks={"request": [self._put_headers], "response": [partial(_bound_body, most_bytes)]},
            )),
        )

    def post(self, path: str, body: Mapping[str, Any]) -> Create:
        """A call whose body goes to the SDK as bytes: of arguments it compares each value with its types, the parts of
        the schema among them, which takes longer than all else that it does for a call."""
        content = msgspec.json.encode(body)
        return partial(self.client.post, path, cast_to=httpx2.Response, content=content, options=_RAW)

    async def exchange(
        self, create: Create, read: Callable[[bytes, str | None], T]
    ) -> T | TransientError | RefusedError | Refusal:
        """One exchange. Failures are values here, so that none has the SDK's exception, with its request, behind it.

        create: starts the call. read: what a body holds; raises `BadReply`, `ReportedError` or `RefusedError`.
        """
        try:
            async with asyncio.timeout(self.seconds):
                reply = await create()
            self._tell(reply.headers)
            return read(reply.http_response.content, reply.headers.get("x-request-id"))
        except RefusedError as error:
            return error
        except BadReply as error:
            return TransientError("body", str(error), sent=True)
        except ReportedError as error:
            return self.judge(error.status or 500, error.message, None, None, None)
        except openai.APIStatusError as error:
            self._tell(error.response.headers)
            retry_after = read_retry_after(error.response.headers, datetime.now(UTC))
            return self.judge(error.status_code, _said(error), error.code, error.param, retry_after)
        except _FAULTS as error:
            return _broken(error)

    def _tell(self, headers: Mapping[str, str]) -> None:
        """Passes on what a reply's headers say of rates."""
        quotas = read_quotas(headers, datetime.now(UTC)) if self.hear is not None else None
        if self.hear is not None and quotas is not None:
            self.hear(quotas)

    def judge(
        self, status: int, message: str, code: str | None, param: str | None, retry_after: float | None
    ) -> TransientError | RefusedError | Refusal:
        """The failure that a status means."""
        shown = " ".join(message.split())[:_SHOWN]
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

    async def _put_headers(self, request: httpx2.Request) -> None:
        if request.url.host != self._host:
            raise httpx2.UnsupportedProtocol("the request is for another host than the model's")
        kept = [(name, value) for name, value in request.headers.items() if name.lower() in _KEPT_HEADERS]
        kept += [("user-agent", f"refinec/{__version__}"), ("accept-encoding", "identity")]
        if self._key is not None:
            kept.append(("authorization", f"Bearer {self._key.reveal()}"))
        request.headers = httpx2.Headers(kept)


class OpenAIProvider:
    """See the module. What an endpoint does not understand is remembered: `response_format` with a JSON schema, then
    a JSON object, then none with the schema in the prompt; `max_completion_tokens`, then `max_tokens`."""

    def __init__(self, model: Model, key: Secret | None) -> None:
        self._dialect = Dialect()
        self._is_settled = False
        self._endpoint = Endpoint(model, key, float(model.timeout), model.limits.concurrency)

    async def complete(self, request: Request) -> Completion:
        """One reply; see `Provider.complete`. A refused dialect costs nothing and is tried in simpler ones here."""
        dialect = self._dialect
        refusal: RefusedError | None = None
        while True:
            body = build_body(request, dialect)
            outcome = await self._endpoint.exchange(self._endpoint.post(_CHAT, body), read_completion)
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
        await self._endpoint.client.close()


class OpenAIEmbeddings:
    """Vectors of one declared embedding. All that it gives have as many numbers as the first."""

    def __init__(self, embedding: Embedding, key: Secret | None) -> None:
        self._id = embedding.id
        self._width: int | None = None
        self._endpoint = Endpoint(embedding, key, _EMBEDDING_SECONDS, _LEAST_CONNECTIONS)

    async def complete(self, effect: Embed) -> Completion:
        """The vectors of some texts, as `effects.decode_outcome` reads them; fails as `Provider.complete` does."""
        body = {"model": self._id, "input": list(effect.texts), "encoding_format": "float"}
        create = self._endpoint.post(_EMBEDDINGS, body)
        outcome = await self._endpoint.exchange(create, partial(read_vectors, len(effect.texts), self._width))
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
        await self._endpoint.client.close()


class Refusal:
    """A refusal that another dialect may mend, with the parameter that the endpoint names."""

    def __init__(self, error: RefusedError, param: str | None) -> None:
        self.error = error
        self.param = param


class _BoundedStream(httpx2.AsyncByteStream):
    """A body that ends with an error past `most` bytes."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        async for chunk in self._stream:
            total += len(chunk)
            if total > self._most:
                raise httpx2.ReadError("the reply's body is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound_body(most: int, response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":  # not asked for, and could be a bomb
        raise httpx2.RemoteProtocolError("the reply's body is compressed, though it was asked for plain")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _BoundedStream(response.stream, most)


def _said(error: openai.APIStatusError) -> str:
    """What the endpoint says in words."""
    body: Any = error.body
    if isinstance(body, dict):
        for name in ("message", "detail", "error"):
            if body.get(name):
                return str(body[name])
    return str(body) if body else ""


def _broken(error: BaseException) -> TransientError:
    """The failure behind a request that got no usable answer; `sent` unless it surely never left."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        match link:
            case aiohttp.ClientConnectorError():  # before ClientOSError, which it is too
                return TransientError("connection", f"no connection: {_shown(link)}")
            case aiohttp.ConnectionTimeoutError() | httpx2.PoolTimeout():
                return TransientError("timeout", "no connection in time")
            case aiohttp.ClientPayloadError() | httpx2.ReadError() | httpx2.RemoteProtocolError():
                return TransientError("body", "the reply broke off or is unusable", sent=True)
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
                return TransientError("connection", "the connection was lost", sent=True)
            case aiohttp.ServerTimeoutError() | httpx2.ReadTimeout() | httpx2.WriteTimeout():
                return TransientError("timeout", "no reply in time", sent=True)
    if any(isinstance(link, TimeoutError) for link in chain):
        return TransientError("timeout", "no reply in time", sent=True)
    return TransientError("connection", f"the exchange failed: {type(chain[-1]).__name__}", sent=True)


def _shown(error: aiohttp.ClientConnectorError) -> str:
    reason = error.os_error
    return reason.strerror or type(reason).__name__ if isinstance(reason, OSError) else type(error).__name__
