"""Diagnostics: values, the catalogue of everything that can go wrong, renderers, nearest names."""

from refinelab_dsl.diagnostics.diagnostic import (
    Diagnostic,
    Diagnostics,
    Edit,
    Help,
    Label,
    RefineError,
    Severity,
)

__all__ = ["Diagnostic", "Diagnostics", "Edit", "Help", "Label", "RefineError", "Severity"]
