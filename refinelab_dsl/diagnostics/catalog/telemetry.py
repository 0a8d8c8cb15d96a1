"""RF606x: runs that are told to OpenTelemetry."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help


def telemetry_missing() -> Diagnostic:
    """RF6060: the environment names an endpoint of OpenTelemetry, and the packages that would tell it are not here."""
    return Diagnostic(
        "RF6060", "note", "the environment asks for telemetry, and the packages for it are not installed",
        help=(
            Help("install them: pip install 'refinec[otel]'"),
            Help("or turn it off for refinec: OTEL_SDK_DISABLED=true"),
        ),
    )


def telemetry_protocol(protocol: str) -> Diagnostic:
    """RF6061: the environment asks for a protocol that refinec does not speak."""
    return Diagnostic(
        "RF6061", "warning", f"nothing is told to OpenTelemetry: the protocol is {protocol!r}, and only HTTP is spoken",
        help=(
            Help("set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, and the endpoint that goes with it, mostly port 4318"),
        ),
    )


def telemetry_lost(hosts: str, reason: str) -> Diagnostic:
    """RF6062: the endpoint was down, or too slow for what there was to tell; the run itself is whole."""
    return Diagnostic(
        "RF6062", "warning", f"not all telemetry of the run got to {hosts or 'its receiver'}", notes=(reason,),
        help=(
            Help("see whether the collector runs, and whether OTEL_EXPORTER_OTLP_ENDPOINT is its address"),
            Help("the run and its log are whole: nothing else depends on it"),
        ),
    )
