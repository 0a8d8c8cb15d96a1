"""What an attempt of an operator is expected to ask beside its own call, and what of that is there already.

`correct` has an item verified before the repair and after it. The first verdict of an item is there where a pilot
measured it. A verdict whose prompt does not show the answer asks after the repair what it asked before it, so an
endpoint is not asked again. Ceilings count all of it: a store of replies may be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import count_missing
from refinelab_dsl.declarations import Measure, Operator
from refinelab_dsl.prompts.asking import (
    NO_USE,
    Question,
    Use,
    check_questions,
    count_retries,
    expected_use,
    may_correct,
    missing_question,
    refining_questions,
    stand_in,
    sum_vectors,
    validator_questions,
)
from refinelab_dsl.prompts.request import request_key
from refinelab_dsl.prompts.scrubbing import REFUSED, RETRIES, SCRUB
from refinelab_dsl.prompts.steps import StepContext, compose_step, expected_reply_tokens, likely_target
from refinelab_dsl.prompts.tokens import price_usd, request_tokens
from refinelab_dsl.prompts.vectors import expected_vectors

STRAY_ANSWERS: Final = 0.2
"""Of the answers that passages support in the place of a choice, the share that is none of the other choices either."""

_FEEDBACK_TOKENS: Final = 60  # of the messages around a reply that was refused
_AGREEING: Final = Decimal(2)
"""Programs that refute a key: two that agree."""


@dataclass(frozen=True, slots=True)
class ResultUse:
    """What is asked in an attempt beside its own call, on average: what is to be paid, and what was bought before."""

    paid: Use
    stored: Use = NO_USE


def result_use(context: StepContext, operator: Operator, items: Sequence[Item], *, is_verified: bool) -> ResultUse:
    """Expected; results are taken to be as long as these items. is_verified: a pilot bought the verdicts of the items
    that `correct` is applied to.

    Raises:
        StepFault: a template cannot be rendered with one of the items.
    """
    paid = expected_use(context, check_questions(context, operator), items)
    paid = sum_vectors(paid, expected_vectors(context, operator, items))
    paid += _expect_retries(context, operator, items, paid)
    if operator.kind == "refine":
        lacking = sum(count_missing(context.task, item.fields) for item in items) / max(1, len(items))
        answers = expected_use(context, (missing_question(context, operator),), items).times(lacking)
        return ResultUse(paid + answers + expected_use(context, refining_questions(context, operator), items))
    if operator.kind != "correct":
        return ResultUse(paid)
    verdict = validator_questions(context, context.validators[str(operator.options["validator"])])
    again = [each for each in verdict if not _is_repeated(context, each, items)]
    refuting = [_refuting(each) if not place else each for place, each in enumerate(verdict)]
    before = expected_use(context, refuting, items)
    after = expected_use(context, again, items)
    return ResultUse(paid + after, before) if is_verified else ResultUse(paid + before + after)


def _expect_retries(context: StepContext, operator: Operator, items: Sequence[Item], checks: Use) -> Use:
    """What further tries and corrections of refused results take: a result is refused as often as attempts are believed
    to fail. checks: of one result. A try asks the operator's question, with the reply before and why it was refused."""
    failing = 1 - float(operator.prior.success)
    retries = sum(failing**turn for turn in range(1, count_retries(context, operator) + 1))
    use = checks.times(retries + failing * may_correct(context, operator))
    if operator.kind == SCRUB:  # it asks again by itself, and is checked once
        retries += (1 + retries) * sum(REFUSED**turn for turn in range(1, RETRIES + 1))
    if not retries or not items or operator.name not in context.templates:
        return use
    model = context.models[context.templates[operator.name].model]
    tokens_in = tokens_out = 0.0
    for item in items:
        request = compose_step(context, operator.name, (item,), likely_target(context, operator.name, item), 0)
        reply = operator.per_call * expected_reply_tokens(context, operator.name, item)
        tokens_in += (request_tokens(request) + reply + _FEEDBACK_TOKENS) / len(items)
        tokens_out += reply / len(items)
    usd = price_usd(model, Decimal(repr(round(tokens_in, 6))), Decimal(repr(round(tokens_out, 6))))
    return use + Use(1, tokens_in, tokens_out, usd).times(retries)


def verdict_measure(measures: Sequence[Measure], operator: Operator) -> Measure | None:
    """The measure by which a pilot asks of items what `correct` asks first; None where there is none."""
    validator = operator.options.get("validator") if operator.kind == "correct" else None
    if validator is None:
        return None
    return next((each for each in measures if each.options.get("validator") == validator), None)


def own_calls(context: StepContext, operator: Operator, items: Sequence[Item]) -> float:
    """Calls of its own in an attempt, on average. `correct` asks for a repair only where the supported answer cannot
    take the place of the other (`operators.correct.replace_answer`)."""
    if operator.kind != "correct":
        return 1.0
    match context.task:
        case "mcq":
            verdict = validator_questions(context, context.validators[str(operator.options["validator"])])
            return STRAY_ANSWERS if any(_shows_passages(each) for each in verdict) else 0.0
        case "qa":
            return sum(bool(item.fields.get("solution")) for item in items) / max(1, len(items))
        case _:
            return 1.0


def _refuting(question: Question) -> Question:
    """As it is asked where it refutes: `pot` needs two programs that agree."""
    usual = max(question.asks.usual, min(_AGREEING, Decimal(question.asks.most)))
    return replace(question, asks=replace(question.asks, usual=usual))


def _is_repeated(context: StepContext, question: Question, items: Sequence[Item]) -> bool:
    """Whether it asks the same of an item whose answer was replaced. What the simulated model says depends on more than
    its prompt."""
    if context.models[question.template.model].provider == "simulated":
        return False
    return all(
        request_key(stand_in(context, question, item)) == request_key(stand_in(context, question, _mended(item)))
        for item in items
    )


def _mended(item: Item) -> Item:
    """The item with another answer, and where it has a derivation with another one."""
    fields = dict(item.fields)
    others = [choice for choice in fields.get("choices") or () if choice != fields["answer"]]
    fields["answer"] = others[0] if others else f"not {fields['answer']}"
    if fields.get("solution"):
        fields["solution"] = f"not {fields['solution']}"
    return replace(item, fields=MappingProxyType(fields))


def _shows_passages(question: Question) -> bool:
    return any(name.name == "passages" for name in question.sees)
