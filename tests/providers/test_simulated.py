"""The simulated provider and the cached one: pure replies, rehearsed failures, the seam's promises."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.prompts import Completion, Usage, count_tokens, repair_request, request_ceiling, request_key
from refinelab_dsl.providers import Provider, TransientError, open_provider
from refinelab_dsl.store import Store
from tests.prompts.models import make_model, make_request
from tests.providers.asking import open_or_refuse, outcome, refusal


def provider_of(**params: Any) -> Provider:
    provider = open_or_refuse(make_model("simulated", params=params))
    assert not isinstance(provider, Diagnostic)
    return provider


def request_of(**changes: Any) -> Any:
    return make_request(make_model("simulated"), **changes)


async def test_a_reply_is_a_pure_function_of_the_request() -> None:
    first, second = provider_of(), provider_of()
    requests = [request_of(sample=sample, success="0.5") for sample in range(40)]
    forward = [await first.complete(request) for request in requests]
    backward = [await second.complete(request) for request in reversed(requests)]
    assert forward == backward[::-1]
    assert len({completion.text for completion in forward}) > 30


async def test_a_reply_is_marked_and_counted() -> None:
    request = request_of()
    completion = await provider_of().complete(request)
    assert completion.simulated
    assert completion.model == "test-model"
    assert completion.usage is not None
    assert completion.usage.output_tokens == count_tokens(completion.text, "test-model")
    assert completion.usage.input_tokens <= request_ceiling(request)


async def test_a_reply_is_cut_at_its_limit() -> None:
    completion = await provider_of().complete(request_of(limit=10))
    assert completion.finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.output_tokens <= 10
    assert completion.text


async def test_a_first_reply_may_break_off_and_its_repair_mends_it() -> None:
    provider = provider_of(malformed=1.0)
    request = request_of()
    broken = await provider.complete(request)
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.text)
    mended = await provider.complete(repair_request(request, broken.text, "breaks off"))
    assert json.loads(mended.text)["answer"]


async def test_the_share_of_malformed_replies() -> None:
    provider = provider_of(malformed=0.3)
    replies = [await provider.complete(request_of(sample=sample)) for sample in range(300)]
    broken = sum(not reply.text.endswith("}") for reply in replies)
    assert 60 < broken < 120


async def test_success_can_be_rehearsed() -> None:
    provider = provider_of(success=0.0, flaws=["answer"])
    for sample in range(20):
        reply = json.loads((await provider.complete(request_of(sample=sample, success="1"))).text)
        assert reply["answer"] not in reply["choices"]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [("rate_limit", False), ("server", False), ("timeout", True), ("connection", False), ("body", True)],
)
async def test_failures_can_be_rehearsed(kind: str, sent: bool) -> None:
    error = await outcome(provider_of(errors={kind: 1}), request_of())
    assert isinstance(error, TransientError)
    assert (error.kind, error.sent) == (kind, sent)


async def test_a_retry_can_succeed_and_what_it_gets_is_the_reply() -> None:
    quiet, noisy = provider_of(), provider_of(errors={"server": 0.4, "rate_limit": 0.2})
    failures = 0
    for sample in range(60):
        request = request_of(sample=sample)
        for _ in range(60):
            result = await outcome(noisy, request)
            if isinstance(result, Completion):
                assert result == await quiet.complete(request)
                break
            failures += 1
        else:
            pytest.fail("no try ever succeeded")
    assert 40 < failures < 160


async def test_the_same_tries_fail_again() -> None:
    async def run() -> list[str]:
        provider = provider_of(errors={"server": 0.5})
        return [type(await outcome(provider, request_of(sample=sample % 10))).__name__ for sample in range(50)]

    assert await run() == await run()


async def test_latency_passes_and_calls_overlap() -> None:
    provider = provider_of(latency=[0.05, 0.1])
    async with asyncio.timeout(20):
        replies = await asyncio.gather(*(provider.complete(request_of(sample=sample)) for sample in range(500)))
    assert len(replies) == 500


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"success": 2}, "success"),
        ({"success": "often"}, "success"),
        ({"success": True}, "success"),
        ({"success": float("nan")}, "success"),
        ({"malformed": -1}, "malformed"),
        ({"errors": 0.5}, "errors"),
        ({"errors": {"fire": 0.5}}, "errors"),
        ({"errors": {"server": 7}}, "errors.server"),
        ({"flaws": []}, "flaws"),
        ({"flaws": "schema"}, "flaws"),
        ({"flaws": ["ugly"]}, "flaws"),
        ({"latency": "slow"}, "latency"),
        ({"latency": [1]}, "latency"),
        ({"latency": -1}, "latency"),
    ],
)
def test_params_that_mean_nothing(params: dict[str, Any], name: str) -> None:
    refused = open_or_refuse(make_model("simulated", params=params))
    assert isinstance(refused, Diagnostic)
    assert refused.code == "RF6202"
    assert f"`params.{name}`" in refused.message


def test_params_of_other_providers_are_no_matter() -> None:
    assert not isinstance(open_or_refuse(make_model("simulated", params={"temperature": 1})), Diagnostic)


class TestCached:
    @pytest.mark.parametrize("bought_by", ["openai", "simulated", "cached"])
    async def test_what_was_bought_is_found_whoever_was_asked(self, bought_by: str, tmp_path: Path) -> None:
        completion = Completion("hello", Usage(1, 2), "stop", "m", "r")
        with Store(tmp_path / "store.db") as store:
            store.put(request_key(make_request(make_model(bought_by, params={"temperature": 1}))), completion)
            model = make_model("cached", params={"temperature": 1})
            provider = open_provider(model, store=store, environ={})
            assert not isinstance(provider, Diagnostic)
            assert await provider.complete(make_request(model)) == completion
            error = await refusal(provider, make_request(model, "something else"))
            assert (error.kind, error.scope) == ("missing", "step")
            other = make_model("cached", params={"temperature": 2})
            assert (await refusal(provider, make_request(other))).kind == "missing"
            await provider.close()
            assert store.count() == 1
