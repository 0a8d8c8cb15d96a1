"""Runs as OpenTelemetry sees them: spans and metrics by its conventions, no text, and no harm where nobody listens."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.trace import SpanKind, StatusCode

from refinelab_dsl import execute
from refinelab_dsl.declarations import Embedding, Model, Price
from refinelab_dsl.effects import Embed, Retrieve
from refinelab_dsl.execute import CallEnded, telemetry, tracing
from refinelab_dsl.execute.observe import Observers
from refinelab_dsl.execute.tracing import Telemetry, describe_server
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import refinec
from tests.execute.worlds import SOURCE, Wish, World, build_world
from tests.harness.collector import Collector, attributes_of
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

KEY = "sk-planted-0123456789abcdef"
PRICED = Wish(price=Price(input=Decimal("0.000001"), output=Decimal("0.000004")), params={"temperature": 0.5})
KNOWN = {value for name, value in vars(gen_ai_attributes).items() if name.isupper() and isinstance(value, str)}


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else's collector hears of the tests, and no test waits long for one."""
    for name in [name for name in os.environ if name.startswith("OTEL_") or name == "TRACEPARENT"]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.3)


class Memory:
    """Telemetry that stays in this process."""

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.observer = Telemetry(self.tracers, MeterProvider([self._reader]), environ or {}, ())

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, start: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(start)]

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
            if metric.name == name for point in metric.data.data_points
        ]  # fmt: skip


class Told(execute.SilentObserver):
    """Telemetry as an observer, with the methods that it leaves out."""

    def __init__(self, memory: Memory) -> None:
        self._telemetry = memory.observer
        self.start = self._telemetry.start  # type: ignore[method-assign]
        self.note = self._telemetry.note  # type: ignore[method-assign]
        self.end = self._telemetry.end  # type: ignore[method-assign]


def watch(world: World, memory: Memory, **options: Any) -> execute.RunOutcome:
    return world.apply(Told(memory), **options)


def of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


# ---- spans and metrics -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Memory, execute.RunOutcome, ThreadServer]:
    """A run with two failures and some rejects, as it was told."""
    memory = Memory()
    faults = (Fault("status", status=429, retry_after="0"), Fault("status", status=500))
    with ThreadServer(Behaviour(Simulation(success=0.6, malformed=0.2), script=faults)) as server:
        world = build_world(tmp_path_factory.mktemp("seen"), PRICED, base_url=server.base_url)
        outcome = watch(world, memory)
    return memory, outcome, server


def test_a_run_its_steps_and_their_calls_are_one_trace(seen: tuple[Memory, execute.RunOutcome, ThreadServer]) -> None:
    memory, outcome, server = seen
    (run,) = memory.named("invoke_workflow")
    assert run.name == f"invoke_workflow {of(run)['gen_ai.workflow.name']}"
    assert of(run)["refinec.run"] == 1
    assert (of(run)["refinec.status"], of(run)["refinec.exit_code"]) == (outcome.status, int(outcome.exit_code))
    assert of(run)["refinec.tokens"] == outcome.head["cost"]["tokens"]
    assert of(run)["refinec.usd"] == pytest.approx(float(outcome.head["cost"]["usd"]))
    assert len({span.context.trace_id for span in memory.spans}) == 1
    steps = {span.context.span_id: span for span in memory.named("step ")}
    assert {span.parent.span_id for span in steps.values() if span.parent} == {run.context.span_id}
    calls = memory.named("chat ")
    assert len(calls) == sum(server.tally.asked.values())
    assert {span.parent.span_id for span in calls if span.parent} == steps.keys()  # no step without a call has one
    for span in calls:
        step = steps[span.parent.span_id]  # type: ignore[union-attr]
        assert step.start_time <= span.start_time <= span.end_time <= step.end_time + 1_000_000_000  # type: ignore[operator]


