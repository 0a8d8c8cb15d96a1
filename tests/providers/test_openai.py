"""The real SDK against an endpoint on this machine: requests as sent, replies as read, fallbacks, faults, the key."""

from __future__ import annotations

import asyncio
import copy
import gzip
import io
import json
import logging
import pickle
import time
import traceback
from typing import Any

import pytest
from aiohttp import web

from refinelab_dsl.prompts import (
    Completion,
    Usage,
    attempt_ceiling,
    item_schema,
    render_block,
    repair_request,
    request_ceiling,
)
from refinelab_dsl.prompts.compose import schema_instruction
from refinelab_dsl.providers import RefusedError, TransientError
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.providers.openai import MOST_BYTES
from tests.harness.openai_server import Behaviour, Fault
from tests.prompts.models import ITEMS, make_model, make_request
from tests.providers.asking import KEY, asking, failure, opened, outcome, refusal

COUNTS = {"prompt_tokens": 3, "completion_tokens": 4}


def about_item(model: Any, number: int = 0, **changes: Any) -> Any:
    return make_request(model, f"Number {number}.\n{render_block('anchor', ITEMS['mcq'])}", **changes)


async def test_a_request_as_it_is_sent_and_a_reply_as_it_is_read() -> None:
    params = {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 9_999, "logit_bias": {"5": 1}}
    async with asking(id="some/model", params=params) as (server, provider, model):
        request = about_item(model)
        completion = await provider.complete(request)
    (body,) = server.tally.bodies
    assert body == {
        "model": "some/model",
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_completion_tokens": 400,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": item_schema("mcq"), "strict": True},
        },
        "temperature": 0.5,
        "top_p": 0.9,
        "logit_bias": {"5": 1},
    }
    (headers,) = server.tally.headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert isinstance(completion, Completion)
    assert set(json.loads(completion.text)) == {"question", "choices", "answer"}
    assert completion.usage is not None
    assert 0 < completion.usage.input_tokens <= request_ceiling(request)
    assert (completion.finish_reason, completion.model, completion.simulated) == ("stop", "some/model", True)
    assert completion.request_id is not None


async def test_properties_of_the_schema_keep_their_order() -> None:
    """A model writes them in this order: the solution has to come before the answer."""
    async with asking() as (server, provider, model):
        await provider.complete(make_request(model, task="math"))
    properties = server.tally.bodies[0]["response_format"]["json_schema"]["schema"]["properties"]
    assert list(properties) == ["question", "solution", "answer"]


async def test_without_a_key_no_authorization_is_sent() -> None:
    async with asking(api_key=None) as (server, provider, model):
        await provider.complete(about_item(model))
    assert "Authorization" not in server.tally.headers[0]


async def test_nothing_of_the_environment_reaches_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-of-somebody-else",
        "OPENAI_ADMIN_KEY": "admin-of-somebody-else",
        "OPENAI_ORG_ID": "org-of-somebody-else",
        "OPENAI_PROJECT_ID": "project-of-somebody-else",
        "OPENAI_CUSTOM_HEADERS": "X-Secret: header-of-somebody-else\nAuthorization: Bearer other-of-somebody-else",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    for changes in ({}, {"api_key": None}):
        async with asking(**changes) as (server, provider, model):
            await provider.complete(about_item(model))
        assert "somebody-else" not in json.dumps(server.tally.headers)
        assert set(server.tally.headers[0]) <= {
            "Host", "Accept", "Content-Type", "Content-Length", "Connection", "User-Agent", "Accept-Encoding",
            "Authorization", "x-stainless-raw-response",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "form", "limit"),
    [
        ({"json_schema"}, "json_object", "max_completion_tokens"),
        ({"response_format"}, None, "max_completion_tokens"),
        ({"max_completion_tokens"}, "json_schema", "max_tokens"),
        ({"json_schema", "max_completion_tokens"}, "json_object", "max_tokens"),
        ({"response_format", "max_completion_tokens"}, None, "max_tokens"),
    ],
)
@pytest.mark.parametrize("wording", [None, (400, "Bad Request"), (422, "extra fields not permitted")])
async def test_what_an_endpoint_refuses_is_left_out_and_remembered(
    refused: set[str], form: str | None, limit: str, wording: tuple[int, str] | None
) -> None:
    plain = Behaviour()
    async with asking(plain) as (_, provider, model):
        usual = await provider.complete(about_item(model))
    async with asking(Behaviour(refuse=frozenset(refused), refuse_with=wording)) as (server, provider, model):
        completion = await provider.complete(about_item(model))
        asked = len(server.tally.bodies)
        await provider.complete(about_item(model, 1))
        assert len(server.tally.bodies) == asked + 1  # remembered
    assert completion.text == usual.text  # a schema in the prompt asks for the same
    body = server.tally.bodies[-1]
    # Where a refusal does not say what it is about, the limit is given up first.
    assert (limit if wording is None else "max_tokens") in body
    assert body.get("response_format", {}).get("type") == form
    if form != "json_schema":
        assert body["messages"][-1]["content"].endswith(schema_instruction(item_schema("mcq")))
    assert sum(server.tally.delivered.values()) == 2


