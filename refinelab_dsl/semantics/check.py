"""`check`: whether declarations fit together. Afterwards no later stage reports an error of form."""

from __future__ import annotations

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.semantics import order
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.checks import CHECKS, LINTS


def check(tree: syntax.Tree, bindings: Bindings) -> Diagnostics:
    """What is wrong with a tree beyond its names and values: expressions, templates, distributions, kinds that do not
    go together (`RF21xx` to `RF23xx`, templates `RF5xxx`). In the order of the text."""
    found: list[Diagnostic] = []
    for one in CHECKS:
        found.extend(one(tree, bindings))
    if not any(diagnostic.is_error for diagnostic in found):
        for one in LINTS:
            found.extend(one(tree, bindings))
    return order.in_order(found, bindings.sources)
