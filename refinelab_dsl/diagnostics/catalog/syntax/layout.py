"""RF108x: the layout of a spec."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Span


def layout_refused(span: Span, reason: str) -> Diagnostic:
    """RF1080: the formatter read its own output again and did not find what the file says; the file is left alone."""
    return Diagnostic(
        "RF1080", "error", "the file cannot be laid out without a change of what it says", span,
        notes=(reason,),
        help=(Help("the file was left as it is; please report it: this should not happen"),),
    )