async def test_many_first_calls_at_once_find_the_dialect_together() -> None:
    behaviour = Behaviour(refuse=frozenset({"response_format", "max_completion_tokens"}))
    async with asking(behaviour) as (server, provider, model):
        replies = await asyncio.gather(*(provider.complete(about_item(model, number)) for number in range(20)))
        assert len({reply.text for reply in replies}) == 20
        assert sum(server.tally.delivered.values()) == 20


async def test_a_refusal_that_is_about_something_else_is_not_explored() -> None:
    fault = Fault("status", status=400, message="Invalid temperature", param="temperature")
    async with asking(Behaviour(script=(fault,))) as (server, provider, model):
        error = await refusal(provider, about_item(model))
        assert (error.kind, error.status, error.scope) == ("bad_request", 400, "model")
        assert "Invalid temperature" in error.message
        assert len(server.tally.bodies) == 1


async def test_a_refusal_in_every_dialect_says_what_was_said_first() -> None:
    faults = tuple(Fault("status", status=400, message=f"no {number}") for number in range(9))
    async with asking(Behaviour(script=faults)) as (server, provider, model):
        error = await refusal(provider, about_item(model))
        assert error.message == "400: no 0"
        assert len(server.tally.bodies) == 4


async def test_a_settled_dialect_is_not_given_up_for_a_refusal_without_reason() -> None:
    script = (None, Fault("status", status=400, message="no"))
    async with asking(Behaviour(script=script)) as (server, provider, model):
        await provider.complete(about_item(model))
        await refusal(provider, about_item(model, 1))
        assert len(server.tally.bodies) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "scope"),
    [
        (Fault("status", status=401, message="no"), "authentication", "model"),
        (Fault("status", status=402, message="pay"), "permission", "model"),
        (Fault("status", status=403, message="no"), "permission", "model"),
        (Fault("status", status=404, message="no such model"), "not_found", "model"),
        (Fault("status", status=405), "bad_request", "model"),
        (Fault("status", status=413), "bad_request", "step"),
        (Fault("status", status=400, message="x", code="context_length_exceeded"), "bad_request", "step"),
        (Fault("status", status=400, message="This exceeds the maximum context length"), "bad_request", "step"),
        (Fault("status", status=400, message="x", code="content_filter"), "bad_request", "step"),
        (Fault("status", status=429, code="insufficient_quota", message="quota"), "permission", "model"),
        (Fault("status", status=302), "bad_request", "model"),
        (Fault("status", status=307), "bad_request", "model"),
    ],
)
async def test_refusals(fault: Fault, kind: str, scope: str) -> None:
    async with asking(Behaviour(script=(fault,))) as (server, provider, model):
        error = await refusal(provider, about_item(model))
        assert (error.kind, error.scope, error.status) == (kind, scope, fault.status)
        assert len(server.tally.bodies) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "sent", "retry_after"),
    [
        (Fault("status", status=429, retry_after="1.5"), "rate_limit", False, 1.5),
        (Fault("status", status=429), "rate_limit", False, None),
        (Fault("status", status=500), "server", False, None),
        (Fault("status", status=503, retry_after="7"), "server", False, 7.0),
        (Fault("status", status=408), "timeout", False, None),
        (Fault("status", status=409), "server", False, None),
        (Fault("drop"), "body", True, None),
        (Fault("reset"), "connection", True, None),
        (Fault("invalid_json"), "body", True, None),
        (Fault("empty"), "body", True, None),
    ],
)
async def test_failures_that_another_try_may_mend(
    fault: Fault, kind: str, sent: bool, retry_after: float | None
) -> None:
    async with asking(Behaviour(script=(fault,))) as (server, provider, model):
        error = await failure(provider, about_item(model))
        assert (error.kind, error.sent, error.retry_after) == (kind, sent, retry_after)
        assert len(server.tally.bodies) == 1  # the SDK does not retry by itself
        assert isinstance(await provider.complete(about_item(model)), Completion)


async def test_a_timeout_bounds_the_whole_exchange() -> None:
    async with asking(Behaviour(script=(Fault("hang"),)), timeout="0.3") as (_, provider, model):
        started = time.monotonic()
        error = await failure(provider, about_item(model))
        assert (error.kind, error.sent) == ("timeout", True)
        assert time.monotonic() - started < 10


