"""`refinec evaluate --baselines` and `--consistency`: what a `refine` is worth, and what its judge is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

from refinelab_dsl import ir
from refinelab_dsl.artifacts.evidence import NO_EVIDENCE
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.cli.bench import Held, Job, Limit, Price, list_notes
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import count_missing
from refinelab_dsl.declarations import Judge, Model, Operator, Run
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.evaluation.contests import Cost, Duel, Place, SelfConsistency, Standing
from refinelab_dsl.execute.examine import Examined
from refinelab_dsl.operators.baselines import (
    BEST_OF,
    RIVALS,
    Contest,
    Spent,
    build_answer_template,
    count_calls,
    hold_contest,
    sum_spent,
)
from refinelab_dsl.operators.consistency import REFUSED, Again, Pair, judge_again
from refinelab_dsl.operators.refine import count_rounds
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.plan.learnt import build_bare_context
from refinelab_dsl.plan.templates import build_judge_templates
from refinelab_dsl.prompts.asking import (
    MOST_BYTES_PER_TOKEN,
    Question,
    bound_question,
    item_bytes,
    judge_questions,
    missing_question,
    stand_in,
)
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.prompts.tokens import price_usd, request_tokens
from refinelab_dsl.questions import Questions

_ONCE: Final = Decimal(1)


@dataclass(frozen=True)
class Wanted:
    """What the options ask for. size: items at most; None for all."""

    operator: str | None
    judge: str | None
    repeats: int
    size: int | None
    budget: str | None
    confidence: float
    approved: bool


@dataclass(frozen=True)
class Refining:
    """A `refine` of a spec as it is compared: its context knows all judges and the model's own answers. umpire: who
    compares in the end."""

    operator: Operator
    judge: Judge
    umpire: Judge
    context: StepContext
    models: tuple[Model, ...]


def find_refining(program: ir.Program, operator: str | None, umpire: str | None) -> Refining | Diagnostic:
    """The `refine` of a spec, and the judge that compares: the operator's own where none is named."""
    known = {each.name: each for each in program.operators if each.kind == "refine"}
    if (operator is None and len(known) != 1) or (operator is not None and operator not in known):
        return faults.refining_unknown(operator, tuple(known), nearest(operator or "", known))
    chosen = known[operator] if operator is not None else next(iter(known.values()))
    judges = {each.name: each for each in program.judges}
    if umpire is not None and umpire not in judges:
        return faults.judge_unknown(umpire, tuple(judges), nearest(umpire, judges))
    judge = judges[str(chosen.options["judge"])]
    comparing = judges[umpire] if umpire is not None else judge
    models = {each.name: each.unbatched() for each in program.models}
    context = build_bare_context(program, NO_EVIDENCE, {})
    templates = [*build_judge_templates(program, judge), *build_judge_templates(program, comparing)]
    templates.append(build_answer_template(chosen, models[str(chosen.model)]))
    context = replace(
        context, models={**context.models, **models},
        templates={**context.templates, **{each.name: each for each in templates}},
    )  # fmt: skip
    second = chosen.options.get("second_model")
    asked = dict.fromkeys([str(chosen.model), *([str(second)] if second else []), *judge.models, *comparing.models])
    return Refining(chosen, judge, comparing, context, tuple(models[name] for name in asked))


