"""`expand` (RefineLab r2): a paraphrase of an item, in the same cell. The item stays."""

from __future__ import annotations

from functools import partial
from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Program
from refinelab_dsl.operators.kind import Attempt, Made, OperatorKind, make_by, new_item, target_attributes
from refinelab_dsl.operators.replies import find_broken_key, read_variants
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.steps import compose_step
from refinelab_dsl.questions import Questions, read_json


def build_item(made: Made) -> Item:
    """The paraphrase: the reply's fields; every attribute is its parent's, since it says the same."""
    return new_item(made, {**made.parent.attributes, **target_attributes(made)})


def make_item(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable]:
    """Asks for one paraphrase; or, with `variants`, for several at once: the attempts on one item that share a call
    take one after the other from its reply."""
    per_call = attempt.operator.per_call
    if per_call == 1:
        return (yield from make_by(build_item)(attempt, questions))
    request = compose_step(questions.context, attempt.operator.name, (attempt.parent,), attempt.target, attempt.sample)
    found = yield from read_json(request, partial(read_variants, questions.task))
    if isinstance(found, Unreadable):
        return found
    place = attempt.sample % per_call
    if place >= len(found):
        return Unreadable("the reply holds fewer variants than were asked for")
    broken = find_broken_key(questions.task, found[place])
    return Unreadable(broken) if broken is not None else build_item(attempt.made_of(found[place], questions))


KIND: Final = OperatorKind("expand", "added", make_item)
