"""Expressions over items: names, functions, operands."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.semantics import readings
from refinelab_dsl.semantics.bindings import Bindings


def check_expressions(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Every expression of every block, read with the names that its attribute sees."""
    found: list[Diagnostic] = []
    for declared in bindings.draft.blocks:
        for reading in readings.readings(declared):
            readings.read_one(bindings, declared, reading, found)
    yield from found