def test_calls_are_described_as_the_conventions_say(seen: tuple[Memory, execute.RunOutcome, ThreadServer]) -> None:
    memory, _, server = seen
    good = next(span for span in memory.named("chat ") if span.status.status_code is not StatusCode.ERROR)
    found = of(good)
    assert (good.name, good.kind) == (f"chat {found['gen_ai.request.model']}", SpanKind.CLIENT)
    assert {name: found[name] for name in (
        "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.output.type", "gen_ai.response.finish_reasons",
        "gen_ai.request.max_tokens", "server.address", "server.port",
    )} == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("stop",), "gen_ai.request.max_tokens": 300,
        "server.address": "127.0.0.1", "server.port": urlsplit(server.base_url).port,
    }  # fmt: skip
    assert found["gen_ai.usage.input_tokens"] > found["gen_ai.usage.output_tokens"] > 0
    assert found["refinec.usd"] == pytest.approx(
        found["gen_ai.usage.input_tokens"] * 1e-6 + found["gen_ai.usage.output_tokens"] * 4e-6
    )
    ours = {name for span in memory.spans for name in of(span) if name.startswith("gen_ai.")}
    assert ours <= KNOWN
    assert ours.isdisjoint({"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"})


def test_failures_are_errors_with_their_kind(seen: tuple[Memory, execute.RunOutcome, ThreadServer]) -> None:
    memory, _, _ = seen
    failed = [span for span in memory.named("chat ") if span.status.status_code is StatusCode.ERROR]
    assert Counter(of(span)["error.type"] for span in failed) == {"rate_limit": 1, "server": 1}
    assert all("gen_ai.usage.input_tokens" not in of(span) for span in failed)
    outcomes = Counter(of(span)["refinec.outcome"] for span in memory.named("step "))
    assert outcomes["accepted"] > 0
    assert outcomes["rejected"] > 0
    assert all(of(span)["refinec.check"] for span in memory.named("step ") if of(span)["refinec.outcome"] == "rejected")


def test_metrics_count_tokens_and_time_operations(seen: tuple[Memory, execute.RunOutcome, ThreadServer]) -> None:
    memory, outcome, server = seen
    points = memory.points(gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE)
    assert {point.attributes["gen_ai.token.type"] for point in points} == {"input", "output"}
    assert sum(point.sum for point in points) == outcome.head["cost"]["tokens"]
    assert points[0].explicit_bounds[:3] == (1, 4, 16)
    timed = memory.points(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION)
    assert sum(point.count for point in timed) == sum(server.tally.asked.values())
    assert sum(point.count for point in timed if point.attributes.get("error.type") == "rate_limit") == 1
    assert timed[0].explicit_bounds[:2] == (0.01, 0.02)


def test_a_run_that_stops_ends_all_its_spans(tmp_path: Path) -> None:
    memory = Memory()
    with ThreadServer(Behaviour(key="another")) as server:
        world = build_world(tmp_path, Wish(api_key="PLANTED"), base_url=server.base_url)
        outcome = watch(world, memory, environ={**os.environ, "PLANTED": KEY})
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    (run,) = memory.named("invoke_workflow")
    assert (run.status.status_code, of(run)["error.type"]) == (StatusCode.ERROR, "stopped")
    assert {of(span)["refinec.outcome"] for span in memory.named("step ")} == {"stopped"}
    assert {of(span)["error.type"] for span in memory.named("chat ")} == {"authentication"}


def test_what_the_store_holds_is_no_call(tmp_path: Path) -> None:
    build_world(tmp_path).apply()
    memory = Memory()
    assert watch(build_world(tmp_path), memory).status == "complete"
    assert [span.name.split()[0] for span in memory.spans] == ["invoke_workflow"]


