"""A result made with what a check said of the one before it: another try of the attempt, or the answer that a validator
found. One and the same program for the runtime and for replay, which knows from the log what was refused, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refinelab_dsl.data import item_hash
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Operator
from refinelab_dsl.effects import Finding, Program
from refinelab_dsl.operators.correct import replace_answer
from refinelab_dsl.operators.kind import Attempt, MakeItem, Refined, Remark, Remarked
from refinelab_dsl.prompts.compose import Feedback, retry_request
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.steps import second_template
from refinelab_dsl.questions import Questions
from refinelab_dsl.validators import VALIDATORS


@dataclass(frozen=True, slots=True)
class Try:
    """What came of making a result. item: None where the item is to stay as it is. reply: the text of the operator's
    own last call. chain: of an operator that makes answers one from the other. remarks: of its program."""

    item: Item | Unreadable | None
    reply: str
    chain: Chain | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a check said of a result that was not the last of its step."""

    check: str
    reason: str


def make_result(
    make_item: MakeItem, attempt: Attempt, questions: Questions, told: Feedback | None = None
) -> Program[Try]:
    """Makes an item. told: why that of the try before was refused; every call by the operator's own prompt says it, but
    for those in which the program itself says what was wrong."""
    program = make_item(attempt, questions)
    own = (attempt.operator.name, second_template(attempt.operator.name))
    reply = ""
    try:
        effect = next(program)
        while True:
            is_own = isinstance(effect, Request) and effect.template in own
            if told is not None and is_own and isinstance(effect, Request) and not effect.turn:
                effect = retry_request(effect, told)
            outcome = yield effect
            if is_own:
                reply = outcome.text
            effect = program.send(outcome)
    except StopIteration as end:
        if isinstance(end.value, Refined):
            return Try(end.value.item, reply, end.value.chain)
        if isinstance(end.value, Remarked):
            return Try(end.value.item, reply, remarks=end.value.remarks)
        return Try(end.value, reply)


def correct_result(operator: Operator, task: str, item: Item, finding: Finding) -> Item | None:
    """The item with the answer that a validator supports instead of its own; None where there is none, or the answer
    alone does not mend it: it is none of the choices, or a derivation leads to the old one. What leaves the key alone
    (`rewrite_distractors`) is not corrected."""
    if finding.verdict != "refuted" or finding.answer is None or operator.kind == "rewrite_distractors":
        return None
    fields = replace_answer(task, item.fields, finding.answer)
    return None if fields is None else replace(item, fields=fields, hash=item_hash(task, fields))


def remake_result(
    make_item: MakeItem, attempt: Attempt, questions: Questions, refusals: Sequence[Refusal]
) -> Program[Try]:
    """The last result of a step. refusals: what was said of those before it, in order."""
    made = yield from make_result(make_item, attempt, questions)
    turn = 0
    for refusal in refusals:
        validator = questions.validator(refusal.check)
        inquire = VALIDATORS[validator.kind].inquire
        if validator.on_reject == "correct" and inquire is not None and isinstance(made.item, Item):
            finding = yield from inquire(validator, made.item, questions)
            corrected = correct_result(attempt.operator, questions.task, made.item, finding)
            missing = Unreadable("the validator gives no answer to correct it with")
            made = replace(made, item=missing if corrected is None else corrected)
        else:
            turn += 1
            told = Feedback(turn, refusal.check, refusal.reason, made.reply)
            made = yield from make_result(make_item, attempt, questions, told)
    return made
