"""An OpenAI-shaped endpoint on this machine: `/v1/chat/completions` answered by the simulated rule, a pure function of
the request, `/v1/embeddings` by hashed letters; faults by script or by chance; a count of who asked and what was
delivered.

In a test::

    async with OpenAIServer(Behaviour(script=(Fault("status", status=429, retry_after="0"),))) as server:
        ...  # model with base_url = server.base_url
    server.tally.delivered  # body key -> replies that were sent in full

    with ThreadServer(Behaviour()) as server: ...        # beside blocking code
    with ProcessServer("--delay", "0.01", log=path) as server: ...  # outlives a client that is killed

As a process: `python -m tests.harness.openai_server --port 0 --delay 0.01 --log requests.jsonl`, which prints its port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from refinelab_dsl.embeddings import Hashed
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.endpoint import Simulation, answer_body, body_key

FaultKind = Literal[
    "status", "delay", "hang", "drop", "reset", "invalid_json", "wrong_schema", "empty", "no_usage", "large_usage",
    "one_less", "not_finite", "narrow", "zero",
]
KEYLESS = "no key is asked for"
WIDTH = 256  # numbers of a vector


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status: `status`, with `retry_after` as header and `message`, `code`, `param` in the body.
    delay: `seconds` late, then the reply. hang: no answer until the client leaves.
    drop: half of the body. reset: the connection closes before any answer.
    invalid_json, wrong_schema (a reply that is no item), empty (no choices).
    no_usage; large_usage: `factor` times the tokens.
    Of vectors: one_less than there are texts, not_finite, narrow (fewer numbers), zero.
    """

    kind: FaultKind
    status: int = 500
    retry_after: str | None = None
    message: str = "the server is having a bad day"
    code: str | None = None
    param: str | None = None
    seconds: float = 0.1
    factor: int = 1_000


@dataclass(frozen=True)
class Behaviour:
    """How the server behaves. script: faults of the first requests, in order of arrival; None is a good answer.
    chances: fault and its share of requests, by seed, body and number of the try, so that a retry can succeed.
    refuse: `json_schema` (400 for that response format), `response_format` (for any), `max_completion_tokens`.
    refuse_with: status and wording of such refusals; None words it as OpenAI does.
    key: what `Authorization: Bearer` must say; 401 otherwise."""

    simulation: Simulation = field(default_factory=Simulation)
    delay: float = 0.0
    script: Sequence[Fault | None] = ()
    chances: Sequence[tuple[Fault, float]] = ()
    refuse: frozenset[str] = frozenset()
    refuse_with: tuple[int, str] | None = None
    key: str = KEYLESS
    log: Path | None = None


@dataclass
class Tally:
    """What happened. Keys are SHA-256 of canonical bodies."""

    asked: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0