def build_contests(refining: Refining, items: Sequence[Item], limit: Limit, settings: Run) -> Job:
    """The job of `--baselines` on these items."""
    operator, judge, umpire, context = refining.operator, refining.judge, refining.umpire, refining.context
    questions = Questions(context)
    most = count_rounds(judge, int(operator.options.get("max_rounds") or 10))
    usual = min(most, 2.1)  # rounds of the paper's run

    def price(store: Any) -> Price:
        answer = context.templates[f"answer.{operator.name}"]
        refiner = missing_question(context, operator)
        asked = [
            _Often(refiner, 2 * most, 1),
            _Often(
                replace(
                    refiner, template=answer, asks=replace(refiner.asks, max_output_tokens=answer.max_output_tokens)
                ),
                BEST_OF,
            ),
            *(_Often(each, each.asks.most) for each in judge_questions(context, judge, most + BEST_OF - 1, _ONCE)),
            *(_Often(each, each.asks.most) for each in judge_questions(context, umpire, len(RIVALS), _ONCE)),
        ]
        return _price(
            context, asked, items, count_calls(operator, judge, umpire, usual),
            float(sum(count_missing(context.task, item.fields) for item in items)),
        )  # fmt: skip

    names = ", ".join(model.name for model in refining.models)
    return Job(
        models=refining.models,
        limit=limit,
        settings=settings,
        wanted={str(operator.model): len(items)},
        price=price,
        describe=_describe(
            f"{names}: {operator.name} and {len(RIVALS)} other ways of answering {len(items):,} items, compared by "
            f"{umpire.name}", limit
        ),
        programs=lambda: [
            (str(operator.model), hold_contest(operator, umpire, item, questions)) for item in items
        ],
    )  # fmt: skip


def settle_contests(
    refining: Refining, held: Held, items: int, target: str, confidence: float
) -> Standing:
    """The table of what was held."""
    contests = [each for each in held.examined.results if isinstance(each, Contest)]
    duels: dict[str, Duel] = {}
    costs: dict[str, Cost] = {}
    for name in RIVALS:
        tally = Counter(each.rivals[name].verdict for each in contests)
        duels[name] = Duel(tally["refined"], tally["tie"], tally["previous"])
        costs[name] = _cost([each.rivals[name].spent for each in contests])
    costs["refine"] = _cost([each.spent for each in contests])
    notes = list(list_notes(held, "items that lack an answer are in no figure"))
    if len(contests) < items:
        notes.append(f"not compared: {items - len(contests)} of {items} items, of which no chain came")
    return Standing(
        target=target, operator=refining.operator.name, judge=refining.umpire.name, confidence=confidence,
        wanted=items, items=len(contests),
        rounds=sum(each.rounds for each in contests) / max(1, len(contests)),
        duels=duels, costs=costs, judged=_cost([each.judged for each in contests]), notes=tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True)
class Asking:
    """Pairs of one judge, and a voice of it."""

    judge: Judge
    model: str
    pairs: tuple[Pair, ...]


def list_voices(header: Header, pairs: Mapping[str, Sequence[Pair]]) -> tuple[Asking, ...]:
    """The voices that are asked again. pairs: by operator."""
    judges = {judge.name: judge for judge in header.judges}
    by_judge: dict[str, list[Pair]] = {}
    for operator in header.operators:
        if operator.name in pairs:
            by_judge.setdefault(str(operator.options["judge"]), []).extend(pairs[operator.name])
    return tuple(
        Asking(judges[name], model, tuple(found)) for name, found in by_judge.items() for model in judges[name].models
    )


def build_repeats(header: Header, voices: Sequence[Asking], repeats: int, limit: Limit, settings: Run) -> Job:
    """The job of `--consistency`."""
    context = StepContext.of_header(header)
    models = {each.name: each.unbatched() for each in header.models}
    context = replace(context, models=models)
    questions = Questions(context)
    asked = tuple(dict.fromkeys(voice.model for voice in voices))

    def price(store: Any) -> Price:
        total = Price(0, 0, 0, 0, Decimal(0))
        for voice in voices:
            alone = voice.judge.model_copy(update={"models": (voice.model,), "swap": False, "votes": 1})
            (question,) = judge_questions(context, alone, repeats, Decimal(repeats))
            items = [pair.item for pair in voice.pairs]
            found = _price(context, [_Often(question, repeats)], items, float(repeats), 0.0)
            usd = None if total.usd is None or found.usd is None else total.usd + found.usd
            total = Price(
                total.calls + found.calls, 0, total.input_tokens + found.input_tokens, total.tokens + found.tokens, usd
            )
        return total

    pairs = sum(len(voice.pairs) for voice in voices)
    return Job(
        models=tuple(models[name] for name in asked),
        limit=limit,
        settings=settings,
        wanted=dict(Counter(voice.model for voice in voices for _ in voice.pairs)),
        price=price,
        describe=_describe(f"{', '.join(asked)}: {pairs:,} pairs of answers, {repeats} times each", limit),
        programs=lambda: [
            (voice.model, judge_again(voice.judge, voice.model, pair, repeats, questions))
            for voice in voices for pair in voice.pairs
        ],
    )  # fmt: skip


