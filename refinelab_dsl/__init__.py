"""Refine: specs of what a QA dataset should be, compiled into plans and executed with full provenance.

    from refinelab_dsl import load
    run = load("specs/quickstart.refine").plan().apply()

Errors are `refinelab_dsl.diagnostics.RefineError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinelab_dsl.api import Plan, Run, Spec, load
    from refinelab_dsl.diagnostics import Diagnostic, Diagnostics

__version__ = "0.1.0"

__all__ = ["Diagnostic", "Diagnostics", "Plan", "Run", "Spec", "__version__", "load"]

# Imported when they are used: `refinec --help` loads this module and nothing else of ours.
_HOMES = {
    "Diagnostic": "refinelab_dsl.diagnostics",
    "Diagnostics": "refinelab_dsl.diagnostics",
    "Plan": "refinelab_dsl.api",
    "Run": "refinelab_dsl.api",
    "Spec": "refinelab_dsl.api",
    "load": "refinelab_dsl.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
