"""What the calls of paid measures and validators about one item come to: expected, and at the most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from types import MappingProxyType
from typing import Any, Final

import msgspec

from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.builtins import (
    JUDGE_ASKS,
    JUDGING,
    MEASURE_KINDS,
    OPERATOR_KINDS,
    SEEN_BY_JUDGES,
    VALIDATOR_KINDS,
    JudgeRole,
    expected_rounds,
    name_asking,
    validator_row,
)
from refinelab_dsl.builtins.table import Asking, PromptName
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import count_missing, show_answered, split_turn
from refinelab_dsl.declarations import Judge, Measure, Operator, Validator
from refinelab_dsl.prompts.compose import compose, item_fields
from refinelab_dsl.prompts.passages import count_passages, longest_passages, stand_in_passages
from refinelab_dsl.prompts.render import TemplateFault
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.scrubbing import RETRIES, SCRUB
from refinelab_dsl.prompts.steps import (
    StepContext,
    StepFault,
    compose_refinement,
    expected_reply_tokens,
    judge_template,
    likely_target,
    measure_template,
    second_template,
    validator_template,
)
from refinelab_dsl.prompts.tokens import attempt_ceiling, call_ceiling, price_usd, request_tokens, retries_ceiling
from refinelab_dsl.prompts.vectors import most_vectors
from refinelab_dsl.source import Place

ROUTES: Final = ("pot", "rag")
"""The kinds by whose prompts `auto` asks."""

STEPS: Final = "steps"
"""Of a `pot` with `steps = true`: the end of the name of the template that asks for the first wrong step."""

STEPS_ASK: Final = Asking(2, Decimal(1), 12, 100)

MOST_BYTES_PER_TOKEN: Final = 4
"""A result of more UTF-8 bytes than this many per token of its reply is rejected where checks would ask about it: what
they claim of the budget counts on it."""

NEIGHBOURS: Final = 8
"""Exemplars that an item is compared with, where `elo` does not say."""

DISCOVERY_TOKENS: Final = 1_500
"""What a reply that proposes labels is held to."""

DISCOVERY_SAMPLE: Final = 96
"""Items in which labels are found, where a measure has `labels = discover(n)`."""

DISCOVERY_BATCH: Final = 12
"""Items that one call of it sees."""



def count_discovery_calls(items: int) -> int:
    """Calls that find labels in that many items: one for each batch of the sample, and one that joins them."""
    return -(-min(items, DISCOVERY_SAMPLE) // DISCOVERY_BATCH) + 1


_FINDING: Final = {"verdict": "refuted", "answer": "", "reason": "some reason in a few words"}
_PROBE: Final = 1_000  # bytes of an item by which is found how often a template shows it


@dataclass(frozen=True, slots=True)
class Use:
    """Calls, tokens in and out, and dollars (None where a price is unknown)."""

    calls: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    usd: Decimal | None = Decimal(0)

    def __add__(self, other: Use) -> Use:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Use(
            self.calls + other.calls, self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens, usd,
        )  # fmt: skip

    @property
    def tokens(self) -> float:
        return self.input_tokens + self.output_tokens

    def times(self, factor: float) -> Use:
        """That many of it."""
        usd = None if self.usd is None else self.usd * Decimal(repr(round(factor, 6)))
        return Use(self.calls * factor, self.input_tokens * factor, self.output_tokens * factor, usd)


NO_USE: Final = Use()


@dataclass(frozen=True, slots=True)
class Question:
    """A template that is asked about an item; `asks` says how often. operator: whose own reply it asks for, so that it
    is as long as one of these; None where `asks` says how long."""

    template: Template
    asks: Asking
    sees: tuple[PromptName, ...]
    options: Mapping[str, Any]
    operator: str | None = None


def validator_questions(context: StepContext, validator: Validator) -> tuple[Question, ...]:
    """What a validator asks about an item; nothing where it asks no model."""
    if validator.kind == "auto":
        routed = [
            (VALIDATOR_KINDS[route], context.templates[name])
            for route in ROUTES
            if (name := validator_template(validator.name, route)) in context.templates
        ]
        return tuple(
            Question(template, row.asks, row.sees, validator.options) for row, template in routed if row.asks
        )[:1]  # an item takes one route; the first is the dearer
    row = validator_row(validator.kind)
    template = context.templates.get(validator_template(validator.name))
    if row.asks is None or template is None:
        return ()
    questions = [Question(template, row.asks, row.sees, validator.options)]
    steps = context.templates.get(validator_template(validator.name, STEPS))
    if steps is not None:
        questions.append(Question(steps, STEPS_ASK, row.sees, validator.options))
    return tuple(questions)


def measure_questions(context: StepContext, measure: Measure) -> tuple[Question, ...]:
    """What a measure asks about an item; nothing where it asks no model."""
    if measure.kind == "verdict":
        return validator_questions(context, context.validators[str(measure.options["validator"])])
    row = MEASURE_KINDS.get(measure.kind)
    template = context.templates.get(measure_template(measure.name))
    if row is None or row.asks is None or template is None:
        return ()
    asks = row.asks
    if measure.kind == "elo":
        calls = int(measure.options.get("neighbours") or NEIGHBOURS) * (2 if measure.options.get("swap") else 1)
        asks = Asking(calls, Decimal(calls), asks.output_tokens, asks.max_output_tokens)
    return (Question(template, asks, row.sees, measure.options),)


def result_questions(context: StepContext, operator: Operator) -> tuple[Question, ...]:
    """What is asked about a result of an operator: by its checks, and by the measures of dimensions in which new items
    are measured. A validator that is a check and a measure is asked once."""
    before: tuple[Question, ...] = ()
    if operator.kind == "correct":  # before the repair, and after it
        before = 2 * validator_questions(context, context.validators[str(operator.options["validator"])])
    if operator.kind == "refine":
        before = refining_questions(context, operator)
    return (*before, *check_questions(context, operator))


def refining_questions(context: StepContext, operator: Operator) -> tuple[Question, ...]:
    """What a `refine` asks after its first call: the judge of each round, and the refiners of the rounds after it. A
    second model gets one more round than the first would have had."""
    judge = context.judges[str(operator.options["judge"])]
    most = int(operator.options.get("max_rounds") or 10)
    most = most if judge.max_rounds is None else min(most, judge.max_rounds)
    second = context.templates.get(second_template(operator.name))
    extra = 1 if second is not None and most > 1 else 0
    usual = min(Decimal(most), expected_rounds(most) + extra)
    row = OPERATOR_KINDS[operator.kind]
    found: list[Question] = []
    for template, share in ((context.templates[operator.name], usual - 1 - extra), (second, Decimal(extra))):
        if template is None or most == 1:
            continue
        asks = Asking(most - 1, max(Decimal(0), share), 0, template.max_output_tokens)
        found.append(Question(template, asks, row.sees, operator.options, operator.name))
    return (*found, *judge_questions(context, judge, most, usual))


def judge_questions(
    context: StepContext, judge: Judge, most: int, usual: Decimal, role: JudgeRole = "answers"
) -> tuple[Question, ...]:
    """What a judge's models are asked in so many comparisons; alone, in so many times that it grades a result."""
    ballots = judge.votes if role == "alone" else judge.calls // len(judge.models)
    found = []
    for model in judge.models:
        template = context.templates[judge_template(judge.name, model, role)]
        asks = JUDGE_ASKS[name_asking(judge.mode, role)]
        asks = Asking(most * ballots, usual * ballots, asks.output_tokens, template.max_output_tokens)
        found.append(Question(template, asks, SEEN_BY_JUDGES[role], {"criteria": judge.criteria}))
    return tuple(found)


