"""The openai SDK on its aiohttp transport, which makes two to three times the calls per second of the default one.
Imported only when an endpoint is opened.

A body that is bytes already goes to that transport itself (`Client.ask`): most of what the SDK takes of the processor
for a call is composing headers and addresses that are always the same, and typed views of what is read elsewhere.
What a refusal says the SDK reads. Files and batches go through all of it (`Client.exchange`).

What the SDK would do by itself and must not: retry (ours reserve budget), follow redirects (dataset text would reach
hosts that no plan lists), send headers and organisation from environment variables to whatever host. So a hook puts
the final headers of every request, the key among them; the SDK and its exceptions never hold the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import aiohttp
import httpx2
import openai

from refinelab_dsl import __version__
from refinelab_dsl.exchange.connections import keep_clean
from refinelab_dsl.exchange.messages import Answer, Broken, Outcome, Settings, Status
from refinelab_dsl.exchange.secret import Secret

_CONNECT_SECONDS: Final = 10.0
_PLACEHOLDER: Final = "unused"
_SENT_HEADERS: Final = ("host", "accept", "content-type", "content-length", "transfer-encoding", "connection",
                        "x-stainless-raw-response")  # fmt: skip  # by the last one the SDK knows what to return
_READ_HEADERS: Final = ("retry-after", "retry-after-ms", "x-request-id")
_OF_RATES: Final = "ratelimit"
_FAULTS: Final = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, OSError, TimeoutError)
_JSON: Final = {"accept": "application/json", "content-type": "application/json"}
Create: TypeAlias = Callable[[], Awaitable[Any]]


class Client:
    """The way to one endpoint from this process."""

    def __init__(self, settings: Settings, key: Secret | None) -> None:
        self._settings = settings
        self._key = key
        self._ways: dict[str, _Way] = {}
        timeout = httpx2.Timeout(settings.seconds, connect=min(_CONNECT_SECONDS, settings.seconds))
        limits = httpx2.Limits(max_connections=settings.connections, max_keepalive_connections=settings.connections)
        self._extensions = {"timeout": timeout.as_dict()}
        self._http = keep_clean(openai.DefaultAioHttpClient(
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            trust_env=settings.trust_env,
            event_hooks={"request": [self._put_headers], "response": [partial(_bound_body, settings.most_bytes)]},
        ))
        self.sdk = openai.AsyncOpenAI(
            api_key=_PLACEHOLDER,
            base_url=settings.base_url,
            timeout=timeout,
            max_retries=0,
            http_client=self._http,
        )

    async def ask(self, path: str, content: bytes) -> Outcome:
        """See `messages.Channel`."""
        return await self._settle(partial(self._post, path, content))

    async def exchange(self, create: Create) -> Outcome:
        """One exchange by the SDK's own functions.

        create: starts the call, and gives the SDK's raw response.
        """

        async def make() -> Answer:
            reply = await create()
            return Answer(reply.http_response.content, _choose(reply.headers))

        return await self._settle(make)

    async def _settle(self, make: Callable[[], Awaitable[Answer]]) -> Outcome:
        """Failures are values here, so that none has an exception, with its request, behind it."""
        try:
            async with asyncio.timeout(self._settings.seconds):
                return await make()
        except openai.APIStatusError as error:
            return Status(
                error.status_code, _clean(_said(error)), _word(error.code), _word(error.param),
                _choose(error.response.headers),
            )
        except _FAULTS as error:
            return _broken(error)

    async def close(self) -> None:
        await self.sdk.close()

    async def _post(self, path: str, content: bytes) -> Answer:
        way = self._ways.get(path)
        if way is None:
            way = self._ways[path] = await self._find_way(path)
        request = httpx2.Request("POST", way.url, headers=way.headers, content=content, extensions=self._extensions)
        response = await way.transport.handle_async_request(request)
        try:
            await _bound_body(self._settings.most_bytes, response)
            if response.is_success and isinstance(response.stream, httpx2.AsyncByteStream):
                return Answer(b"".join([chunk async for chunk in response.stream]), _choose(response.headers))
            await response.aread()
        finally:
            await response.aclose()
        raise self.sdk._make_status_error_from_response(response)

    async def _find_way(self, path: str) -> _Way:
        """What all requests to a path share, as the SDK would compose it."""
        url = self.sdk._prepare_url(path)
        composed = httpx2.Request("POST", url, headers=_JSON)
        await self._put_headers(composed)
        headers = [pair for pair in composed.headers.raw if pair[0].lower() != b"content-length"]
        return _Way(url, headers, self._http._transport_for_url(url))

    async def _put_headers(self, request: httpx2.Request) -> None:
        if request.url.host != self._settings.host:
            raise httpx2.UnsupportedProtocol("the request is for another host than the model's")
        kept = [(name, value) for name, value in request.headers.items() if name.lower() in _SENT_HEADERS]
        kept += [("user-agent", f"refinec/{__version__}"), ("accept-encoding", "identity")]
        if self._key is not None:
            kept.append(("authorization", f"Bearer {self._key.reveal()}"))
        request.headers = httpx2.Headers(kept)


class _Way(NamedTuple):
    """Where requests go, with which headers. Not to be shown: the key is among them."""

    url: httpx2.URL
    headers: list[tuple[bytes, bytes]]
    transport: httpx2.AsyncBaseTransport


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


def _choose(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a run reads."""
    names = (name.lower() for name in headers)
    return {name: _clean(headers[name]) for name in names if _OF_RATES in name or name in _READ_HEADERS}


def _said(error: openai.APIStatusError) -> str:
    """What the endpoint says in words."""
    body: Any = error.body
    if isinstance(body, dict):
        for name in ("message", "detail", "error"):
            if body.get(name):
                return str(body[name])
    return str(body) if body else ""


def _word(value: Any) -> str | None:
    """A code, or the name of a parameter; an endpoint may send anything there."""
    return None if value is None else _clean(str(value))


def _clean(text: str) -> str:
    """Without halves of surrogate pairs, which no frame can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _broken(error: BaseException) -> Broken:
    """The failure behind a request that got no usable answer; `sent` unless it surely never left."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        match link:
            case aiohttp.ClientConnectorError():  # before ClientOSError, which it is too
                return Broken("connection", f"no connection: {_clean(_shown(link))}", sent=False)
            case aiohttp.ConnectionTimeoutError() | httpx2.PoolTimeout():
                return Broken("timeout", "no connection in time", sent=False)
            case aiohttp.ClientPayloadError() | httpx2.ReadError() | httpx2.RemoteProtocolError():
                return Broken("body", "the reply broke off or is unusable", sent=True)
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
                return Broken("connection", "the connection was lost", sent=True)
            case aiohttp.ServerTimeoutError() | httpx2.ReadTimeout() | httpx2.WriteTimeout():
                return Broken("timeout", "no reply in time", sent=True)
    if any(isinstance(link, TimeoutError) for link in chain):
        return Broken("timeout", "no reply in time", sent=True)
    return Broken("connection", f"the exchange failed: {type(chain[-1]).__name__}", sent=True)


def _shown(error: aiohttp.ClientConnectorError) -> str:
    reason = error.os_error
    return reason.strerror or type(reason).__name__ if isinstance(reason, OSError) else type(error).__name__
