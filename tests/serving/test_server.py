"""The simulated endpoint over HTTP, as any client sees it: shapes, keys, limits, latency."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx2
import openai
import pytest

from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.providers.wire import SIMULATED_FINGERPRINT
from refinelab_dsl.serving import Behaviour, Fault, RateLimits
from refinelab_dsl.serving.server import SimulatedServer

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


class Clock:
    """Time that goes on when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def open_server(
    behaviour: Behaviour, **options: Any
) -> AsyncIterator[tuple[SimulatedServer, aiohttp.ClientSession]]:
    async with SimulatedServer(behaviour, **options) as server, aiohttp.ClientSession(server.base_url + "/") as session:
        yield server, session


async def post(
    session: aiohttp.ClientSession, body: Any = BODY, path: str = "chat/completions", **headers: str
) -> tuple[int, Any, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(path, data=data, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


async def test_every_answer_says_that_it_is_simulated() -> None:
    async with open_server(Behaviour(script=(None, None, Fault("status", status=503)))) as (_, session):
        _, chat, headers = await post(session)
        assert chat["system_fingerprint"] == headers["x-refinec"] == SIMULATED_FINGERPRINT
        _, vectors, headers = await post(session, {"model": "m", "input": "hello"}, "embeddings")
        assert vectors["system_fingerprint"] == headers["x-refinec"] == SIMULATED_FINGERPRINT
        status, _, headers = await post(session)
        assert (status, headers["x-refinec"]) == (503, SIMULATED_FINGERPRINT)


async def test_the_sdk_reads_what_it_answers() -> None:
    """With its own defaults: of vectors it asks for base64."""
    async with SimulatedServer(Behaviour()) as server:
        direct = httpx2.AsyncClient(trust_env=False)
        client = openai.AsyncOpenAI(api_key="any", base_url=server.base_url, http_client=direct)
        completion = await client.chat.completions.create(**BODY)  # type: ignore[call-overload]
        assert completion.choices[0].message.content
        assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
        packed = await client.embeddings.create(model="m", input=["one", "two"])
        plain = await client.embeddings.create(model="m", input=["one", "two"], encoding_format="float")
        assert [entry.embedding for entry in packed.data] == [entry.embedding for entry in plain.data]
        short = await client.embeddings.create(model="m", input="one", dimensions=3)
        assert len(short.data[0].embedding) == 3
        assert (await client.models.list()).data[0].id == "simulated-small"
        assert (await client.models.retrieve("org/any")).id == "org/any"
        await client.close()


async def test_a_stream_says_what_the_whole_reply_says() -> None:
    async with SimulatedServer(Behaviour(script=(None, None, Fault("cut"), Fault("refusal"), Fault("drop")))) as server:
        direct = httpx2.AsyncClient(trust_env=False)
        client = openai.AsyncOpenAI(api_key="any", base_url=server.base_url, http_client=direct, max_retries=0)
        whole = await client.chat.completions.create(**BODY)  # type: ignore[call-overload]

        async def read() -> tuple[str, str, Any, Any]:
            text, refusal, reason, usage = "", "", None, None
            options = {"stream": True, "stream_options": {"include_usage": True}}
            async for chunk in await client.chat.completions.create(**BODY, **options):  # type: ignore[call-overload]
                assert chunk.system_fingerprint == SIMULATED_FINGERPRINT
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    refusal += choice.delta.refusal or ""
                    reason = choice.finish_reason or reason
                usage = chunk.usage or usage
            return text, refusal, reason, usage

        content = whole.choices[0].message.content
        assert await read() == (content, "", "stop", whole.usage)
        assert (await read())[:3] == (content[: len(content) // 2], "", "length")
        assert (await read())[:3] == ("", "I cannot help with that.", "stop")
        with pytest.raises((httpx2.HTTPError, openai.OpenAIError)):
            await read()
        await client.close()


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        (b"{", "chat/completions", "could not parse"),
        (b"\xff", "chat/completions", "could not parse"),
        ([], "chat/completions", "could not parse"),
        ({}, "chat/completions", "`messages` is missing"),
        ({**BODY, "n": 2}, "chat/completions", "'n' is 1"),
        ({**BODY, "tools": [{"type": "function"}]}, "chat/completions", "'tools' is not simulated"),
        ({"model": "m", "input": []}, "embeddings", "'input' must be"),
        ({"model": "m", "input": [1, 2]}, "embeddings", "'input' must be"),
        ({"model": "m", "input": "x", "dimensions": 0}, "embeddings", "'dimensions' must be"),
    ],
)
async def test_what_is_no_request_is_answered_with_400(body: Any, path: str, said: str) -> None:
    async with open_server(Behaviour()) as (_, session):
        status, answer, _ = await post(session, body, path)
    assert status == 400
    assert said in answer["error"]["message"]
    assert answer["error"]["type"] == "invalid_request_error"


async def test_other_addresses_are_refused_in_the_shape_of_an_error() -> None:
    async with open_server(Behaviour()) as (_, session):
        assert (await post(session, path="completions"))[:2] == (
            404, {"error": {"message": "Invalid URL (POST /v1/completions)", "type": "invalid_request_error",
                            "code": None, "param": None}},
        )  # fmt: skip
        async with session.get("chat/completions") as answer:
            assert (answer.status, "error" in await answer.json()) == (405, True)


async def test_a_key_is_asked_for_everywhere() -> None:
    async with open_server(Behaviour(key="sk-local")) as (_, session):
        assert (await post(session))[0] == 401
        status, answer, _ = await post(session, Authorization="Bearer wrong")
        assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
        assert (await post(session, Authorization="Bearer sk-local"))[0] == 200
        async with session.get("models") as refused:
            assert refused.status == 401
        async with session.get("models", headers={"Authorization": "Bearer sk-local"}) as listed:
            assert listed.status == 200


async def test_models_that_are_named_are_the_only_ones() -> None:
    async with open_server(Behaviour(models=("m", "n"))) as (_, session):
        assert (await post(session))[0] == 200
        status, answer, _ = await post(session, {**BODY, "model": "x"})
        assert (status, answer["error"]["code"]) == (404, "model_not_found")
        async with session.get("models") as listed:
            assert [entry["id"] for entry in (await listed.json())["data"]] == ["m", "n"]
        async with session.get("models/x") as unknown:
            assert unknown.status == 404


async def test_limits_are_enforced_for_each_model_and_told() -> None:
    clock = Clock()
    async with open_server(Behaviour(limits=RateLimits(rpm=120, burst=1)), clock=clock) as (server, session):
        answers = [await post(session, {**BODY, "seed": number}) for number in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        assert [headers["x-ratelimit-remaining-requests"] for _, _, headers in answers] == ["1", "0", "0"]
        _, answer, headers = answers[-1]
        assert (answer["error"]["code"], answer["error"]["type"]) == ("rate_limit_exceeded", "requests")
        assert (headers["Retry-After"], headers["retry-after-ms"]) == ("1", "500")
        assert headers["x-ratelimit-reset-requests"] == "1s"
        assert (await post(session, {**BODY, "model": "other"}))[0] == 200
        clock.now += 0.5
        assert (await post(session))[0] == 200
        assert server.tally.outcomes == {"answered": 4, "limited": 1}


async def test_latency_follows_from_seed_body_and_try() -> None:
    server = SimulatedServer(Behaviour(latency=(1.0, 3.0)))
    drawn = [server._latency(f"body {number}", 0) for number in range(200)]
    assert 1.0 <= min(drawn) < 1.2
    assert 2.8 < max(drawn) <= 3.0
    assert drawn == [SimulatedServer(Behaviour(latency=(1.0, 3.0)))._latency(f"body {n}", 0) for n in range(200)]
    assert SimulatedServer(Behaviour(latency=(0.5, 0.5)))._latency("body", 0) == 0.5


async def test_the_same_request_gets_the_same_reply_from_every_server_of_a_seed() -> None:
    replies = []
    for seed in (1, 1, 2):
        async with open_server(Behaviour(Simulation(seed=seed))) as (_, session):
            replies.append((await post(session))[1])
    assert replies[0] == replies[1] != replies[2]


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("localhost", "localhost")])
def test_the_address_that_is_told_can_be_called(host: str, shown: str) -> None:
    assert SimulatedServer(Behaviour(), 8_000, host=host).base_url == f"http://{shown}:8000/v1"