def test_a_run_belongs_to_the_trace_of_its_job(tmp_path: Path) -> None:
    memory = Memory({"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    watch(build_world(tmp_path), memory)
    (run,) = memory.named("invoke_workflow")
    assert f"{run.context.trace_id:x}" == "af7651916cd43dd8448eb211c80319c"
    assert run.parent is not None
    assert f"{run.parent.span_id:x}" == "b7ad6b7169203331"


def test_an_address_is_told_without_what_else_it_holds() -> None:
    model = Model(name="m", provider="openai", id="m", base_url="https://user:secret@models.example/v1?key=secret")
    assert describe_server(model) == {"server.address": "models.example", "server.port": 443}
    embedding = Embedding(name="e", provider="openai", id="e")
    assert describe_server(embedding) == {"server.address": "api.openai.com", "server.port": 443}
    assert describe_server(Model(name="m", provider="simulated", id="m")) == {}


def test_embeddings_are_an_operation_of_their_own() -> None:
    memory = Memory()
    embedding = Embedding(name="near", provider="openai", id="text-embedding-3-small", price=Decimal("0.00000002"))
    reply = Completion("[[0.5]]", Usage(1_000, 0), "stop", "text-embedding-3-small")
    memory.observer.note(CallEnded(1, "embedding.near", Embed(embedding, ("a planted text",)), 0.25, reply))
    memory.observer.note(CallEnded(1, "corpus.facts", Retrieve("facts", "a planted query", 4), 0.01, reply))
    memory.observer.close()
    (call,) = memory.named("embeddings ")
    assert (call.name, call.kind) == ("embeddings text-embedding-3-small", SpanKind.CLIENT)
    assert call.end_time - call.start_time == 250_000_000  # type: ignore[operator]
    assert of(call)["gen_ai.usage.input_tokens"] == 1_000
    assert of(call)["refinec.usd"] == pytest.approx(0.00002)
    assert "gen_ai.usage.output_tokens" not in of(call)
    (search,) = memory.named("corpus.facts")
    assert of(search) == {}
    (work,) = memory.named("invoke_workflow")  # of calls beside a plan
    assert work.name == "invoke_workflow evaluate"
    assert {span.parent.span_id for span in (call, search) if span.parent} == {work.context.span_id}
    assert "planted" not in "".join(span.to_json() for span in memory.spans)


# ---- over the wire ---------------------------------------------------------------------------------------------------


def test_a_collector_gets_all_of_it_and_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_EXPORT_TIMEOUT", "60000")
    behaviour = Behaviour(Simulation(success=0.6, malformed=0.3), key=KEY)
    with Collector() as collector, ThreadServer(behaviour) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        world = build_world(tmp_path, Wish(api_key="PLANTED"), base_url=server.base_url)
        outcome = world.apply(environ={**os.environ, "PLANTED": KEY})
    assert [each.code for each in outcome.diagnostics if each.code.startswith("RF606")] == []
    names = Counter(span.name.split()[0] for span in collector.spans)
    assert names["invoke_workflow"] == 1
    assert names["chat"] == sum(server.tally.asked.values())
    assert collector.services == {"refinec"}
    usage = collector.metrics["gen_ai.client.token.usage"]
    assert sum(point.sum for point in usage.histogram.data_points) == outcome.head["cost"]["tokens"]
    sent = b"".join(body for _, body in collector.bodies).decode("utf-8", "replace")
    rows = [json.loads(line) for line in (world.project.base / SOURCE).read_text(encoding="utf-8").splitlines()]
    words = {word for row in rows for word in row["question"].split()[2:-1]} | {row["answer"] for row in rows}
    lines = {
        line for body in server.tally.bodies for message in body["messages"] for line in message["content"].splitlines()
    }
    assert KEY not in sent
    assert [word for word in words if word in sent] == []
    assert [line for line in lines if len(line) > 20 and line in sent] == []


def test_the_command_tells_a_collector_too(tmp_path: Path) -> None:
    assert refinec("init", cwd=tmp_path).code == 0
    with Collector() as collector:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_SERVICE_NAME": "nightly",
            "OTEL_BSP_EXPORT_TIMEOUT": "60000",
        }  # fmt: skip
        answer = refinec("apply", "--auto-approve", cwd=tmp_path, environ=environ)
    assert answer.code == 0, answer.err
    assert "RF606" not in answer.err
    assert collector.services == {"nightly"}
    spans = [attributes_of(span) for span in collector.spans if span.name.startswith("chat ")]
    assert spans
    assert {span["gen_ai.provider.name"] for span in spans} == {"simulated"}


def test_only_the_signal_that_has_an_endpoint_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_EXPORT_TIMEOUT", "60000")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{collector.endpoint}/v1/metrics")
        build_world(tmp_path).apply()
    assert {path for path, _ in collector.bodies} == {"/v1/metrics"}


