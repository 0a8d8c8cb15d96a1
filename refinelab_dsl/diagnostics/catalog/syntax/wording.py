"""The form that complaints share."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help, Label
from refinelab_dsl.source import Span

_SHOWN = 40


def shorten(text: str) -> str:
    """Text of a file, short enough for a message."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def error(
    code: str,
    message: str,
    span: Span | None,
    label: str,
    *,
    labels: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help: tuple[Help, ...] = (),
) -> Diagnostic:
    """An error at a place of a spec."""
    return Diagnostic(code, "error", message, span, label=label, labels=labels, notes=notes, help=help)
