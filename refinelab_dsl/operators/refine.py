"""`refine` (Refine-n-Judge): an answer is improved round by round, as long as a judge prefers what comes of it.

A round asks for feedback and for a better answer in one reply, then compares it with the one before. The chain ends
where that is not preferred, where the judge accepts the answer, where the refiner has nothing new to say, or after
`max_rounds`. With a `second_model`, the first refinement that is not preferred is not the end: from then on the second
model refines the same answer, and the next one that is not preferred is.

A conversation that lacks answers gets them first: one call for each, in the order of its turns. The last one is then
the answer that is refined.

The answers are the result: what a round could not bring does not undo the rounds before it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec

from refinelab_dsl.data.chains import Chain, Round, Stop
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import split_turn, until_missing, with_answer, with_missing
from refinelab_dsl.declarations import Judge
from refinelab_dsl.effects import Program
from refinelab_dsl.expressions.evaluate import EvaluationError, compile_expression, evaluate_condition
from refinelab_dsl.expressions.functions import ITEM_FUNCTIONS
from refinelab_dsl.measures import label, measure
from refinelab_dsl.operators.kind import Attempt, Made, OperatorKind, Refined, new_item, target_attributes
from refinelab_dsl.prompts.asking import MOST_BYTES_PER_TOKEN
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import compose_refinement
from refinelab_dsl.questions import Questions, read_json
from refinelab_dsl.validators.judging import Comparison, compare_answers

NOTHING_TO_REFINE: Final = "nothing to refine: the answer stays as it is"


class _Reply(msgspec.Struct):
    answer: str
    explanation: str = ""


def make_item(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable | Refined]:
    """Refines and judges in turn."""
    whole = yield from answer_missing(attempt, questions)
    if isinstance(whole, Unreadable):
        return whole
    chain = yield from build_chain(replace(attempt, parent=whole), questions)
    if isinstance(chain, Unreadable):
        if whole is attempt.parent:
            return chain
        chain = Chain(whole.id, (split_turn(questions.task, whole.fields).answer,), (), "unreadable")
    if not chain.is_refined and whole is attempt.parent:
        return Refined(None, chain)
    fields = with_answer(questions.task, whole.fields, chain.answers[-1])
    return Refined(build_item(attempt.made_of(fields, questions)), chain)


def build_item(made: Made) -> Item:
    """The item with its best answer: every attribute is its parent's but for what the target settles."""
    return new_item(made, {**made.parent.attributes, **target_attributes(made)})


def answer_missing(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable]:
    """The item with an answer to every turn: those that a conversation lacks are made, one after the other. An item
    that lacks none comes back as it is."""
    item = attempt.parent
    while (asked := until_missing(questions.task, item.fields)) is not None:
        request = compose_refinement(
            questions.context, attempt.operator, replace(item, fields=asked), attempt.target, attempt.sample, answer=""
        )
        reply = yield from read_json(request, _read_refinement)
        if not isinstance(reply, Unreadable) and is_too_long(reply.answer, request.max_output_tokens):
            reply = Unreadable("the answer is too long to be judged")
        if isinstance(reply, Unreadable):
            return reply
        item = replace(item, fields=with_missing(item.fields, reply.answer))
    return item


