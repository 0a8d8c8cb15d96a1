"""Everything that can go wrong, one constructor per error: `catalog.names.unknown_label(...)`.

A constructor returns a `Diagnostic`; its docstring says what the code means. Wording, code and help stand here and
nowhere else.
"""

from refinelab_dsl.diagnostics.catalog import (
    audit,
    data,
    decisions,
    embeddings,
    evaluation,
    evidence,
    feedback,
    housekeeping,
    internal,
    lock,
    loop,
    names,
    plan,
    records,
    retrieval,
    run,
    solving,
    syntax,
    telemetry,
)

__all__ = [
    "audit",
    "data",
    "decisions",
    "embeddings",
    "evaluation",
    "evidence",
    "feedback",
    "housekeeping",
    "internal",
    "lock",
    "loop",
    "names",
    "plan",
    "records",
    "retrieval",
    "run",
    "solving",
    "syntax",
    "telemetry",
]
