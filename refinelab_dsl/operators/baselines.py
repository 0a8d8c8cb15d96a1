"""What a `refine` is worth: the same items answered in other ways, and what a judge says of both answers.

The rivals are those of the paper (Refine-n-Judge, section 5): the answer as it came in, one that the refiner's model
gives at once, the best of ten such, chosen by the judge, and what the refiner alone makes of the answer in as many
rounds. Every way is charged for what it asks, whether it was asked before or not, so that they are charged alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from refinelab_dsl import resources
from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.data.chains import Preferred
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import split_turn
from refinelab_dsl.declarations import Judge, Model, Operator
from refinelab_dsl.effects import Program, effect_usd
from refinelab_dsl.operators.kind import Attempt
from refinelab_dsl.operators.refine import answer_missing, build_chain, is_too_long
from refinelab_dsl.prompts.compose import max_output_tokens
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.request import Request, Usage
from refinelab_dsl.prompts.shapes import TEXT, strict_object
from refinelab_dsl.prompts.steps import compose_refinement
from refinelab_dsl.prompts.tokens import count_tokens, request_tokens
from refinelab_dsl.questions import Questions, read_json
from refinelab_dsl.validators.judging import compare_answers

Strategy: TypeAlias = Literal["original", "zero_shot", "best_of_ten", "unjudged"]
RIVALS: Final[tuple[Strategy, ...]] = ("original", "zero_shot", "best_of_ten", "unjudged")
BEST_OF: Final = 10
AFRESH: Final = 1_000
"""The number of the draw in which a judge compares final answers: not one that a chain's own verdict was."""

_ANSWER_TOKENS: Final = 1_500  # as of a refinement
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a way of answering takes. usd: None where a price is unknown."""

    calls: int = 0
    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def __add__(self, other: Spent) -> Spent:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Spent(self.calls + other.calls, self.tokens + other.tokens, usd)


@dataclass(frozen=True, slots=True)
class Rival:
    """Another way of answering. answer: None where there is none. verdict: of the judge, on `refine` over it
    (`refined` where that wins); None where it has not been told."""

    answer: str | None
    spent: Spent
    verdict: Preferred | None = None


@dataclass(frozen=True, slots=True)
class Contest:
    """All ways of answering one item. answer, spent: of `refine`. rounds: how many its chain took. judged: what the
    comparisons took, which belong to no way."""

    answer: str
    rounds: int
    spent: Spent
    rivals: dict[Strategy, Rival]
    judged: Spent


class _Reply(msgspec.Struct):
    answer: str


@dataclass
class _Meter:
    """Counts what a program asks."""

    spent: Spent = field(default_factory=Spent)

    def watch(self, program: Program[T]) -> Program[T]:
        """The program, counted."""
        try:
            effect = next(program)
            while True:
                outcome = yield effect
                if isinstance(effect, Request):
                    usage = outcome.usage or Usage(
                        request_tokens(effect), count_tokens(outcome.text, effect.model.id)
                    )
                    tokens = usage.input_tokens + usage.output_tokens
                    self.spent += Spent(1, tokens, effect_usd(effect, usage))
                effect = program.send(outcome)
        except StopIteration as end:
            value: T = end.value
            return value


def answer_template(operator: Operator) -> str:
    """The name of the template by which an operator's model answers without having seen an answer."""
    return f"answer.{operator.name}"


def build_answer_template(operator: Operator, model: Model) -> Template:
    """That template."""
    return Template(
        name=answer_template(operator),
        model=model.name,
        system=resources.read("templates/evaluate/answer.system.jinja"),
        user=resources.read("templates/evaluate/answer.user.jinja"),
        reply_schema=strict_object({"answer": TEXT}),
        max_output_tokens=max_output_tokens(model, _ANSWER_TOKENS),
    )


