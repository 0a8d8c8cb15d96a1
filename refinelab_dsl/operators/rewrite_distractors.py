"""`rewrite_distractors` (RefineLab r5): a multiple-choice item with other wrong choices. Question and key stay."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Program
from refinelab_dsl.operators.distractors import Candidate, Choices, choose_distractors
from refinelab_dsl.operators.kind import Attempt, Made, OperatorKind, new_item, target_attributes
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import compose_step
from refinelab_dsl.questions import Questions, read_json

MISTAKES: Final = "mistakes"
"""The attribute of a rewritten item that holds the mistake type behind each choice, in the order of the choices."""


class _Distractor(msgspec.Struct):
    text: str
    mistake: str
    plausibility: float


class _Reply(msgspec.Struct):
    distractors: list[_Distractor]
    mistakes: list[str] = []  # listed first, so that the model thinks of them first; the candidates name their own


def make_item(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable]:
    """Asks for candidates and keeps the best: a mistake type with a valid candidate is represented."""
    operator = attempt.operator
    request = compose_step(questions.context, operator.name, (attempt.parent,), attempt.target, attempt.sample)
    reply = yield from read_json(request, partial(read_object, shape=_Reply))
    if isinstance(reply, Unreadable):
        return reply
    fields = attempt.parent.fields
    found = choose_distractors(
        fields["choices"],
        fields["answer"],
        [Candidate(each.text, each.mistake, each.plausibility) for each in reply.distractors],
        count=int(operator.options.get("count", 3)),
        harder=is_harder(attempt, questions),
        seed=f"{questions.seed}\n{attempt.parent.key}\n{attempt.sample}",
    )
    if found is None:
        return Unreadable("too few of the proposed distractors can be used")
    return build_item(attempt.made_of({**fields, "choices": list(found.choices)}, questions), found)


def build_item(made: Made, found: Choices) -> Item:
    """The item with its new choices; every attribute is its parent's but for what the target settles."""
    attributes: dict[str, Any] = {**made.parent.attributes, **target_attributes(made), MISTAKES: list(found.mistakes)}
    return new_item(made, attributes)


def is_harder(attempt: Attempt, questions: Questions) -> bool:
    """Whether the item is to become harder: as the operator shifts it along an ordered dimension, else by whether its
    target lies in the upper half of one."""
    for name, move in attempt.operator.moves.items():
        if move.kind == "shift":
            return move.by > 0
        labels = questions.context.labels.get(name, ())
        if attempt.target.get(name) in labels:
            return 2 * labels.index(attempt.target[name]) >= len(labels) - 1
    return True


KIND: Final = OperatorKind("rewrite_distractors", "changed", make_item)