def settle_repeats(
    voices: Sequence[Asking], examined: Examined, target: str, repeats: int, confidence: float, notes: tuple[str, ...]
) -> SelfConsistency:
    """What the voices said again, by place in the chain."""
    results = iter(examined.results)
    places: dict[str, tuple[Place, ...]] = {}
    for voice in voices:
        told: dict[int, list[tuple[Pair, tuple[Again, ...]]]] = {}
        for pair in voice.pairs:
            said = next(results)
            if said is not None:
                told.setdefault(pair.place, []).append((pair, said))
        name = f"{voice.judge.name}, {voice.model}" if len(voice.judge.models) > 1 else voice.judge.name
        ordered = sorted(told, key=lambda place: (place == REFUSED, place))
        places[name] = tuple(_settle_place(place, told[place]) for place in ordered)
    return SelfConsistency(target, repeats, confidence, places, notes)


def _settle_place(place: int, told: Sequence[tuple[Pair, tuple[Again, ...]]]) -> Place:
    agreed, unanimous, first, named, verdicts = [], 0, 0, 0, 0
    for pair, said in told:
        readable = [each.preferred for each in said if each.preferred is not None]
        if not readable:
            continue
        points = sum(1.0 if each == pair.better else 0.5 if each == "tie" else 0.0 for each in readable)
        agreed.append(points / len(readable))
        unanimous += len(set(readable)) == 1
        verdicts += len(readable)
        first += sum(each.first_named is True for each in said)
        named += sum(each.first_named is not None for each in said)
    name = "best and refused" if place == REFUSED else f"{place} and {place + 1}"
    return Place(f"answers {name}" if place != REFUSED else name, tuple(agreed), verdicts, unanimous, first, named)


class _Often(NamedTuple):
    """How often a question is asked about an item, at the most. for_missing: more for each answer that it lacks."""

    question: Question
    calls: int
    for_missing: int = 0


def _price(
    context: StepContext, asked: Sequence[_Often], items: Sequence[Item], usual: float, missing: float
) -> Price:
    """usual: calls about an item, on average; missing: answers that all items lack."""
    tokens_in, tokens = 0.0, 0
    usd: Decimal | None = Decimal(0)
    bounds = [(bound_question(context, each.question), each) for each in asked]
    for item in items:
        lacking = count_missing(context.task, item.fields)
        answer = MOST_BYTES_PER_TOKEN * max(bound.question.asks.max_output_tokens for bound, _ in bounds)
        size = item_bytes(item) + (1 + lacking) * answer
        for bound, each in bounds:
            most_in, most_out = bound.use(size, each.calls + lacking * each.for_missing, repairs=True)
            tokens += most_in + most_out
            price = price_usd(context.models[bound.question.template.model], most_in, most_out)
            usd = None if usd is None or price is None else usd + price
        length = request_tokens(stand_in(context, bounds[-1][0].question, item))
        tokens_in += usual * length
    calls = round(usual * len(items) + missing)
    return Price(calls, 0, round(tokens_in), tokens, usd)


def _describe(what: str, limit: Limit) -> Callable[[Price], str]:
    def describe(price: Price) -> str:
        return (
            f"  asks      {what}\n"
            f"  calls     about {price.calls:,}, {price.input_tokens:,} tokens in; what the store holds is not paid "
            f"again\n"
            f"  at most   {price.tokens:,} tokens, {render_usd(price.usd)}; the budget is {limit.render()}"
        )

    return describe


def _cost(spent: Sequence[Spent]) -> Cost:
    total = sum_spent(spent)
    return Cost(total.calls, total.tokens, total.usd)