def hold_contest(operator: Operator, umpire: Judge, item: Item, questions: Questions) -> Program[Contest | Unreadable]:
    """Refines an item, answers it in all other ways, and has each compared with the refined answer. The operator's own
    judge chooses among the ten. umpire: who compares in the end. The reason where nothing came of refining."""
    judge = questions.context.judges[str(operator.options["judge"])]
    refined, judged = _Meter(), _Meter()
    attempt = Attempt(operator, item, {}, 0, "")
    had = split_turn(questions.task, item.fields).answer or None
    whole = yield from refined.watch(answer_missing(attempt, questions))
    if isinstance(whole, Unreadable):
        return whole
    attempt = Attempt(operator, whole, {}, 0, "")
    chain = yield from refined.watch(build_chain(attempt, questions))
    if isinstance(chain, Unreadable):
        return chain
    best = chain.answers[-1]
    ways: dict[Strategy, Callable[[], Program[str | None]]] = {
        "zero_shot": lambda: _answer(operator, whole, questions, 0),
        "best_of_ten": lambda: _choose(operator, judge, whole, questions),
        "unjudged": lambda: _refine_blindly(attempt, questions, chain.answers[0], len(chain.rounds)),
    }
    rivals: dict[Strategy, Rival] = {}
    for strategy in RIVALS:
        if strategy == "original":
            answer, spent = had, Spent()
        else:
            meter = _Meter()
            answer = yield from meter.watch(ways[strategy]())
            spent = meter.spent
        verdict: Preferred | None = None
        if answer is not None:
            verdict = yield from judged.watch(_compare(umpire, whole, answer, best, strategy, questions))
        rivals[strategy] = Rival(answer, spent, verdict)
    return Contest(best, len(chain.rounds), refined.spent, rivals, judged.spent)


def _answer(operator: Operator, item: Item, questions: Questions, sample: int) -> Program[str | None]:
    """An answer that was given at once; None where none could be read."""
    conversation = [dict(message) for message in split_turn(questions.task, item.fields).messages]
    request = questions.compose(
        answer_template(operator),
        {"conversation": conversation},
        sample=sample,
        # What the simulated model gives at once is right as often as not.
        subject=questions.subject("refine", item, success="0.5", answer="", round=0),
    )
    reply = yield from read_json(request, lambda text: read_object(text, _Reply))
    if isinstance(reply, Unreadable) or not reply.answer or is_too_long(reply.answer, request.max_output_tokens):
        return None
    return reply.answer


def _choose(operator: Operator, judge: Judge, item: Item, questions: Questions) -> Program[str | None]:
    """The best of ten answers: each is compared with the best one before it."""
    best: str | None = None
    for sample in range(BEST_OF):
        answer = yield from _answer(operator, item, questions, sample)
        if best is None or answer is None or answer == best:
            best = answer if best is None else best
            continue
        found = yield from compare_answers(judge, item, best, answer, questions, turn=sample, sample=AFRESH + sample)
        if found.preferred == "refined":
            best = answer
    return best


def _refine_blindly(attempt: Attempt, questions: Questions, answer: str, rounds: int) -> Program[str | None]:
    """What the refiner makes of an answer in so many rounds, each of what the one before made."""
    for number in range(rounds):
        request = compose_refinement(
            questions.context, attempt.operator, attempt.parent, attempt.target, attempt.sample, answer=answer,
            round_=number,
        )  # fmt: skip
        reply = yield from read_json(request, lambda text: read_object(text, _Reply))
        if isinstance(reply, Unreadable) or not reply.answer or is_too_long(reply.answer, request.max_output_tokens):
            break
        answer = reply.answer
    return answer


def _compare(
    umpire: Judge, item: Item, rival: str, refined: str, strategy: Strategy, questions: Questions
) -> Program[Preferred | None]:
    """What a judge says, the rival being the answer `before`; a tie of equal ones without being asked. Without `swap`
    a hash says which stands first."""
    if rival.split() == refined.split():
        return "tie"
    turn = hashlib.sha256(f"{questions.seed}/{item.key}/{strategy}".encode()).digest()[0] % 2
    place = RIVALS.index(strategy)
    found = yield from compare_answers(umpire, item, rival, refined, questions, turn=turn, sample=2 * AFRESH + place)
    return found.preferred


def count_calls(operator: Operator, judge: Judge, umpire: Judge, rounds: float) -> float:
    """Calls of a contest whose chain takes so many rounds, repairs and missing answers aside. The first refinement
    counts once: both refiners ask the same."""
    return rounds * (1 + judge.calls) + max(0.0, rounds - 1) + BEST_OF + (BEST_OF - 1) * judge.calls + (
        len(RIVALS) * umpire.calls
    )


def sum_spent(spent: Sequence[Spent]) -> Spent:
    """All of it together."""
    total = Spent()
    for each in spent:
        total += each
    return total


def dump_spent(spent: Spent) -> dict[str, Any]:
    """As JSON values; dollars as text."""
    return {
        "calls": spent.calls, "tokens": spent.tokens, "usd": None if spent.usd is None else format(spent.usd, "f"),
    }  # fmt: skip
