"""`correct` (RefineLab, Validator): an item that a validator refutes gets the answer that evidence supports.

Relabelling on weak evidence does harm ("labelling trap"), so each step must hold: the validator refutes the item, it
supports another answer, and it supports the repaired item when it is asked again. What falls short is rejected, never
passed: the item stays as it is, and under suspicion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Finding, Passage, Program
from refinelab_dsl.embeddings.letters import normalise
from refinelab_dsl.operators.kind import Attempt, Made, OperatorKind, new_item, target_attributes
from refinelab_dsl.operators.replies import find_broken_key, read_reply
from refinelab_dsl.prompts.compose import call_context, target_context
from refinelab_dsl.prompts.passages import show_passages
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.questions import Questions, item_fields, read_json
from refinelab_dsl.validators import VALIDATORS, rag

NOTHING_TO_CORRECT: Final = "nothing to correct"


def make_item(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable]:
    """Verifies, repairs, verifies again."""
    validator = questions.validator(str(attempt.operator.options["validator"]))
    finding, passages = yield from _investigate(validator, attempt.parent, questions)
    if finding.verdict == "supported":
        return Unreadable(NOTHING_TO_CORRECT)
    if finding.verdict == "unknown":
        return Unreadable("it is not sure that the item is wrong")
    if finding.answer is None:
        return Unreadable("the item is refuted, and no other answer is supported")
    fields = replace_answer(questions.task, attempt.parent.fields, finding.answer)
    if fields is None:
        found = yield from _ask_for_repair(attempt, questions, finding, passages)
        if isinstance(found, Unreadable):
            return found
        fields = found
    item = build_item(attempt.made_of(fields, questions))
    second, _ = yield from _investigate(validator, item, questions)
    if second.verdict != "supported":
        return Unreadable(f"the corrected item is {'refuted' if second.verdict == 'refuted' else 'not supported'}")
    return item


def build_item(made: Made) -> Item:
    """The repaired item: every attribute is its parent's but for what the target settles."""
    return new_item(made, {**made.parent.attributes, **target_attributes(made)})


def replace_answer(task: str, fields: dict[str, Any] | Any, answer: str) -> dict[str, Any] | None:
    """The item's fields with another answer and nothing else changed, where that is all that it takes: in a
    multiple-choice item it is one of the choices, by value; elsewhere no derivation leads to the old one. Otherwise
    None: the item must be rewritten."""
    if task == "mcq":
        matching = [choice for choice in fields["choices"] if _plain(choice) == _plain(answer)]
        return {**fields, "answer": matching[0]} if len(matching) == 1 else None
    return None if fields.get("solution") or task == "math" else {**fields, "answer": answer}


class Asked(NamedTuple):
    """A call of an attempt. template: empty where it asks no model. request: its content key. model: as logs name it.
    """

    template: str
    request: str
    model: str
    sample: int


def split_calls(calls: Sequence[Asked], operator: str) -> tuple[int, frozenset[int]]:
    """Of an attempt's calls in order: how many the first verdict takes, and the places of those after it that only
    repeat one before. The first verdict ends at the operator's own call, at a second search, at a call that was made
    before, and where programs are counted from the start again."""
    first, repeated = None, set()
    seen: set[str] = set()
    searches, sample = 0, 0
    for place, call in enumerate(calls):
        searches += call.model.startswith("corpus.")
        again = bool(call.template) and call.request in seen
        if first is None and (
            again or call.template == operator or searches > 1 or (bool(call.template) and call.sample < sample)
        ):
            first = place
        if again:
            repeated.add(place)
        if call.template:
            seen.add(call.request)
            sample = call.sample
    return len(calls) if first is None else first, frozenset(repeated)


def _investigate(
    validator: Validator, item: Item, questions: Questions
) -> Program[tuple[Finding, tuple[Passage, ...]]]:
    """What the validator finds, and the passages that it saw, where it saw any."""
    if validator.kind == rag.KIND.kind:
        return (yield from rag.investigate(validator, item, questions))
    inquire = VALIDATORS[validator.kind].inquire
    assert inquire is not None
    return (yield from inquire(validator, item, questions)), ()


def _ask_for_repair(
    attempt: Attempt, questions: Questions, finding: Finding, passages: Sequence[Passage]
) -> Program[dict[str, Any] | Unreadable]:
    """Fields of the task as a model repaired them. It may not change the question."""
    context, parent = questions.context, attempt.parent
    target = target_context(attempt.target, context.dimensions, context.measures)
    shown = {"verdict": finding.verdict, "answer": finding.answer or "", "reason": finding.reason}
    variables = call_context(
        questions.task, attempt.operator, item=parent, anchor=None, target=target,
        labels=context.shown,
    )  # fmt: skip
    request = questions.compose(
        attempt.operator.name,
        {**variables, "finding": shown, "passages": show_passages(passages)},
        sample=attempt.sample,
        subject=Subject(
            "correct", questions.task, {**item_fields(parent), "about": shown}, target,
            str(attempt.operator.prior.success),
        ),
    )  # fmt: skip
    fields = yield from read_json(request, partial(read_reply, questions.task))
    if isinstance(fields, Unreadable):
        return fields
    broken = find_broken_key(questions.task, fields)
    if broken is not None:
        return Unreadable(broken)
    if normalise(str(fields["question"])) != normalise(str(parent.fields["question"])):
        return Unreadable("the repair changed the question")
    return {**parent.fields, **fields, "question": parent.fields["question"]}


def _plain(text: str) -> str:
    return normalise(text).rstrip(".")


KIND: Final = OperatorKind("correct", "changed", make_item)