def find_judges(context: StepContext, operator: Operator) -> tuple[Judge, ...]:
    """The judges among the checks of an operator."""
    checks = (context.validators[name] for name in operator.checks if name in context.validators)
    return tuple(context.judges[str(each.options["judge"])] for each in checks if each.kind == JUDGING.name)


def asks_of_items(context: StepContext, operator: Operator) -> bool:
    """Whether the most that is asked about results depends on the items that the operator is applied to."""
    if operator.kind in ("correct", "refine"):
        return True
    return OPERATOR_KINDS[operator.kind].judged == "results" and bool(find_judges(context, operator))


def check_questions(context: StepContext, operator: Operator) -> tuple[Question, ...]:
    """As `result_questions`, of what is there once an operator has made it: without the verdicts of `correct`."""
    found: list[Question] = []
    checks = [context.validators[name] for name in operator.checks if name in context.validators]
    for validator in checks:
        found += validator_questions(context, validator)
    for judge in find_judges(context, operator):
        found += judge_questions(context, judge, 1, Decimal(1), OPERATOR_KINDS[operator.kind].judged)
    asked = {validator.name for validator in checks}
    measured = {dimension.measure for dimension in context.dimensions if dimension.on_new == "measure"}
    for measure in context.measures:
        if measure.name in measured and measure.options.get("validator") not in asked:
            found += measure_questions(context, measure)
    return tuple(found)


