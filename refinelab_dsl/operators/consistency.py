"""Whether a judge says the same again (Refine-n-Judge, section 5.4): each pair of successive answers of a chain is
shown to it several times, in an order that a hash of seed, pair and turn gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from refinelab_dsl.data.chains import Chain, Preferred
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import with_answer
from refinelab_dsl.declarations import Judge
from refinelab_dsl.effects import Program
from refinelab_dsl.questions import Questions
from refinelab_dsl.validators.judging import compare_answers

REFUSED: Final = -1
"""The place of the pair at a chain's end: the best answer, and the refinement that was refused."""

_AFRESH: Final = 10_000  # the draws in which a judge is asked again are none that a run asks it in


@dataclass(frozen=True, slots=True)
class Pair:
    """Two successive answers. item: with the answers that its conversation lacked. place: of the first one in its
    chain, from 0, or `REFUSED`. better: which of the two the run settled on."""

    item: Item
    place: int
    before: str
    after: str
    better: Preferred


@dataclass(frozen=True, slots=True)
class Again:
    """One more verdict on a pair. preferred: None where the reply could not be read. first_named: whether the answer
    that stood first is preferred, None where neither is."""

    preferred: Preferred | None
    first_named: bool | None


def list_pairs(item: Item, chain: Chain, task: str) -> Iterator[Pair]:
    """The pairs of a chain: each preferred answer after the one before it, and at the end what was refused."""
    whole = replace(item, fields=with_answer(task, item.fields, chain.answers[0]))
    for place, (before, after) in enumerate(zip(chain.answers, chain.answers[1:], strict=False)):
        yield Pair(whole, place, before, after, "refined")
    refused = [each for each in chain.rounds if each.verdict == "previous"]
    if refused and chain.rounds[-1] is refused[-1]:
        yield Pair(whole, REFUSED, chain.answers[-1], refused[-1].answer, "previous")


def judge_again(judge: Judge, model: str, pair: Pair, repeats: int, questions: Questions) -> Program[tuple[Again, ...]]:
    """So many verdicts of one of a judge's models on a pair, each in one order. A single voice is asked: what `swap`,
    votes and a panel make of it is another question."""
    alone = judge.model_copy(update={"models": (model,), "swap": False, "votes": 1})
    found = []
    for number in range(repeats):
        order = f"{questions.seed}/{model}/{pair.item.key}/{pair.place}/{number}"
        turn = hashlib.sha256(order.encode()).digest()[0] % 2
        said = yield from compare_answers(
            alone, pair.item, pair.before, pair.after, questions, turn=turn, sample=_AFRESH + number
        )
        named = said.opinions[0].named_first if said.opinions else None
        found.append(Again(said.preferred, named))
    return tuple(found)