class OpenAIServer:
    """The server in the running event loop; an asynchronous context manager."""

    def __init__(self, behaviour: Behaviour = Behaviour(), port: int = 0) -> None:
        self.behaviour = behaviour
        self.tally = Tally()
        self.port = port
        self._script = deque(behaviour.script)
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def refuse_after(self, count: int) -> None:
        """The next `count` requests are answered, the one after them is refused for good."""
        self._script = deque([*([None] * count), Fault("status", status=401)])

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._handle)
        app.router.add_post("/v1/embeddings", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.tally.running += 1
        self.tally.most_running = max(self.tally.most_running, self.tally.running)
        try:
            return await self._answer(request)
        finally:
            self.tally.running -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        key = body_key(body)
        tries = self.tally.asked[key]
        self.tally.asked[key] += 1
        self.tally.bodies.append(body)
        self.tally.headers.append(dict(request.headers))
        await asyncio.sleep(self.behaviour.delay)
        refusal = self._refusal(request, body)
        if refusal is not None:
            self._note(key, f"refused {refusal.status}")
            return refusal
        fault = self._next_fault(key, tries)
        if fault is None:
            return await self._deliver(request, key, _encode(self._reply(body)))
        return await self._fail(request, body, key, fault)

    def _reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The good answer."""
        return embed_body(body) if "input" in body else answer_body(body, self.behaviour.simulation)

    async def _fail(self, request: web.Request, body: Mapping[str, Any], key: str, fault: Fault) -> web.StreamResponse:
        reply = self._reply(body)
        match fault.kind:
            case "status":
                self._note(key, f"status {fault.status}")
                headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
                error = {"message": fault.message, "type": "error", "code": fault.code, "param": fault.param}
                return web.json_response({"error": error}, status=fault.status, headers=headers)
            case "hang":
                self._note(key, "hang")
                await asyncio.sleep(3_600)
            case "reset":
                self._note(key, "reset")
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "drop":
                return await self._deliver(request, key, _encode(reply), share=0.5)
            case "invalid_json":
                return await self._deliver(request, key, _encode(reply)[:-5] + b"#")
            case "wrong_schema":
                reply["choices"][0]["message"]["content"] = '{"unexpected": true}'
            case "empty":
                reply["choices" if "choices" in reply else "data"] = []
            case "one_less":
                del reply["data"][-1]
            case "not_finite":
                reply["data"][0]["embedding"][1] = float("nan")
            case "narrow":
                del reply["data"][0]["embedding"][-1]
            case "zero":
                reply["data"][0]["embedding"] = [0] * len(reply["data"][0]["embedding"])
            case "no_usage":
                del reply["usage"]
            case "large_usage":
                reply["usage"] = {name: count * fault.factor for name, count in reply["usage"].items()}
        return await self._deliver(request, key, _encode(reply), outcome=fault.kind)

    async def _deliver(
        self, request: web.Request, key: str, content: bytes, *, share: float = 1.0, outcome: str = "answered"
    ) -> web.StreamResponse:
        """Sends a body, or only a share of it. What is sent in full counts as delivered: it would be paid for."""
        response = web.StreamResponse(headers={"Content-Type": "application/json", "x-request-id": f"req_{key[:12]}"})
        response.content_length = len(content)
        self._note(key, outcome if share == 1.0 else "drop")
        await response.prepare(request)
        await response.write(content[: int(len(content) * share)])
        if share < 1.0:
            await asyncio.sleep(0.01)  # lets the half arrive before the connection goes
            if request.transport is not None:
                request.transport.close()
            return response
        await response.write_eof()
        self.tally.delivered[key] += 1
        return response

    def _refusal(self, request: web.Request, body: Mapping[str, Any]) -> web.Response | None:
        if self.behaviour.key != KEYLESS and request.headers.get("Authorization") != f"Bearer {self.behaviour.key}":
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            return _refuse(401, f"Incorrect API key provided: {given}", "invalid_api_key", None)
        kind = str(body.get("response_format", {}).get("type", ""))
        for name, wording, param in (
            ("response_format", "This model does not support response_format", "response_format"),
            ("json_schema", "'json_schema' is not a supported response format", "response_format"),
            ("max_completion_tokens", "Unsupported parameter: 'max_completion_tokens'", "max_completion_tokens"),
        ):
            asked = kind == "json_schema" if name == "json_schema" else name in body
            if name in self.behaviour.refuse and asked:
                if self.behaviour.refuse_with is not None:
                    status, plain = self.behaviour.refuse_with
                    return _refuse(status, plain, None, None)
                return _refuse(400, wording, "unsupported_parameter", param)
        return None

    def _next_fault(self, key: str, tries: int) -> Fault | None:
        if self._script:
            return self._script.popleft()
        chance = Draw("fault", self.behaviour.simulation.seed, key, tries).unit()
        for fault, share in self.behaviour.chances:
            if chance < share:
                return fault
            chance -= share
        return None

    def _note(self, key: str, outcome: str) -> None:
        self.tally.outcomes[outcome] += 1
        if self.behaviour.log is not None:
            with self.behaviour.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "outcome": outcome}) + "\n")


class ThreadServer:
    """The server in a thread of its own, beside a test that blocks; a context manager."""

    def __init__(self, behaviour: Behaviour = Behaviour()) -> None:
        self.server = OpenAIServer(behaviour)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def base_url(self) -> str:
        return self.server.base_url

    @property
    def tally(self) -> Tally:
        return self.server.tally

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class ProcessServer:
    """The server as a child process with these command-line arguments; a context manager. With `log`, `exchanges`
    reads back every request and how it was answered."""

    def __init__(self, *arguments: str, log: Path | None = None) -> None:
        self._arguments = (*arguments, *(("--log", str(log)) if log is not None else ()))
        self._log = log
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def exchanges(self) -> list[dict[str, str]]:
        """`{"key", "outcome"}` per request, in order; outcome `answered` is what would be paid for."""
        if self._log is None or not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    def __enter__(self) -> Self:
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.openai_server", "--port", "0", *self._arguments],
            cwd=root, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def embed_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Vectors of the texts of a request, the last first: an endpoint says by `index` which is whose."""
    rows = Hashed().embed(body["input"])[:, :WIDTH]
    data = [
        {"object": "embedding", "index": place, "embedding": [float(number) for number in row]}
        for place, row in enumerate(rows)
    ]
    tokens = sum(len(text.split()) for text in body["input"])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}


def _encode(reply: Mapping[str, Any]) -> bytes:
    return json.dumps(reply).encode()


def _refuse(status: int, message: str, code: str | None, param: str | None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "code": code, "param": param}
    return web.json_response({"error": error}, status=status)


def parse_chance(text: str) -> tuple[Fault, float]:
    """`drop=0.1`, `429=0.2`: a kind of fault or a status, and its share of the requests."""
    name, _, share = text.partition("=")
    fault = Fault("status", status=int(name), retry_after="0") if name.isdigit() else Fault(name)  # type: ignore[arg-type]
    return fault, float(share)


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[Behaviour, int]:
    """The behaviour and the port that a command line asks for."""
    parser = argparse.ArgumentParser(description="An OpenAI-shaped endpoint with faults on request.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--success", type=float, default=1.0)
    parser.add_argument("--malformed", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--fail", action="append", default=[], type=parse_chance, metavar="KIND=SHARE")
    parser.add_argument("--refuse", action="append", default=[])
    parser.add_argument("--key", default=KEYLESS)
    parser.add_argument("--silent", action="store_true", help="replies do not say that they are simulated")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(arguments)
    simulation = Simulation(options.seed, options.success, options.malformed, announce=not options.silent)
    return Behaviour(
        simulation=simulation, delay=options.delay, chances=tuple(options.fail), refuse=frozenset(options.refuse),
        key=options.key, log=options.log,
    ), options.port  # fmt: skip


async def serve(behaviour: Behaviour, port: int) -> None:
    """Until the process ends."""
    async with OpenAIServer(behaviour, port) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*parse_arguments()))
