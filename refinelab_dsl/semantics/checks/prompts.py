"""Prompts: every template against what its calls provide."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.semantics import templates
from refinelab_dsl.semantics.bindings import Bindings


def check_prompts(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """The system and the user template of every prompt."""
    for template in templates.templates(bindings):
        yield from templates.check_template(template, bindings.draft)
