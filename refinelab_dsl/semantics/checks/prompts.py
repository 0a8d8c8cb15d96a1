"""Prompts: every template against what its calls provide, and what it returns against what is read of it."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl import syntax
from refinelab_dsl.builtins import name_asking
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.prompts.shapes import READ
from refinelab_dsl.semantics import templates
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.judges import list_roles


def check_prompts(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """The system and the user template of every prompt; and the replies that are read member by member."""
    for template in templates.templates(bindings):
        yield from templates.check_template(template, bindings.draft)
    draft = bindings.draft
    for asking in (*draft.all("validator"), *draft.all("measure"), *draft.all("operator"), *draft.all("judge")):
        prompt = draft.named("prompt", asking.get("prompt"))
        returns = None if prompt is None else prompt.get("returns")
        kinds = [str(asking.get("kind"))]
        if asking.kind == "judge":
            mode = str(asking.get("mode"))
            kinds = [f"judge_{name_asking(mode, role)}" for role in list_roles(draft, asking)]
        wanted = dict.fromkeys(name for kind in kinds for name in READ.get(kind, ()))
        missing = tuple(name for name in wanted if returns and name not in returns)
        if prompt is not None and missing:
            yield faults.unread_reply(asking.span("prompt"), prompt.name, asking.title, missing)
