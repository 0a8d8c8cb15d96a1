"""A run as spans and metrics, by OpenTelemetry's conventions for generative AI (1.41).

A run is a span `invoke_workflow SPEC`; beneath it stands one for each step that asked, `step OPERATOR`; beneath that
one for each try of a call, `chat MODEL` or `embeddings MODEL`. They hold names and figures: of what is asked and
answered nothing, and there is no switch for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from refinelab_dsl import __version__
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.effects import Embed, effect_usd
from refinelab_dsl.execute.observe import CallEnded, Event, RunOutcome, StepEnded, StepStarted
from refinelab_dsl.prompts.hosts import DEFAULT_BASE_URL
from refinelab_dsl.prompts.request import Request

QUEUE = 8_192  # spans that wait at most; more are dropped, and counted
FLUSH_SECONDS = 2.0  # for what waits when a run is over, unless `OTEL_BSP_EXPORT_TIMEOUT` says otherwise
UNNAMED: Final = "unknown"  # the model of a reply that names none
_NANO = 1_000_000_000
TOKEN_BUCKETS: Final = tuple(4.0**power for power in range(14))
SECOND_BUCKETS: Final = tuple(0.01 * 2**power for power in range(14))
_PORTS: Final = {"http": 80, "https": 443}
_PARAMS: Final = {  # of a model -> attribute; those that are numbers
    "temperature": "gen_ai.request.temperature", "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty", "presence_penalty": "gen_ai.request.presence_penalty",
}  # fmt: skip

Attributes = dict[str, Any]


def build_telemetry(signals: frozenset[str], environ: Mapping[str, str]) -> Telemetry:
    """Tells the providers of this process, where it has some, else an exporter over OTLP and HTTP for each signal."""
    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    if not isinstance(tracers, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return Telemetry(tracers, meters, environ, ())
    if not logging.getLogger().handlers:  # nobody listens: it must not reach standard error
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    resource = Resource.create(_describe_service(environ))
    exports: list[Export] = []
    tracers, meters = trace.NoOpTracerProvider(), metrics.NoOpMeterProvider()
    if "traces" in signals:
        tracers, export = trace_to(OTLPSpanExporter(), resource, environ)
        exports.append(export)
    if "metrics" in signals:
        meters, export = meter_to(OTLPMetricExporter(), resource)
        exports.append(export)
    return Telemetry(tracers, meters, environ, exports)


@dataclass(frozen=True)
class Export:
    """A signal on its way. flush: sends what waits, and takes its time. cancel: gives that up. lost: what did not get
    there so far."""

    flush: Callable[[], None]
    cancel: Callable[[], None]
    lost: Callable[[], int]


def trace_to(
    exporter: SpanExporter, resource: Resource, environ: Mapping[str, str]
) -> tuple[TracerProvider, Export]:
    """Spans in batches through a bounded queue, from a thread of their own."""
    counting = _CountingSpans(exporter)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    processor = _CountingProcessor(counting, None if environ.get("OTEL_BSP_MAX_QUEUE_SIZE") else QUEUE)
    provider.add_span_processor(processor)
    return provider, Export(provider.shutdown, exporter.shutdown, lambda: processor.ended - counting.delivered)


def meter_to(exporter: MetricExporter, resource: Resource) -> tuple[MeterProvider, Export]:
    """Metrics once a minute (`OTEL_METRIC_EXPORT_INTERVAL`) and at the end, from a thread of their own."""
    counting = _CountingMetrics(exporter)
    reader = PeriodicExportingMetricReader(counting)
    provider = MeterProvider(resource=resource, metric_readers=[reader], shutdown_on_exit=False)
    return provider, Export(provider.shutdown, exporter.shutdown, lambda: counting.lost)


class Telemetry:
    """One run as spans and metrics; belongs to the run's event loop."""

    def __init__(
        self, tracers: trace.TracerProvider, meters: metrics.MeterProvider, environ: Mapping[str, str],
        exports: Sequence[Export],
    ) -> None:
        """environ: `TRACEPARENT` is the span that the run belongs to, that of a CI job, say."""
        self._tracer = tracers.get_tracer("refinec", __version__)
        meter = meters.get_meter("refinec", __version__)
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )  # fmt: skip
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECOND_BUCKETS,
        )  # fmt: skip
        carrier = {name: environ[name.upper()] for name in ("traceparent", "tracestate") if environ.get(name.upper())}
        self._context = TraceContextTextMapPropagator().extract(carrier) if carrier else None
        self._exports = exports
        self._patience = _find_patience(environ)
        self._run: Span | None = None
        self._started: dict[int, tuple[str, int]] = {}  # step -> its operator, and since when it runs
        self._steps: dict[int, Span] = {}  # of those that asked

    def start(self, run: int, header: Header) -> None:
        self._run = self._tracer.start_span(
            f"invoke_workflow {header.spec}", self._context, SpanKind.INTERNAL,
            {
                "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": header.spec, "refinec.run": run,
                "refinec.spec_sha256": header.spec_sha256,
            },
        )  # fmt: skip
        # What is planned again goes on as a run of its own, and belongs to the same trace.
        self._context = trace.set_span_in_context(trace.NonRecordingSpan(self._run.get_span_context()))

    def note(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._started.setdefault(event.step, (event.operator, time.time_ns()))
            case CallEnded():
                self._tell_call(event)
            case StepEnded():
                self._end_step(event)
            case _:
                pass

    def end(self, outcome: RunOutcome) -> None:
        self._end_open_steps()
        if self._run is None:
            return
        cost = outcome.head.get("cost") or {}
        found: Attributes = {
            "refinec.status": outcome.status, "refinec.exit_code": int(outcome.exit_code),
            "refinec.plan_id": outcome.head.get("plan_id"), "refinec.tokens": cost.get("tokens"),
            "refinec.usd": None if cost.get("usd") is None else float(cost["usd"]),
        }  # fmt: skip
        self._run.set_attributes({name: value for name, value in found.items() if value is not None})
        if outcome.status in ("interrupted", "stopped"):
            _fail(self._run, outcome.status)
        self._run.end()
        self._run = None

    def close(self) -> int:
        """Delivers what waits, for a short while; returns how many spans and reports did not get there."""
        self._end_open_steps()
        if self._run is not None:
            self._run.end()
        threads = [threading.Thread(target=export.flush, daemon=True) for export in self._exports]
        deadline = time.monotonic() + self._patience
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [export for thread, export in zip(threads, self._exports, strict=True) if thread.is_alive()]
        for export in late:
            export.cancel()
        return sum(max(export.lost(), int(export in late)) for export in self._exports)

    # ---- spans ---------------------------------------------------------------------------------------------------

    def _tell_call(self, event: CallEnded) -> None:
        ended = time.time_ns()
        began = ended - int(event.seconds * _NANO)
        parent = trace.set_span_in_context(self._find_step(event.step, began))
        if not isinstance(event.effect, Request | Embed):
            span = self._tracer.start_span(event.line, parent, SpanKind.INTERNAL, start_time=began)
        else:
            asked = describe_asked(event.effect)
            of_span, of_metric = {**asked, **describe_request(event.effect)}, dict(asked)
            completion = event.completion
            if completion is not None:
                if completion.model != UNNAMED:
                    of_metric["gen_ai.response.model"] = of_span["gen_ai.response.model"] = completion.model
                of_span |= describe_reply(event)
            if event.error is not None:
                of_metric["error.type"] = event.error
            name = f"{asked['gen_ai.operation.name']} {asked['gen_ai.request.model']}"
            span = self._tracer.start_span(name, parent, SpanKind.CLIENT, of_span, start_time=began)
            self._measure(event, of_metric)
        if event.error is not None:
            _fail(span, event.error)
        span.end(ended)

    def _measure(self, event: CallEnded, attributes: Attributes) -> None:
        self._seconds.record(event.seconds, attributes)
        usage = None if event.completion is None else event.completion.usage
        if usage is not None:
            self._tokens.record(usage.input_tokens, {**attributes, "gen_ai.token.type": "input"})
            if isinstance(event.effect, Request):
                self._tokens.record(usage.output_tokens, {**attributes, "gen_ai.token.type": "output"})

    def _find_step(self, step: int, began: int) -> Span:
        """The span of a step, begun now if this is its first call: a step that asks nobody has none."""
        span = self._steps.get(step)
        if span is None:
            if step not in self._started:  # calls beside a plan, those of `evaluate`
                return self._find_run()
            operator, since = self._started[step]
            span = self._steps[step] = self._tracer.start_span(
                f"step {operator}", trace.set_span_in_context(self._find_run()), SpanKind.INTERNAL,
                {"refinec.step": step, "refinec.operator": operator}, start_time=min(since, began),
            )  # fmt: skip
        return span

    def _find_run(self) -> Span:
        if self._run is None:
            self._run = self._tracer.start_span("invoke_workflow evaluate", self._context, SpanKind.INTERNAL, {
                "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "evaluate",
            })  # fmt: skip
        return self._run

    def _end_step(self, event: StepEnded) -> None:
        self._started.pop(event.step, None)
        span = self._steps.pop(event.step, None)
        if span is None:
            return
        span.set_attribute("refinec.outcome", event.outcome)
        if event.check is not None:
            span.set_attribute("refinec.check", event.check)
        if event.failure is not None:
            _fail(span, event.failure)
        span.end(time.time_ns() - int(event.waited * _NANO))

    def _end_open_steps(self) -> None:
        """Those whose turn never came."""
        for span in self._steps.values():
            span.set_attribute("refinec.outcome", "stopped")
            span.end()
        self._steps.clear()
        self._started.clear()


# ---- attributes ------------------------------------------------------------------------------------------------------


def describe_asked(effect: Request | Embed) -> Attributes:
    """What a span and a metric have in common: the operation, the model, the server."""
    asked = effect.model if isinstance(effect, Request) else effect.embedding
    found: Attributes = {
        "gen_ai.operation.name": "chat" if isinstance(effect, Request) else "embeddings",
        "gen_ai.provider.name": asked.provider, "gen_ai.request.model": asked.id,
    }  # fmt: skip
    return found | describe_server(asked)


def describe_server(asked: Model | Embedding) -> Attributes:
    """Host and port of an endpoint, without what else its address may hold."""
    if asked.provider != "openai":
        return {}
    try:
        address = urlsplit(asked.base_url or DEFAULT_BASE_URL)
        host, port = address.hostname, address.port or _PORTS.get(address.scheme)
    except ValueError:
        return {}
    return {} if host is None else {"server.address": host} | ({} if port is None else {"server.port": port})


def describe_request(effect: Request | Embed) -> Attributes:
    """How a request asks."""
    if isinstance(effect, Embed):
        return {}
    params = effect.model.params
    found: Attributes = {"gen_ai.request.max_tokens": effect.max_output_tokens}
    found |= {
        attribute: float(value)
        for name, attribute in _PARAMS.items()
        if isinstance(value := params.get(name), int | float) and not isinstance(value, bool)
    }
    if isinstance(seed := params.get("seed"), int):
        found["gen_ai.request.seed"] = seed
    if effect.schema is not None:
        found["gen_ai.output.type"] = "json"
    return found


def describe_reply(event: CallEnded) -> Attributes:
    """What came back, in figures."""
    completion = event.completion
    assert completion is not None
    found: Attributes = {"refinec.simulated": completion.simulated}
    if isinstance(event.effect, Request):
        found["gen_ai.response.finish_reasons"] = (completion.finish_reason,)
    if completion.request_id is not None:
        found["refinec.request_id"] = completion.request_id
    usage = completion.usage
    if usage is not None:
        found["gen_ai.usage.input_tokens"] = usage.input_tokens
        if isinstance(event.effect, Request):
            found["gen_ai.usage.output_tokens"] = usage.output_tokens
        if usage.cached_input_tokens:
            found["gen_ai.usage.cache_read.input_tokens"] = usage.cached_input_tokens
        usd = effect_usd(event.effect, usage)
        if usd is not None:
            found["refinec.usd"] = float(usd)
    return found


def _describe_service(environ: Mapping[str, str]) -> Attributes:
    is_named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {"service.version": __version__} | ({} if is_named else {"service.name": "refinec"})


def _find_patience(environ: Mapping[str, str]) -> float:
    try:
        return int(environ["OTEL_BSP_EXPORT_TIMEOUT"]) / 1000
    except (KeyError, ValueError):
        return FLUSH_SECONDS


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


# ---- what gets there -------------------------------------------------------------------------------------------------


class _CountingProcessor(BatchSpanProcessor):
    """Counts the spans that ended, so that those which a full queue dropped are known."""

    def __init__(self, exporter: SpanExporter, queue: int | None) -> None:
        super().__init__(exporter, max_queue_size=queue)
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += span.context is not None and span.context.trace_flags.sampled
        super().on_end(span)


class _CountingSpans(SpanExporter):
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.delivered = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _CountingMetrics(MetricExporter):
    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self.lost = 0

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        result = self._exporter.export(metrics_data, timeout_millis, **kwargs)
        self.lost += result is not MetricExportResult.SUCCESS
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._exporter.shutdown(timeout_millis, **kwargs)
