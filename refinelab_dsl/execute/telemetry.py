"""Whether a run is told to OpenTelemetry, and to whom. Without a wish for it nothing of it is imported.

The wish is what OpenTelemetry itself reads: an endpoint in `OTEL_EXPORTER_OTLP_ENDPOINT` (or the one of a signal), or a
provider that a program which uses the Python interface, or `opentelemetry-instrument`, has set. It is the user's
environment that says it, never a spec. Nothing that happens to what is told slows a run down or fails it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import telemetry as faults
from refinelab_dsl.execute.observe import Event, Observer, Observers, Progress, RunOutcome

if TYPE_CHECKING:
    from refinelab_dsl.artifacts.plan import Header
    from refinelab_dsl.execute.tracing import Telemetry

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNALS = {"traces": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "metrics": "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}
_PROTOCOLS = ("http/protobuf", "")  # those that the exporter speaks, `OTEL_EXPORTER_OTLP_PROTOCOL` unset included


@contextmanager
def open_telemetry(
    observer: Observer, environ: Mapping[str, str], say: Callable[[Diagnostic], None]
) -> Iterator[Observer]:
    """`observer`, and beside it what tells OpenTelemetry, where somebody wished for it; what was told is delivered on
    the way out, which takes a short while at most.

    environ: of this process: the exporter reads it as well. say: is told why nothing, or not everything, got there.
    """
    signals = find_signals(environ)
    if not signals and not _is_provided():
        yield observer
        return
    telemetry = _build(signals, environ)
    if isinstance(telemetry, Diagnostic):
        say(telemetry)
        yield observer
        return
    guarded = _Guarded(telemetry)
    try:
        yield Observers((observer, guarded))
    finally:
        problem = guarded.close(_find_hosts(environ))
        if problem is not None:
            say(problem)


def find_signals(environ: Mapping[str, str]) -> frozenset[str]:
    """`traces` and `metrics`, as far as the environment names an endpoint for them and does not turn them off."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return frozenset()
    return frozenset(
        signal
        for signal, own in _SIGNALS.items()
        if (environ.get(own) or environ.get(ENDPOINT)) and environ.get(f"OTEL_{signal.upper()}_EXPORTER") != "none"
    )


def _is_provided() -> bool:
    """Whether this very process has a provider of its own."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return False
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)


def _find_hosts(environ: Mapping[str, str]) -> str:
    """The hosts of the endpoints, without what else their addresses may hold."""
    found: dict[str, None] = {}
    for name in (*_SIGNALS.values(), ENDPOINT):
        with suppress(ValueError):
            found[urlsplit(environ.get(name, "")).hostname or ""] = None
    return ", ".join(host for host in found if host)


def _build(signals: frozenset[str], environ: Mapping[str, str]) -> Telemetry | Diagnostic:
    try:
        from refinelab_dsl.execute.tracing import build_telemetry
    except ImportError:
        return faults.telemetry_missing()
    for signal in signals:
        protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "") or environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL", ""
        )
        if protocol.strip() not in _PROTOCOLS:
            return faults.telemetry_protocol(protocol.strip())
    try:
        return build_telemetry(signals, environ)
    except Exception as error:  # the environment sets what the packages refuse
        told = " ".join(str(error).split())
        return faults.telemetry_lost(_find_hosts(environ), f"it cannot be told: {told or type(error).__name__}")


class _Guarded:
    """Telemetry that ends at its first fault."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._fault: Exception | None = None

    def start(self, run: int, header: Header) -> None:
        self._try(lambda: self._telemetry.start(run, header))

    def update(self, progress: Progress) -> None:
        return None

    def say(self, diagnostic: Diagnostic) -> None:
        return None

    def note(self, event: Event) -> None:
        self._try(lambda: self._telemetry.note(event))

    def end(self, outcome: RunOutcome) -> None:
        self._try(lambda: self._telemetry.end(outcome))

    def close(self, hosts: str) -> Diagnostic | None:
        lost = 0
        try:
            lost = self._telemetry.close()
        except KeyboardInterrupt:  # the run is over, and nobody wants to wait
            return None
        except Exception as error:
            self._fault = self._fault or error
        if self._fault is not None:
            return faults.telemetry_lost(hosts, f"it failed: {type(self._fault).__name__}")
        return faults.telemetry_lost(hosts, f"{lost:,} spans or reports of metrics were given up") if lost else None

    def _try(self, tell: Callable[[], None]) -> None:
        if self._fault is None:
            try:
                tell()
            except Exception as error:  # whatever an exporter or a processor of the user's raises
                self._fault = error
