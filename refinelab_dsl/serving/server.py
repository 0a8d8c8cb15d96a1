"""The application: who may ask, what is refused, how late, how wrong and how an answer is sent. See the package."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from refinelab_dsl.providers.batches import ENDPOINT
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.endpoint import body_key
from refinelab_dsl.providers.wire import SIMULATED_FINGERPRINT
from refinelab_dsl.serving.behaviour import MODELS, Behaviour, Tally
from refinelab_dsl.serving.calls import CALLS
from refinelab_dsl.serving.desk import BatchDesk
from refinelab_dsl.serving.faults import Fault, choose_fault, is_possible, spoil_bytes, spoil_reply
from refinelab_dsl.serving.limits import Gate, claimed_tokens
from refinelab_dsl.serving.stream import render_stream
from refinelab_dsl.serving.wording import MARK, refuse

LOOPBACK: Final = "127.0.0.1"
_MOST_BYTES: Final = 256 * 2**20  # of a request: a file of a batch has 200 MB
_HANG: Final = 3_600.0  # seconds; a client has left long before


class SimulatedServer:
    """The server in the running event loop; an asynchronous context manager.

    script: what is left of the behaviour's script; tests may change it.
    """

    def __init__(
        self, behaviour: Behaviour, port: int = 0, *, host: str = LOOPBACK, tally: Tally | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.behaviour = behaviour
        self.tally = tally if tally is not None else Tally()
        self.host = host
        self.port = port
        self.script = deque(behaviour.script)
        self._gate = Gate(behaviour.limits)
        self._clock = clock
        self.desk = None if behaviour.batches is None else BatchDesk(
            behaviour.batches, self._answer_line, self._note, clock
        )
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """The address that a client takes for OpenAI's."""
        host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    def routes(self) -> list[web.RouteDef]:
        """All that is answered."""
        return [
            *(web.post(path, self._call) for path in CALLS),
            web.get("/v1/models", self._list_models),
            web.get("/v1/models/{model:.+}", self._show_model),
            *(() if self.desk is None else self.desk.routes()),
        ]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[_word_errors, self._check_key])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port, backlog=1024).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _check_key(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """401 without the key. A call that is refused so is counted in `_call`, where its body is known."""
        if request.path in CALLS or self._is_known(request):
            answer: web.StreamResponse = await handler(request)
            return answer
        return self._refuse_key(request)

    def _is_known(self, request: web.Request) -> bool:
        return self.behaviour.key is None or request.headers.get("Authorization") == f"Bearer {self.behaviour.key}"

    def _refuse_key(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        message = f"Incorrect API key provided: {given}" if given else "You didn't provide an API key"
        return refuse(401, message, code="invalid_api_key")

    async def _list_models(self, request: web.Request) -> web.Response:
        data = [_model_entry(each) for each in self.behaviour.models or MODELS]
        return web.json_response({"object": "list", "data": data}, headers=MARK)

    async def _show_model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        if self.behaviour.models and name not in self.behaviour.models:
            return _refuse_model(name)
        return web.json_response(_model_entry(name), headers=MARK)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        self.tally.running += 1
        self.tally.most_running = max(self.tally.most_running, self.tally.running)
        try:
            return await self._answer(request)
        finally:
            self.tally.running -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return refuse(400, "We could not parse the JSON body of your request.")
        key = body_key(body)
        tries = self.tally.note_request(key, body, request.headers)
        refusal = self._refuse(request, body)
        if refusal is not None:
            self._note(key, f"refused {refusal.status}")
            return refusal
        limited = self._limit(body)
        if limited is not None:
            self._note(key, "limited")
            return limited
        await asyncio.sleep(self._latency(key, tries))
        try:
            reply = CALLS[request.path](body, self.behaviour.simulation)
        except ValueError as error:
            self._note(key, "refused 400")
            return refuse(400, str(error))
        fault = self._next_fault(key, tries)
        if fault is None or not is_possible(fault, reply):
            self.tally.billed += int(reply["usage"]["total_tokens"])
            return await self._deliver(request, key, _encode(reply, body), body)
        return await self._fail(request, body, reply, key, fault)

    def _answer_line(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any], str]:
        """One request of a batch, which is charged here: status, body and request id of its answer."""
        key = body_key(body)
        self.tally.note_request(key, body, {})
        refusal = self._refuse_body(body)
        if refusal is None:
            try:
                reply = CALLS[ENDPOINT](body, self.behaviour.simulation)
            except ValueError as error:
                refusal = refuse(400, str(error))
        if refusal is not None:
            self._note(key, f"refused {refusal.status}")
            return refusal.status, json.loads(str(refusal.text)), ""
        self._note(key, "answered")
        self.tally.delivered[key] += 1
        return 200, reply, f"req_{key[:12]}"

    async def _fail(
        self, request: web.Request, body: Mapping[str, Any], reply: Mapping[str, Any], key: str, fault: Fault
    ) -> web.StreamResponse:
        match fault.kind:
            case "status":
                self._note(key, fault.outcome)
                headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
                return refuse(fault.status, fault.message, kind="error", code=fault.code, param=fault.param,
                              headers=headers)  # fmt: skip
            case "hang":
                self._note(key, fault.outcome)
                await asyncio.sleep(_HANG)
            case "reset":
                self._note(key, fault.outcome)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "slow":
                await asyncio.sleep(fault.seconds)
        self.tally.billed += int(reply["usage"]["total_tokens"])
        content = spoil_bytes(fault, _encode(spoil_reply(fault, reply), body))
        return await self._deliver(request, key, content, body, fault)

    async def _deliver(
        self, request: web.Request, key: str, content: bytes, body: Mapping[str, Any], fault: Fault | None = None
    ) -> web.StreamResponse:
        """Sends a body, or half of it. What is sent in full counts as delivered."""
        headers = {"Content-Type": _content_type(body), "x-request-id": f"req_{key[:12]}", **MARK,
                   **self._gate.headers(str(body.get("model", "")), self._clock())}  # fmt: skip
        response = web.StreamResponse(headers=headers)
        response.content_length = len(content)
        self._note(key, "answered" if fault is None else fault.outcome)
        await response.prepare(request)
        if fault is not None and fault.kind == "drop":
            await response.write(content[: len(content) // 2])
            await asyncio.sleep(0.01)  # lets the half arrive before the connection goes
            if request.transport is not None:
                request.transport.close()
            return response
        await response.write(content)
        if fault is not None and fault.kind == "duplicate" and request.transport is not None:
            head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
            request.transport.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + content)
        await response.write_eof()
        self.tally.delivered[key] += 1
        return response

    def _refuse(self, request: web.Request, body: Mapping[str, Any]) -> web.Response | None:
        """The refusal of what an endpoint of this behaviour does not take."""
        return self._refuse_body(body) if self._is_known(request) else self._refuse_key(request)

    def _refuse_body(self, body: Mapping[str, Any]) -> web.Response | None:
        if self.behaviour.models and body.get("model") not in self.behaviour.models:
            return _refuse_model(str(body.get("model", "")))
        form = body.get("response_format")
        kind = str(form.get("type", "")) if isinstance(form, dict) else ""
        for name, wording, param in (
            ("response_format", "This model does not support response_format", "response_format"),
            ("json_schema", "'json_schema' is not a supported response format", "response_format"),
            ("max_completion_tokens", "Unsupported parameter: 'max_completion_tokens'", "max_completion_tokens"),
        ):
            asked = kind == "json_schema" if name == "json_schema" else name in body
            if name in self.behaviour.refuse and asked:
                if self.behaviour.refuse_with is not None:
                    status, plain = self.behaviour.refuse_with
                    return refuse(status, plain)
                return refuse(400, wording, code="unsupported_parameter", param=param)
        return None

    def _limit(self, body: Mapping[str, Any]) -> web.Response | None:
        """429 above a limit."""
        model, now = str(body.get("model", "")), self._clock()
        excess = self._gate.enter(model, claimed_tokens(body), now)
        if excess is None:
            return None
        headers = self._gate.headers(model, now) | self._gate.render_retry(excess)
        return refuse(429, excess.message(model), kind=excess.unit, code="rate_limit_exceeded", headers=headers)

    def _latency(self, key: str, tries: int) -> float:
        low, high = self.behaviour.latency
        if low == high:
            return low
        return low + (high - low) * Draw("latency", self.behaviour.simulation.seed, key, tries).unit()

    def _next_fault(self, key: str, tries: int) -> Fault | None:
        if self.script:
            return self.script.popleft()
        return choose_fault(self.behaviour.chances, self.behaviour.simulation.seed, key, tries)

    def _note(self, key: str, outcome: str) -> None:
        self.tally.outcomes[outcome] += 1
        if self.behaviour.log is not None:
            with self.behaviour.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "outcome": outcome}) + "\n")


@web.middleware
async def _word_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """What aiohttp itself refuses, in the shape that clients of OpenAI read."""
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPNotFound:
        return refuse(404, f"Invalid URL ({request.method} {request.path})")
    except web.HTTPMethodNotAllowed:
        return refuse(405, f"Not allowed to {request.method} on {request.path}")
    except web.HTTPRequestEntityTooLarge:
        return refuse(413, f"The request is larger than {_MOST_BYTES} bytes")
    return answer


def _refuse_model(name: str) -> web.Response:
    return refuse(404, f"The model `{name}` does not exist", code="model_not_found", param="model")


def _model_entry(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": SIMULATED_FINGERPRINT}


def _encode(reply: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
    if not _is_streamed(body):
        return json.dumps(reply).encode()
    options = body.get("stream_options")
    return render_stream(reply, with_usage=isinstance(options, dict) and bool(options.get("include_usage")))


def _is_streamed(body: Mapping[str, Any]) -> bool:
    return bool(body.get("stream")) and "messages" in body


def _content_type(body: Mapping[str, Any]) -> str:
    return "text/event-stream" if _is_streamed(body) else "application/json"