def stand_in(context: StepContext, question: Question, item: Item, *, most: bool = False) -> Request:
    """A request as the question asks it, with stand-ins for what is not known before: passages, labels, a finding.

    most: passages are as long as they can be, instead of as long as they usually are.

    Raises:
        StepFault: the template cannot be rendered with this item.
    """
    if question.operator is not None:
        operator = context.operators[question.operator]
        target = likely_target(context, operator.name, item)
        is_second = question.template.name == second_template(operator.name)
        return compose_refinement(
            context, operator, item, target, 0, answer=_show_answer(context, item), second=is_second
        )
    fields = item_fields(item)
    texts: dict[str, Any] = {}
    if any(name.name == "conversation" for name in question.sees):
        messages = split_turn(context.task, item.fields).messages
        shown = {**fields, **show_answered(context.task, item.fields, _show_answer(context, item))}
        texts = {"conversation": list(map(dict, messages)), "first": shown, "second": shown}
    known: dict[str, Any] = {
        "item": fields, "first": fields, "second": fields, "anchor": fields, **texts,
        "passages": (longest_passages if most else stand_in_passages)(int(question.options.get("top_k") or 4)),
        "finding": _FINDING, "criteria": list(question.options.get("criteria") or ()), "meanings": {}, "target": {},
        "count": 1, "style": None,
        "labels": list(question.options.get("labels") or ("one label", "another label")),
    }  # fmt: skip
    variables = {name.name: known[name.name] for name in question.sees if name.name in known}
    model = context.models[question.template.model]
    names = {"task": context.task, **variables}
    try:
        return compose(question.template, model, names, subject=None, sample=0, seed=context.seed)
    except TemplateFault as fault:
        raise StepFault(question.template.name, fault) from None


def _show_answer(context: StepContext, item: Item) -> str:
    """The item's answer; of a probe its question, so that every place of it shows."""
    return split_turn(context.task, item.fields).answer or item.question or " "


def expected_use(context: StepContext, questions: Sequence[Question], items: Sequence[Item]) -> Use:
    """What asking all questions about an item like these takes, on average.

    Raises:
        StepFault: a template cannot be rendered with one of the items.
    """
    total = Use()
    for question in questions:
        lengths = [request_tokens(stand_in(context, question, item)) for item in items]
        calls = float(question.asks.usual)
        tokens_in = calls * sum(lengths) / len(lengths) if lengths else 0.0
        tokens_out = calls * _reply_tokens(context, question, items)
        model = context.models[question.template.model]
        usd = price_usd(model, Decimal(repr(round(tokens_in, 6))), Decimal(repr(round(tokens_out, 6))))
        total += Use(calls, tokens_in, tokens_out, usd)
    return total


def _reply_tokens(context: StepContext, question: Question, items: Sequence[Item]) -> float:
    if question.operator is None or not items:
        return question.asks.output_tokens
    return sum(expected_reply_tokens(context, question.operator, item) for item in items) / len(items)


@dataclass(frozen=True, slots=True)
class Bound:
    """The most (input) tokens of one call as a function of the item's UTF-8 bytes: base + times * bytes."""

    question: Question
    base: int
    repaired: int
    times: int

    def use(self, size: int, calls: int, *, repairs: bool) -> tuple[int, int]:
        """(input, output) tokens of that many calls about an item of `size` bytes."""
        shown = self.times * size
        tokens_in = self.repaired + 2 * shown if repairs else self.base + shown
        return calls * tokens_in, calls * self.question.asks.max_output_tokens * (2 if repairs else 1)


