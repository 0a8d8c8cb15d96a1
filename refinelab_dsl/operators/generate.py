"""`generate` (RefineLab r4): a new item for the target cell, beside an anchor that stays."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Program
from refinelab_dsl.operators.kind import (
    Attempt,
    Made,
    OperatorKind,
    ask_for_item,
    make_by,
    new_item,
    target_attributes,
)
from refinelab_dsl.prompts.passages import show_passages
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.questions import Questions
from refinelab_dsl.validators.rag import retrieve


def build_item(made: Made) -> Item:
    """The new item: the reply's fields; of the attributes only those that its target settles, the anchor's others
    are not true of it."""
    return new_item(made, {**dict.fromkeys(made.parent.attributes), **target_attributes(made)})


def make_item(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable]:
    """Asks for a new item; with `context` beside passages that fit the anchor, where there are any."""
    context = attempt.operator.options.get("context")
    if context is None:
        return (yield from _ask(attempt, questions))
    passages = yield from retrieve(context["corpus"], int(context["top_k"]), attempt.parent, questions)
    return (yield from ask_for_item(build_item, attempt, questions, {"passages": show_passages(passages)}))


_ask: Final = make_by(build_item)

KIND: Final = OperatorKind("generate", "added", make_item)
