"""What a line of a batch's answers, and what the endpoint tells of a batch, are taken for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from refinelab_dsl.exchange.secret import Secret
from refinelab_dsl.prompts.request import Completion
from refinelab_dsl.providers import RefusedError, TransientError
from refinelab_dsl.providers.openai_batch import OpenAIBatches
from tests.prompts.models import make_model

BODY = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}
HALF = "half \ud83d of a character"


@pytest.fixture
async def batches() -> AsyncIterator[OpenAIBatches]:
    opened = OpenAIBatches(make_model(base_url="http://127.0.0.1:9/v1"), Secret("sk-planted-4bd1c7e8f0a94d"))
    yield opened
    await opened.close()


def line(status: Any, body: Any = BODY) -> dict[str, Any]:
    return {"custom_id": "0" * 64, "response": {"status_code": status, "request_id": "r", "body": body}, "error": None}


@pytest.mark.parametrize("status", [200, 201, "200", 200.0, None, True, [], "ok", 7, 10**30, "9" * 5_000, float("nan")])
async def test_a_reply_counts_however_its_status_is_told(batches: OpenAIBatches, status: Any) -> None:
    found = batches.judge_line(line(status), None)
    assert isinstance(found, Completion)
    assert found.text == "hello"


@pytest.mark.parametrize("status", [None, "ok", 200])
async def test_what_is_no_reply_may_have_been_charged(batches: OpenAIBatches, status: Any) -> None:
    found = batches.judge_line(line(status, {"choices": []}), None)
    assert isinstance(found, TransientError)
    assert (found.kind, found.sent) == ("body", True)


@pytest.mark.parametrize(
    "answer",
    [
        line(500, {"error": {"message": HALF}}), line("503", {"error": {"message": HALF}}),
        line(200, {"error": {"message": HALF}}), line(403, {"error": {"message": HALF}}),
        {"custom_id": "0" * 64, "response": None, "error": {"code": HALF, "message": HALF}},
        {"custom_id": "0" * 64, "response": None, "error": HALF + " too long" * 10_000},
    ],
)  # fmt: skip
async def test_what_a_line_says_can_be_written_down(batches: OpenAIBatches, answer: dict[str, Any]) -> None:
    found = batches.judge_line(answer, None)
    assert isinstance(found, TransientError | RefusedError)
    assert "half ? of a character" in found.message
    assert len(found.message) < 400


class TestBodies:
    """Answers of an endpoint about files and batches."""

    async def ask(self, batch: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            return web.json_response(batch, headers=headers)

        app = web.Application()
        app.router.add_route("*", "/v1/{rest:.*}", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        opened = OpenAIBatches(make_model(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1"), None)
        try:
            return [await self.outcome(opened.upload(b"{}\n", "a.jsonl")), await self.outcome(opened.retrieve("b1"))]
        finally:
            await opened.close()
            await runner.cleanup()

    async def outcome(self, asked: Any) -> Any:
        try:
            return await asked
        except TransientError as error:
            return error.message

    async def test_no_file_and_no_batch_is_without_a_name(self) -> None:
        assert await self.ask({"id": "", "status": "completed"}) == [
            "the reply holds no file", "the reply holds no batch"
        ]  # fmt: skip

    async def test_a_file_has_a_name_that_can_be_written_down(self) -> None:
        assert (await self.ask({"id": HALF}))[0] == "half ? of a character"

    async def test_another_batch_is_not_taken_for_the_one_that_was_asked_about(self) -> None:
        assert (await self.ask({"id": "b2", "status": "completed"}))[1] == "the reply is about another batch"

    async def test_no_more_is_done_than_there_is_and_no_question_follows_at_once(self) -> None:
        counts = {"total": 5, "completed": 7, "failed": 4}
        told = {"id": "b1", "status": "in_progress", "request_counts": counts}
        _, state = await self.ask(told, {"retry-after": "0"})
        assert (state.done, state.total, state.wait) == (5, 5, None)