def bound_question(context: StepContext, question: Question) -> Bound:
    """The bound of a question; its template is rendered with an empty item, and with a longer one."""
    empty = stand_in(context, question, _probe(context.task, 0), most=True)
    longer = stand_in(context, question, _probe(context.task, _PROBE), most=True)
    base = call_ceiling(empty)[0]
    times = ceil((call_ceiling(longer)[0] - base) / _PROBE)
    return Bound(question, base, attempt_ceiling(empty)[0], times)


def claim_results(context: StepContext, bounds: Sequence[Bound], size: int, *, most: bool) -> Use:
    """What checking and measuring a result of `size` bytes may take. most: everything that could be, repairs included;
    else what is claimed of the budget before a step starts, and is added to where that is not enough."""
    total = Use()
    for bound in bounds:
        calls = bound.question.asks.most if most else ceil(bound.question.asks.usual)
        tokens_in, tokens_out = bound.use(size, calls, repairs=most)
        usd = price_usd(context.models[bound.question.template.model], tokens_in, tokens_out)
        total += Use(calls, tokens_in, tokens_out, usd)
    return total


def count_retries(context: StepContext, operator: Operator) -> int:
    """How often an attempt of an operator can be made again, at the most: each of its checks counts by itself."""
    checks = (context.validators[name] for name in operator.checks if name in context.validators)
    return sum(check.retries for check in checks if check.on_reject == "retry")


def count_own_retries(context: StepContext, operator: Operator) -> int:
    """How many calls by its own prompt an attempt may make after the first, repairs aside: a `scrub` asks again by
    itself, each time that it is made."""
    retries = count_retries(context, operator)
    return (1 + retries) * (1 + RETRIES) - 1 if operator.kind == SCRUB else retries


def may_correct(context: StepContext, operator: Operator) -> bool:
    """Whether a refused result may get another answer, and be checked once more."""
    checks = (context.validators[name] for name in operator.checks if name in context.validators)
    return any(check.on_reject == "correct" for check in checks)


def claim_checks(context: StepContext, operator: Operator, bounds: Sequence[Bound], item: Item) -> Use:
    """What an attempt on an item claims of the budget before it starts, beside its first call: what is usually asked
    about a result. bounds: of `result_questions`."""
    size = 2 * item_bytes(item) + 400
    return sum_vectors(claim_results(context, bounds, size, most=False), most_vectors(context, operator, size))


def claim_attempt(
    context: StepContext, operator: Operator, bounds: Sequence[Bound], item: Item, request: Request
) -> Use:
    """All that an attempt claims before it starts: its first call, one repair of that, and `claim_checks`. request: its
    own call."""
    if operator.kind == "correct":  # a verdict comes first
        tokens_in, tokens_out = bounds[0].use(item_bytes(item), 1, repairs=True)
        model = context.models[bounds[0].question.template.model]
    else:
        tokens_in, tokens_out = attempt_ceiling(request)
        model = request.model
    first = Use(2, tokens_in, tokens_out, price_usd(model, tokens_in, tokens_out))
    return first + claim_checks(context, operator, bounds, item)


