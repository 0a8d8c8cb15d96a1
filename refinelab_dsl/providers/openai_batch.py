"""Batches of an OpenAI-compatible endpoint: `files` and `batches` of the SDK, by the same way as its calls."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from refinelab_dsl.declarations import Model
from refinelab_dsl.exchange.client import Client
from refinelab_dsl.exchange.secret import Secret
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.providers.batches import (
    CANCELLED,
    ENDPOINT,
    EXPIRED,
    WINDOW,
    BatchState,
    Verdict,
    holds_token,
    read_batch,
    shorten,
)
from refinelab_dsl.providers.openai import Endpoint, Refusal, build_settings
from refinelab_dsl.providers.provider import RefusedError, TransientError
from refinelab_dsl.providers.wire import (
    BadReply,
    Dialect,
    ReportedError,
    build_body,
    clean,
    next_dialect,
    read_completion,
    read_retry_after,
)

_SECONDS: Final = 600.0  # for one exchange: a file of 200 MB takes its time
_MOST_BYTES: Final = 2**30  # of a file of answers
_CONNECTIONS: Final = 8
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_SLACK: Final = 86_400.0  # seconds that the provider's clock may be behind ours

T = TypeVar("T")


class OpenAIBatches:
    """The batches of one declared model. What the endpoint does not understand is remembered."""

    def __init__(self, model: Model, key: Secret | None) -> None:
        self.wording = Dialect()
        self._settled: Dialect | None = None
        self._key = key
        self._client = Client(build_settings(model, _SECONDS, _CONNECTIONS, _MOST_BYTES), key)
        self._endpoint = Endpoint(self._client, key)
        self._files = self._client.sdk.files.with_raw_response
        self._batches = self._client.sdk.batches.with_raw_response

    def render_line(self, key: str, request: Request) -> bytes:
        body = build_body(request, self.wording)
        line = {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}
        return json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    async def upload(self, content: bytes, name: str) -> str:
        create = partial(self._files.create, file=(name, content, "application/jsonl"), purpose="batch")
        return await self._exchange(create, _read_id)

    async def create(self, file: str, metadata: Mapping[str, str]) -> BatchState:
        return await self._ask_state(partial(
            self._batches.create, completion_window=WINDOW, endpoint=ENDPOINT, input_file_id=file,
            metadata=dict(metadata),
        ))

    async def retrieve(self, batch: str) -> BatchState:
        return await self._ask_state(partial(self._batches.retrieve, batch), batch)

    async def find(self, token: str, since: float) -> BatchState | None:
        """The newest that bears the token and has not failed, else one that has: a batch whose file was discarded
        before it could start has failed, and is no reason to look no further."""
        failed: BatchState | None = None
        after: str | None = None
        for _ in range(_MOST_PAGES):
            ask = partial(self._batches.list, limit=_PAGE)
            page = await self._exchange(ask if after is None else partial(ask, after=after), _read_page)
            for entry in page:
                state = read_batch(entry, None) if holds_token(entry, token) else None
                if state is not None and state.status != "failed":
                    return state
                failed = failed or state
            last = page[-1] if page else {}
            made = last.get("created_at")
            if len(page) < _PAGE or not isinstance(last.get("id"), str):
                break
            if isinstance(made, int | float) and made < since - _SLACK:
                break
            after = last["id"]
        return failed

    async def download(self, file: str) -> bytes:
        return await self._exchange(partial(self._files.content, file), lambda content, _: content)

    async def discard(self, file: str) -> None:
        try:
            await self._exchange(partial(self._files.delete, file), lambda content, _: None)
        except RefusedError as error:
            if error.status != 404:
                raise

    def judge_line(self, line: Mapping[str, Any], wording: Dialect | None) -> Verdict:
        fault = line.get("error")
        response = line.get("response")
        if not isinstance(response, dict):
            return self._judge_fault(fault)
        status, body = _status(response.get("status_code")), response.get("body")
        request_id = response.get("request_id")
        if status < 300:
            try:
                found = read_completion(json.dumps(body).encode(), request_id if isinstance(request_id, str) else None)
                self._settled = wording or self._settled
                return found
            except BadReply as error:
                return TransientError("body", str(error), sent=True)
            except ReportedError as error:
                return _plain(self._endpoint.judge(error.status or 500, error.message, None, None, None))
        said = body.get("error") if isinstance(body, dict) else None
        said = said if isinstance(said, dict) else {"message": said or fault or ""}
        message, code, param = (said.get(name) for name in ("message", "code", "param"))
        judged = self._endpoint.judge(
            status, str(message or ""),
            code if isinstance(code, str) else None, param if isinstance(param, str) else None, None,
        )  # fmt: skip
        return self._reword(judged, str(message or ""), wording) if isinstance(judged, Refusal) else judged

    async def close(self) -> None:
        await self._client.close()

    def _judge_fault(self, fault: Any) -> Verdict:
        """A request that the batch never made, or whose answer it did not get."""
        code, message = (fault.get(name) for name in ("code", "message")) if isinstance(fault, dict) else (None, fault)
        text = shorten(str(message or code or "no answer"))
        text = text if self._key is None else self._key.redact(text)
        match code:
            case "batch_expired":
                return TransientError(EXPIRED, text)
            case "batch_cancelled":
                return TransientError(CANCELLED, text)
            case _:
                return TransientError("server", text, sent=True)

    def _reword(self, refusal: Refusal, message: str, wording: Dialect | None) -> Verdict:
        """A refusal may be about the wording: then the next requests are worded in a simpler way."""
        if refusal.error.scope == "step":
            return refusal.error
        if wording is None:
            return TransientError("wording", refusal.error.message)
        simpler = next_dialect(wording, message, refusal.param, is_settled=wording == self._settled)
        if simpler is None:
            return refusal.error
        if self.wording == wording:
            self.wording = simpler
        return None

    async def _ask_state(self, create: Callable[[], Awaitable[Any]], batch: str | None = None) -> BatchState:
        """batch: the one that is asked about, None where it is being made."""
        wait: list[float | None] = [None]

        async def ask() -> Any:
            reply = await create()
            wait[0] = read_retry_after(reply.headers, datetime.now(UTC)) or None  # at once is no time to wait
            return reply

        def read(content: bytes, _: str | None) -> BatchState:
            state = read_batch(_parse(content), wait[0])
            if state is None:
                raise BadReply("the reply holds no batch")
            if batch is not None and state.id != batch:
                raise BadReply("the reply is about another batch")
            message = state.message if self._key is None else self._key.redact(state.message)
            return replace(state, message=message)

        return await self._exchange(ask, read)

    async def _exchange(self, create: Callable[[], Awaitable[Any]], read: Callable[[bytes, str | None], T]) -> T:
        outcome = self._endpoint.understand(await self._client.exchange(create), read)
        if isinstance(outcome, Refusal):
            raise outcome.error
        if isinstance(outcome, TransientError | RefusedError):
            raise outcome
        return outcome


def _status(value: Any) -> int:
    """The status of an answer; 200 where it is told in no known way: then its body shows what came of the request."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:4])
    return int(value) if isinstance(value, int | float) and 100 <= value <= 599 else 200


def _plain(judged: TransientError | RefusedError | Refusal) -> TransientError | RefusedError:
    return judged.error if isinstance(judged, Refusal) else judged


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise BadReply("the reply's body is no JSON") from None


def _read_id(content: bytes, _: str | None) -> str:
    body = _parse(content)
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
        raise BadReply("the reply holds no file")
    return clean(body["id"])


def _read_page(content: bytes, _: str | None) -> list[dict[str, Any]]:
    body = _parse(content)
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list):
        raise BadReply("the reply holds no list of batches")
    return [entry for entry in data if isinstance(entry, dict)]
