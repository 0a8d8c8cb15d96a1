"""What a step of a pilot found, as an event of the log, and what a step asked."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.effects import effect_line
from refinelab_dsl.execute.calls import Answer
from refinelab_dsl.execute.step import Outcome
from refinelab_dsl.operators.correct import Asked
from refinelab_dsl.prompts.request import Request


def describe_finding(step: Step, outcome: Outcome) -> events.Vocabulary | events.Clusters | events.Label:
    """Labels that were found, clusters of all items, or the value of an item or of a pair of seeds."""
    simulated = any(answer.completion.simulated for answer in outcome.answers)
    if outcome.labels is not None:
        return events.Vocabulary(
            step=step.id, action=step.action, measure=step.operator, labels=dict(outcome.labels), simulated=simulated
        )
    if outcome.compared is not None:
        return events.Clusters(
            step=step.id, action=step.action, measure=step.operator, items=outcome.compared.items,
            count=outcome.compared.count, copies=dict(outcome.compared.copies),
        )  # fmt: skip
    assert outcome.measured is not None
    error = outcome.measured.error
    return events.Label(
        step=step.id, action=step.action, measure=step.operator, items=step.items, value=outcome.measured.value,
        error=None if error is None or not isfinite(error) else error, simulated=simulated,
    )  # fmt: skip


def list_calls(answers: Sequence[Answer]) -> list[Asked]:
    """The calls of a step, as `operators.correct` tells them apart."""
    return [
        Asked(
            answer.effect.template if isinstance(answer.effect, Request) else "", answer.request_key,
            effect_line(answer.effect), answer.effect.sample if isinstance(answer.effect, Request) else 0,
        )
        for answer in answers
    ]  # fmt: skip
