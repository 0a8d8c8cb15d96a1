"""Chains of answers as a log tells them: hashes and scores, no text."""

from __future__ import annotations

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.data.chains import Chain, text_hash


def describe_chain(step: Step, chain: Chain) -> events.Chain:
    """The event of a chain that a step came to."""
    return events.Chain(
        step=step.id, action=step.action, operator=step.operator, key=step.items[0],
        answers=tuple(map(text_hash, chain.answers)),
        rounds=tuple(
            events.Round(
                refiner=each.refiner, answer=text_hash(each.answer), verdict=each.verdict,
                opinions=tuple(
                    events.Opinion(
                        model=said.model, previous_first=said.previous_first, sample=said.sample,
                        preferred=said.preferred, previous=said.previous, refined=said.refined,
                    )
                    for said in each.opinions
                ),
                asked_twice=each.asked_twice, flips=each.flips,
            )
            for each in chain.rounds
        ),
        stop=chain.stop,
    )  # fmt: skip