async def test_a_cancelled_call_is_cancelled() -> None:
    async with asking(Behaviour(script=(Fault("hang"),))) as (_, provider, model):
        task = asyncio.create_task(provider.complete(about_item(model)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with opened("http://127.0.0.1:9/v1") as (provider, model):
        error = await failure(provider, about_item(model))
        assert (error.kind, error.sent) == ("connection", False)


async def test_usage_that_is_missing_or_large_is_reported_as_it_is() -> None:
    script = (Fault("no_usage"), Fault("large_usage", factor=50), None)
    async with asking(Behaviour(script=script)) as (_, provider, model):
        replies = [await provider.complete(about_item(model)) for _ in range(3)]
    assert replies[0].usage is None
    assert replies[1].usage is not None
    assert replies[2].usage is not None
    assert replies[1].usage.input_tokens == 50 * replies[2].usage.input_tokens


async def test_what_the_endpoint_counts_is_within_the_ceiling_with_and_without_a_known_tokenizer() -> None:
    for model_id in ("gpt-4o", "unknown"):
        for refuse in (frozenset[str](), frozenset({"response_format"})):
            async with asking(Behaviour(refuse=refuse, simulation=Simulation(malformed=1.0)), id=model_id) as opened_:
                _, provider, model = opened_
                request = about_item(model)
                first = await provider.complete(request)
                second = await provider.complete(repair_request(request, first.text, "broken off"))
                assert first.usage is not None
                assert second.usage is not None
                most_input, most_output = attempt_ceiling(request)
                assert first.usage.input_tokens <= request_ceiling(request)
                assert first.usage.input_tokens + second.usage.input_tokens <= most_input
                assert first.usage.output_tokens + second.usage.output_tokens <= most_output
                assert json.loads(second.text)["answer"]


async def test_connections_are_as_many_as_calls() -> None:
    async with asking(Behaviour(latency=(0.2, 0.2))) as (server, provider, model):
        await asyncio.gather(*(provider.complete(about_item(model, number)) for number in range(120)))
        assert server.tally.most_running == 120


class TestTheKey:
    """A planted key is in no exception, log, representation or pickle."""

    FAULTS = (
        Fault("status", status=401, message=f"Incorrect API key provided: {KEY}"),
        Fault("status", status=401, message=f"Incorrect API key provided: {KEY[:16]}***"),
        Fault("status", status=400, message=f"header {KEY} is wrong", param="x"),
        Fault("status", status=500, message=f"at Authorization: Bearer {KEY}"),
        Fault("status", status=429, message=KEY),
        Fault("drop"),
        Fault("reset"),
        Fault("invalid_json"),
        Fault("empty"),
        Fault("hang"),
    )

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_failures(self, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        async with asking(Behaviour(script=(fault,)), timeout="0.5") as (_, provider, model):
            error = await outcome(provider, about_item(model))
        assert isinstance(error, (TransientError, RefusedError))
        assert error.__context__ is None
        assert error.__cause__ is None
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        for text in (str(error), repr(error), repr(vars(error)), "".join(shown.format()), caplog.text):
            assert KEY not in text
            assert KEY[:16] not in text

    async def test_representations(self) -> None:
        async with asking() as (_, provider, model):
            held = vars(vars(provider)["_endpoint"])
            for text in (repr(provider), str(provider), repr(vars(provider)), repr(held), repr(model)):
                assert KEY not in text
            with pytest.raises(TypeError):
                pickle.dumps(held["_key"])
            with pytest.raises(TypeError):
                copy.deepcopy(held["_key"])

    async def test_a_call_that_works_logs_nothing_of_it(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        async with asking() as (_, provider, model):
            completion = await provider.complete(about_item(model))
        assert KEY not in caplog.text
        assert KEY not in repr(completion)


class TestStrangeEndpoints:
    """Bodies that no good endpoint sends."""

    @staticmethod
    async def ask(response: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            result = response(request)
            reply: web.StreamResponse = await result if asyncio.iscoroutine(result) else result
            return reply

        app = web.Application()
        app.router.add_post("/v1/chat/completions", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with opened(f"http://127.0.0.1:{runner.addresses[0][1]}/v1") as (provider, model):
                return await outcome(provider, about_item(model))
        finally:
            await runner.cleanup()

    @staticmethod
    def completion(**changes: Any) -> dict[str, Any]:
        return {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], **changes}

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b'{"choices": 3}', b'{"choices": [3]}', b"<html>",
         b'{"choices": [{"message": null}]}', b"[" * 100_000, b'{"choices": [{}]}'],
    )  # fmt: skip
    async def test_a_body_that_is_no_completion_can_be_asked_for_again(self, body: bytes) -> None:
        error = await self.ask(lambda _: web.Response(body=body, content_type="application/json"))
        assert isinstance(error, TransientError)
        assert (error.kind, error.sent) == ("body", True)

    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            (COUNTS, Usage(3, 4)),
            ({**COUNTS, "prompt_tokens_details": {"cached_tokens": 2}}, Usage(3, 4, 2)),
            ({**COUNTS, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(3, 4, 3)),
            ({"prompt_tokens": -3, "completion_tokens": 4}, None),
            ({"prompt_tokens": "3", "completion_tokens": 4}, None),
            ({"prompt_tokens": 3, "completion_tokens": 0}, Usage(3, 0)),
            ({"prompt_tokens": 0, "completion_tokens": 0}, None),
            ({"prompt_tokens": True, "completion_tokens": 4}, None),
            ({"prompt_tokens": 1e99, "completion_tokens": 4}, None),
            ({"completion_tokens": 4}, None),
            ([], None),
            (None, None),
        ],
    )
    async def test_usage_is_taken_only_as_counts(self, usage: Any, expected: Usage | None) -> None:
        completion = await self.ask(lambda _: web.json_response(self.completion(usage=usage)))
        assert completion.usage == expected

    @pytest.mark.parametrize(
        ("choice", "text", "reason"),
        [
            ({"message": {"content": None, "refusal": "I cannot"}, "finish_reason": "stop"}, "", "refusal"),
            ({"message": {"content": None}, "finish_reason": "content_filter"}, "", "content_filter"),
            ({"message": {"content": [{"type": "text", "text": "a"}, {"x": 1}, {"text": "b"}]}}, "ab", "unknown"),
            ({"message": {"content": 'a\\ud800"'}, "finish_reason": "length"}, 'a\\ud800"', "length"),
            ({"message": {"content": "\ud83d half"}, "finish_reason": "stop"}, "? half", "stop"),
        ],
    )
    async def test_what_a_message_may_hold(self, choice: Any, text: str, reason: str) -> None:
        completion = await self.ask(lambda _: web.json_response({"choices": [choice]}))
        assert (completion.text, completion.finish_reason) == (text, reason)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ({"code": 429, "message": "slow"}, "rate_limit"), ({"message": "upstream"}, "server"), ("oops", "server"),
            ({"message": "half \ud83d"}, "server"),
        ],
    )  # fmt: skip
    async def test_an_error_inside_of_a_success(self, error: Any, kind: str) -> None:
        failed = await self.ask(lambda _: web.json_response({"error": error}))
        assert isinstance(failed, TransientError)
        assert failed.kind == kind
        assert failed.message.isprintable()  # it can be written down

    async def test_a_body_without_end_is_cut_off(self) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(2_000):
                await response.write(b" " * 65_536)
                sent.append(65_536)
            return response

        sent: list[int] = []
        error = await self.ask(endless)
        assert isinstance(error, TransientError)
        assert (error.kind, error.sent) == ("body", True)
        assert sum(sent) < 4 * MOST_BYTES

    async def test_a_compressed_body_is_not_unpacked(self) -> None:
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
            file.write(b" " * 10_000_000)
        headers = {"Content-Encoding": "gzip"}
        error = await self.ask(lambda _: web.Response(body=buffer.getvalue(), headers=headers))
        assert isinstance(error, TransientError)
        assert error.kind == "body"

    async def test_an_error_page_is_shown_shortly(self) -> None:
        page = "<html>" + "x\n" * 100_000
        error = await self.ask(lambda _: web.Response(status=404, text=page, content_type="text/html"))
        assert isinstance(error, RefusedError)
        assert len(error.message) < 400
        assert "\n" not in error.message

    async def test_garbage_instead_of_http(self) -> None:
        async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(garble, "127.0.0.1", 0)
        async with server, opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1") as (provider, model):
            error = await failure(provider, about_item(model))
        assert error.sent

    async def test_a_redirect_does_not_lead_the_text_elsewhere(self) -> None:
        seen = []

        async def elsewhere(request: web.Request) -> web.Response:
            seen.append(await request.text())
            return web.json_response(self.completion())

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", elsewhere)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        location = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/chat/completions"
        error = await self.ask(lambda _: web.Response(status=307, headers={"Location": location}))
        await runner.cleanup()
        assert isinstance(error, RefusedError)
        assert seen == []


async def test_ipv6() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(TestStrangeEndpoints.completion())

    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "::1", 0).start()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        async with opened(f"http://[::1]:{runner.addresses[0][1]}/v1") as (provider, model):
            assert (await provider.complete(about_item(model))).text == "hello"
    finally:
        await runner.cleanup()


async def test_a_model_is_kept_to_its_host() -> None:
    """Should the SDK ever come to another host than the one that was judged, the key stays here."""
    import httpx2

    async with asking() as (_, provider, _model):
        request = httpx2.Request("POST", "http://127.0.0.2/v1/chat/completions")
        with pytest.raises(httpx2.UnsupportedProtocol):
            await provider._channel._put_headers(request)  # type: ignore[attr-defined]
        assert "authorization" not in request.headers
    assert make_model().api_key is None