def build_chain(attempt: Attempt, questions: Questions) -> Program[Chain | Unreadable]:
    """The rounds of an item that has an answer; the reason where the first one brought nothing."""
    operator, context = attempt.operator, questions.context
    judge = context.judges[str(operator.options["judge"])]
    models = (str(operator.model), operator.options.get("second_model"))
    answers = [split_turn(questions.task, attempt.parent.fields).answer]
    rounds: list[Round] = []
    is_second = False
    compared = 0
    stop: Stop = "max_rounds"
    for number in range(count_rounds(judge, int(operator.options.get("max_rounds") or 10))):
        request = compose_refinement(
            context, operator, attempt.parent, attempt.target, attempt.sample, answer=answers[-1], round_=number,
            second=is_second,
        )  # fmt: skip
        reply = yield from read_json(request, _read_refinement)
        if not isinstance(reply, Unreadable) and is_too_long(reply.answer, request.max_output_tokens):
            reply = Unreadable("the refined answer is too long to be judged")
        if isinstance(reply, Unreadable):
            if not rounds:
                return reply
            stop = "unreadable"
            break
        refiner = str(models[is_second])
        if _same(reply.answer, answers[-1]):
            ended: Stop | None = "unchanged"
            rounds.append(Round(refiner, reply.answer, None))
        elif any(_same(reply.answer, earlier) for earlier in answers):
            ended = "oscillation"
            rounds.append(Round(refiner, reply.answer, None))
        else:
            found = yield from compare_answers(
                judge, attempt.parent, answers[-1], reply.answer, questions, turn=compared, sample=attempt.sample
            )
            compared += 1
            if found.preferred is None and not rounds:
                return Unreadable("no verdict of the judge could be read")
            rounds.append(
                Round(refiner, reply.answer, found.preferred, found.opinions, found.asked_twice, found.flips)
            )
            if found.preferred == "refined":
                answers.append(reply.answer)
            ended = _find_stop(judge, attempt.parent, answers[-1], found, questions)
        if ended in ("accepted", None):
            if ended is not None:
                stop = ended
                break
            continue
        if is_second or models[1] is None:
            stop = ended
            break
        is_second = True
    return Chain(attempt.parent.id, tuple(answers), tuple(rounds), stop)


def _read_refinement(text: str) -> _Reply | Unreadable:
    reply = read_object(text, _Reply)
    return Unreadable("the reply holds no answer") if isinstance(reply, _Reply) and not reply.answer else reply


def is_too_long(answer: str, limit: int) -> bool:
    """Whether a judge's call about an answer could take more than is claimed for it. limit: of the reply, in tokens."""
    return len(answer.encode("utf-8", "replace")) > MOST_BYTES_PER_TOKEN * limit


def count_rounds(judge: Judge, most: int) -> int:
    """Rounds at most: the operator's, and the judge's own where it has fewer."""
    return most if judge.max_rounds is None else min(most, judge.max_rounds)


def _find_stop(judge: Judge, item: Item, answer: str, found: Comparison, questions: Questions) -> Stop | None:
    """Why a chain ends after a comparison; None where it goes on. answer: the preferred one."""
    if found.preferred is None:
        return "unreadable"
    if judge.accept is not None and found.grades and _is_accepted(judge, item, answer, found, questions):
        return "accepted"
    return None if found.preferred == "refined" else found.preferred


def _is_accepted(judge: Judge, item: Item, answer: str, found: Comparison, questions: Questions) -> bool:
    """Whether `accept` holds of the preferred answer: its grades are known now."""
    assert judge.accept is not None
    context = questions.context
    fields = with_answer(questions.task, item.fields, answer)
    answered = replace(item, fields=fields)
    values: dict[str, Any] = {**item.attributes, **fields, "id": item.id}
    score = round(sum(found.grades.values()) / len(found.grades), 4)
    measures = {declared.name: declared for declared in context.measures}
    dimensions = {declared.name: declared for declared in context.dimensions}

    def names(space: str, name: str) -> Any:
        match space:
            case "context":
                return score if name == "score" else found.grades.get(name)
            case "measure":
                return measure(measures[name], answered)
            case "dimension":
                value = measure(measures[dimensions[name].measure], answered)
                return label(dimensions[name], value, context.labels.get(name, ()))
            case _:
                return values.get(name)

    try:
        return evaluate_condition(compile_expression(judge.accept), names, ITEM_FUNCTIONS)
    except EvaluationError:
        return False


def _same(one: str, other: str) -> bool:
    """Whether two answers differ in white space at the most."""
    return one.split() == other.split()


KIND: Final = OperatorKind("refine", "changed", make_item)
