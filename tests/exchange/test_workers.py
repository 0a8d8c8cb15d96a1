"""Worker processes over the real SDK and HTTP: what comes of an exchange is the same value as without them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.exchange.workers import Workers
from refinelab_dsl.prompts import Completion
from refinelab_dsl.providers import Provider, RefusedError, TransientError, open_provider
from refinelab_dsl.providers.quotas import Quotas
from refinelab_dsl.serving.limits import RateLimits
from refinelab_dsl.store import Store
from tests.exchange.processes import PROC, find_workers, is_running, needs_proc
from tests.harness.openai_server import Behaviour, Fault, OpenAIServer
from tests.prompts.models import make_model, make_request
from tests.providers.asking import ENVIRON, KEY, asking, failure, outcome

FAULTS = (
    Fault("status", status=429, retry_after="7"),
    Fault("status", status=429, code="insufficient_quota"),
    Fault("status", status=500, message=f"a bad day, and your key {KEY}"),
    Fault("status", status=503, message="half a pair: \ud800"),
    Fault("status", status=408),
    Fault("status", status=401),
    Fault("status", status=404),
    Fault("status", status=413),
    Fault("status", status=400, code="context_length_exceeded", param="messages"),
    Fault("status", status=302),
    Fault("reset"),
    Fault("drop"),
    Fault("hang"),
    Fault("invalid_json"),
    Fault("not_utf8"),
    Fault("no_body"),
    Fault("empty"),
    Fault("refusal"),
    Fault("no_usage"),
)


@asynccontextmanager
async def working(
    behaviour: Behaviour | None = None, count: int = 1, **changes: Any
) -> AsyncIterator[tuple[OpenAIServer, Provider, Any]]:
    """The local endpoint, a provider that asks it through workers, and its model."""
    async with OpenAIServer(behaviour or Behaviour()) as server:
        model = make_model(base_url=server.base_url, **{"api_key": "TEST_KEY", "timeout": "20", **changes})
        workers = Workers(count)
        with TemporaryDirectory() as folder, Store(Path(folder) / "store.db") as store:
            provider = open_provider(model, store=store, environ=ENVIRON, workers=workers)
        assert not isinstance(provider, Diagnostic), provider
        await workers.begin()
        try:
            yield server, provider, model
        finally:
            await provider.close()


def describe(found: Completion | TransientError | RefusedError) -> tuple[Any, ...]:
    match found:
        case Completion():
            return (found.text, found.usage, found.finish_reason, found.model, found.simulated)
        case TransientError():
            return (found.kind, found.message, found.retry_after, found.sent)
        case RefusedError():
            return (found.kind, found.message, found.status, found.scope)


async def test_replies_and_failures_are_the_same_values() -> None:
    behaviour = Behaviour(script=(None, *FAULTS))
    seen: list[list[tuple[Any, ...]]] = []
    for surroundings in (asking, working):
        async with surroundings(behaviour, timeout="3") as (server, provider, model):
            found = [await outcome(provider, make_request(model)) for _ in behaviour.script]
            assert server.tally.headers[0]["Authorization"] == f"Bearer {KEY}"
            seen.append([describe(each) for each in found])
    assert seen[0] == seen[1]
    assert len({each[:2] for each in seen[1]}) > len(FAULTS) / 2
    assert KEY not in str(seen)


async def test_rates_that_headers_tell_are_heard() -> None:
    heard: list[Quotas] = []
    async with working(Behaviour(limits=RateLimits(rpm=600))) as (_, provider, model):
        provider.announce(heard.append)  # type: ignore[attr-defined]
        await outcome(provider, make_request(model))
    assert [quotas.requests.limit for quotas in heard if quotas.requests is not None] == [600]


@needs_proc
async def test_several_workers_share_the_calls_and_end_with_the_provider() -> None:
    async with working(Behaviour(latency=(0.05, 0.05)), count=2) as (server, provider, model):
        pids = find_workers(os.getpid())
        await asyncio.gather(*(outcome(provider, make_request(model, f"Number {number}.")) for number in range(8)))
        assert server.tally.most_running > 1
    assert len(pids) == 2
    assert [pid for pid in pids if is_running(pid)] == []


@needs_proc
async def test_a_worker_holds_the_key_in_its_memory_alone_and_hears_no_interrupt(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    async with working() as (_, provider, model):
        (pid,) = find_workers(os.getpid())
        for file in ("cmdline", "environ"):
            assert KEY.encode() not in (PROC / str(pid) / file).read_bytes()
        assert os.getsid(pid) != os.getsid(0)  # Ctrl-C on a terminal reaches the parent alone
        os.kill(pid, signal.SIGINT)
        assert isinstance(await outcome(provider, make_request(model)), Completion)
        assert find_workers(os.getpid()) == [pid]


@needs_proc
async def test_the_calls_of_a_worker_that_is_killed_may_have_been_charged_and_another_one_makes_the_next() -> None:
    async with working(Behaviour(script=(Fault("hang"), Fault("hang")))) as (server, provider, model):
        (pid,) = find_workers(os.getpid())
        calls = [asyncio.create_task(failure(provider, make_request(model, f"Number {each}."))) for each in range(2)]
        while len(server.tally.bodies) < 2:
            await asyncio.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        for error in await asyncio.gather(*calls):
            assert (error.kind, error.sent) == ("connection", True)
        assert isinstance(await outcome(provider, make_request(model)), Completion)
        assert pid not in find_workers(os.getpid())


async def test_a_call_that_nobody_waits_for_is_given_up() -> None:
    async with working(Behaviour(script=(Fault("hang"),))) as (server, provider, model):
        call = asyncio.create_task(provider.complete(make_request(model)))
        while not server.tally.running:
            await asyncio.sleep(0.005)
        call.cancel()
        while server.tally.running:
            await asyncio.sleep(0.005)
        assert isinstance(await outcome(provider, make_request(model)), Completion)


async def test_where_no_worker_starts_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with working() as (server, provider, model):
        error = await failure(provider, make_request(model))
        assert (error.kind, error.sent) == ("connection", False)
        assert server.tally.bodies == []


def test_a_worker_imports_what_an_exchange_needs() -> None:
    program = (
        "import sys, refinelab_dsl.exchange.worker as worker; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} | "
        "{name for name in sys.modules if name.startswith('refinelab_dsl.')}))"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "openai" in shown
    ours = [name for name in shown if name.startswith("refinelab_dsl.")]
    assert [name for name in ours if not name.startswith("refinelab_dsl.exchange")] == []
    assert {"pyomo", "highspy", "lark", "jinja2", "numpy", "sqlite3", "click", "rich", "duckdb"}.isdisjoint(shown)


async def test_without_the_sdk_no_worker_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with TemporaryDirectory() as folder, Store(Path(folder) / "store.db") as store:
        model = make_model(base_url="http://127.0.0.1:9/v1", api_key="TEST_KEY")
        refused = open_provider(model, store=store, environ=ENVIRON, workers=Workers(1))
    assert isinstance(refused, Diagnostic)
    assert refused.code == "RF6204"
