"""What attempts claim of a budget before they start, on sampled items: for what no plan lists."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Operator
from refinelab_dsl.prompts.asking import NO_USE, Use, bound_question, claim_attempt, result_questions
from refinelab_dsl.prompts.steps import StepContext, compose_step, likely_target


def claim_sampled(context: StepContext, operator: Operator, samples: Sequence[Item]) -> Use:
    """Of the dearest of the samples; nothing for an operator that makes no call.

    Raises:
        StepFault: a prompt cannot be rendered with one of the items.
    """
    if operator.name not in context.templates:
        return NO_USE
    bounds = [bound_question(context, question) for question in result_questions(context, operator)]
    claims = [
        claim_attempt(
            context, operator, bounds, item,
            compose_step(context, operator.name, (item,), likely_target(context, operator.name, item), 0),
        )
        for item in samples
    ]  # fmt: skip
    return max(claims, key=lambda claim: claim.tokens, default=NO_USE)