def result_ceiling(context: StepContext, operator: Operator, items: Iterable[Item]) -> Use:
    """The most that can be asked about results of an attempt of an operator, repairs and further tries included; its
    own calls are not in it (`attempt_ceiling`, `retries_ceiling`). items: those that it is applied to; `correct` and
    judges ask about them, too."""
    if operator.name not in context.templates:
        return Use()
    items = tuple(items)
    bounds = [bound_question(context, question) for question in result_questions(context, operator)]
    size = MOST_BYTES_PER_TOKEN * context.templates[operator.name].max_output_tokens
    shown = _longer_passages(context, operator)
    if operator.kind == "correct":  # what refutes an item gives another answer, which is asked about and shown
        verdict = validator_questions(context, context.validators[str(operator.options["validator"])])
        answer = MOST_BYTES_PER_TOKEN * max((each.asks.max_output_tokens for each in verdict), default=0)
        size = max([size, *(answer + item_bytes(item) for item in items)])
        shown += _shown_use(context, operator, answer)
    elif asks_of_items(context, operator):  # a judge sees beside a result what it was made of
        size = max([size, *map(item_bytes, items)])
    if operator.kind == "refine":  # what is asked shows the question, and answers that replies brought
        missing = max((count_missing(context.task, item.fields) for item in items), default=0)
        size += max(map(item_bytes, items), default=0) + missing * size
        shown += _repeated_feedback(context, operator) + _claim_missing(context, operator, size, missing)
    use = sum_vectors(claim_results(context, bounds, size, most=True), most_vectors(context, operator, size))
    retries = count_retries(context, operator)
    return use.times(1 + retries + may_correct(context, operator)) + shown.times(1 + retries)


def missing_question(context: StepContext, operator: Operator) -> Question:
    """How a `refine` asks for an answer that a conversation lacks."""
    template = context.templates[operator.name]
    asks = Asking(1, Decimal(1), 0, template.max_output_tokens)
    return Question(template, asks, OPERATOR_KINDS[operator.kind].sees, operator.options, operator.name)


def _claim_missing(context: StepContext, operator: Operator, size: int, missing: int) -> Use:
    """The most that answers take which a conversation lacks, beside the calls that are counted anyway."""
    if not missing:
        return Use()
    bound = bound_question(context, missing_question(context, operator))
    tokens_in, tokens_out = bound.use(size, missing, repairs=True)
    model = context.models[context.templates[operator.name].model]
    return Use(2 * missing, tokens_in, tokens_out, price_usd(model, tokens_in, tokens_out))


def _repeated_feedback(context: StepContext, operator: Operator) -> Use:
    """What the calls of the rounds after the first say in a further try, in a call and in its repair: why the result of
    the try before was refused. It is as long as the retries of the first call count on."""
    total = Use()
    for question in refining_questions(context, operator):
        if question.operator is not None:
            request = stand_in(context, question, _probe(context.task, 0))
            more = retries_ceiling(request, 1)[0] - attempt_ceiling(request)[0]
            model = context.models[question.template.model]
            total += Use(0, more, 0, price_usd(model, more, 0)).times(question.asks.most)
    return total if count_retries(context, operator) else Use()


def sum_vectors(use: Use, vectors: Iterable[tuple[float, float, Decimal | None]]) -> Use:
    """A use, and that of what is embedded: calls, tokens, dollars."""
    for calls, tokens, usd in vectors:
        use += Use(calls, tokens, 0.0, usd)
    return use


def _longer_passages(context: StepContext, operator: Operator) -> Use:
    """What passages may take beyond those that an operator's prompt is priced with, in a call and in its repair."""
    count = count_passages(operator, context.validators)
    if not count:
        return Use()
    usual = sum(len(text) for text in stand_in_passages(count))
    return _shown_use(context, operator, sum(len(text) for text in longest_passages(count)) - usual)


def _shown_use(context: StepContext, operator: Operator, size: int) -> Use:
    """Of that many bytes more in an operator's own prompt, in a call and in its repair."""
    tokens = 2 * size
    model = context.models[context.templates[operator.name].model]
    return Use(0, tokens, 0, price_usd(model, tokens, 0))


def item_bytes(item: Item) -> int:
    """The UTF-8 bytes of an item as prompts show it."""
    return len(msgspec.json.encode(item_fields(item), enc_hook=str))


def _probe(task: str, size: int) -> Item:
    text = "x" * size
    fields: dict[str, Any] = dict.fromkeys(("question", "answer", "solution", "prompt", "tests", "entry_point"), "")
    fields |= {"choices": [], "question": text, "prompt": ""} if task != "code" else {"prompt": text, "choices": []}
    if task == "chat":
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": ""}]
        fields = {"messages": turns}
    empty: Mapping[str, Any] = MappingProxyType({})
    return Item(id="probe", key="probe", hash="", fields=fields, attributes=empty, raw=empty, place=Place(""))