@pytest.mark.parametrize("trouble", ["closed", "hanging", "refusing"])
def test_a_collector_in_trouble_changes_nothing(trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = build_world(tmp_path / "quiet")
    expected = quiet.apply()
    world = build_world(tmp_path / "told")
    with Collector(hangs=trouble == "hanging", status=400) as collector:
        endpoint = f"http://127.0.0.1:{_free_port()}" if trouble == "closed" else collector.endpoint
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        outcome = world.apply()
    assert (outcome.status, outcome.exit_code) == (expected.status, expected.exit_code)
    assert world.output() == quiet.output()
    assert world.log(1) == quiet.log(1)
    (lost,) = [each for each in outcome.diagnostics if each.code == "RF6062"]
    assert lost.message == "not all telemetry of the run got to 127.0.0.1"
    assert lost.severity == "warning"


def test_a_queue_that_is_full_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "QUEUE", 512)
    exporter = InMemorySpanExporter()
    exporter.shutdown()  # takes nothing any more
    provider, export = tracing.trace_to(exporter, tracing.Resource.get_empty(), {})
    tracer = provider.get_tracer("test")
    for number in range(2_000):
        tracer.start_span(str(number)).end()
    export.flush()
    assert export.lost() == 2_000


# ---- off, and in trouble ---------------------------------------------------------------------------------------------


def test_nothing_is_told_where_nobody_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert telemetry.find_signals({}) == frozenset()
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert telemetry.find_signals(on) == {"traces", "metrics"}
    assert telemetry.find_signals({**on, "OTEL_TRACES_EXPORTER": "none"}) == {"metrics"}
    assert telemetry.find_signals({**on, "OTEL_SDK_DISABLED": "true"}) == frozenset()
    monkeypatch.setattr(tracing, "build_telemetry", lambda *_: pytest.fail("it was built"))
    assert build_world(tmp_path).apply().status == "complete"


def test_a_package_that_is_missing_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "refinelab_dsl.execute.tracing", None)
    outcome = build_world(tmp_path).apply()
    assert outcome.exit_code == ExitCode.DONE
    assert [(each.code, each.severity) for each in outcome.diagnostics if each.code == "RF6060"] == [("RF6060", "note")]


def test_a_protocol_that_is_not_spoken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    outcome = build_world(tmp_path).apply()
    assert (outcome.status, "RF6061" in [each.code for each in outcome.diagnostics]) == ("complete", True)


@pytest.mark.parametrize(
    "name", ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"]
)
def test_what_the_packages_refuse_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, "-4")
    outcome = build_world(tmp_path).apply()
    assert outcome.exit_code == ExitCode.DONE
    assert [each.code for each in outcome.diagnostics] == ["RF6062"]


def test_the_provider_of_a_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", memory.tracers)
    assert build_world(tmp_path).apply().status == "complete"
    assert len(memory.named("invoke_workflow")) == 1
    assert memory.named("chat ")


def test_telemetry_that_fails_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", memory.tracers)
    monkeypatch.setattr(Telemetry, "_tell_call", lambda *_: 1 / 0)
    outcome = build_world(tmp_path).apply()
    assert outcome.status == "complete"
    (lost,) = [each for each in outcome.diagnostics if each.code == "RF6062"]
    assert lost.notes == ("it failed: ZeroDivisionError",)


def test_observers_are_told_in_turn(tmp_path: Path) -> None:
    one, other = Memory(), Memory()
    build_world(tmp_path).apply(Observers((Told(one), Told(other))))
    assert [span.name for span in one.spans] == [span.name for span in other.spans]
    assert one.spans


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
