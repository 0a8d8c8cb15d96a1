"""Where a step becomes a request: for pricing, `render`, the runtime and replay alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import msgspec

from refinelab_dsl.artifacts.plan import Header, SeedSet, Template
from refinelab_dsl.builtins import TASKS, JudgeRole, refining_share
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.turns import split_turn, until_missing
from refinelab_dsl.declarations import (
    JOINT,
    Dimension,
    Embedding,
    Judge,
    Measure,
    Model,
    Operator,
    Validator,
    short_names,
)
from refinelab_dsl.detectors import Work
from refinelab_dsl.measures import label, measure
from refinelab_dsl.measures.table import is_paid
from refinelab_dsl.prompts.compose import call_context, compose, item_fields, target_context
from refinelab_dsl.prompts.passages import count_passages
from refinelab_dsl.prompts.render import TemplateFault
from refinelab_dsl.prompts.request import Request, Subject
from refinelab_dsl.prompts.scrubbing import FIRST_TRY, SCRUB, find_parts, show_work
from refinelab_dsl.prompts.tokens import count_tokens

DISCOVERY_PARTS: Final = ("discover", "discover_merge")
"""What finds the labels of a `classify`: proposals for batches of items, and the labels made of these."""


_EXPLANATION: Final = "it corrects what was wrong, says what was missing, and leaves out what nobody asked for"


def measure_template(measure: str, part: str = "") -> str:
    """The name of the template that a paid measure asks by. part: of `DISCOVERY_PARTS`, where its labels are found."""
    return f"measure.{measure}.{part}" if part else f"measure.{measure}"


def validator_template(validator: str, route: str = "") -> str:
    """The name of the template that a paid validator asks by. route: of `auto`, the kind that it routes to."""
    return f"validator.{validator}.{route}" if route else f"validator.{validator}"


def judge_template(judge: str, model: str, role: JudgeRole = "answers") -> str:
    """The name of the template that a judge asks one of its models by."""
    return f"judge.{judge}.{model}" if role == "answers" else f"judge.{judge}.{model}.{role}"


def second_template(operator: str) -> str:
    """The name of the template that the second model of an operator is asked by."""
    return f"second.{operator}"


class StepFault(Exception):
    """A template could not be rendered for one of the items: `line` of the template, and why. template: its name, that
    of the operator, or as `measure_template` and `validator_template` give it."""

    def __init__(self, template: str, fault: TemplateFault) -> None:
        super().__init__(f"{template}: {fault}")
        self.template = template
        self.line = fault.line
        self.message = fault.message


@dataclass(frozen=True)
class StepContext:
    """What composing needs besides the items: declarations by name, settled labels, seed."""

    task: str
    seed: int
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    labels: Mapping[str, tuple[str, ...]]
    models: Mapping[str, Model]
    operators: Mapping[str, Operator]
    templates: Mapping[str, Template]
    validators: Mapping[str, Validator] = field(default_factory=dict)
    judges: Mapping[str, Judge] = field(default_factory=dict)
    corpora: Mapping[str, str] = field(default_factory=dict)  # by name, the hash of what each holds
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    seeds: Mapping[str, SeedSet] = field(default_factory=dict)  # by measure

    @cached_property
    def asked(self) -> dict[str, str]:
        """The dimensions, by the names that prompts see, whose measures ask a model: the kinds of these."""
        kinds = {measure.name: measure.kind for measure in self.measures if is_paid(measure)}
        shown = short_names(dimension.name for dimension in self.dimensions)
        return {shown[each.name]: kinds[each.measure] for each in self.dimensions if each.measure in kinds}

    @cached_property
    def shown(self) -> Mapping[str, tuple[str, ...]]:
        """The labels of the dimensions that prompts see."""
        return {name: labels for name, labels in self.labels.items() if name not in self.joint}

    @cached_property
    def joint(self) -> frozenset[str]:
        """The dimensions that only repeat the labels of others: no prompt sees them."""
        kinds = {measure.name: measure.kind for measure in self.measures}
        return frozenset(each.name for each in self.dimensions if kinds[each.measure] == JOINT)

    @classmethod
    def of_header(cls, header: Header) -> StepContext:
        """The context that a saved plan carries."""
        return cls(
            task=header.dataset.item_task,
            seed=header.seed,
            dimensions=header.dimensions,
            measures=header.measures,
            labels=header.labels,
            models={model.name: model for model in header.models},
            operators={operator.name: operator for operator in header.operators},
            templates={template.name: template for template in header.templates},
            validators={validator.name: validator for validator in header.validators},
            judges={judge.name: judge for judge in header.judges},
            corpora={corpus.name: corpus.sha256 for corpus in header.corpora},
            embeddings={embedding.name: embedding for embedding in header.embeddings},
            seeds=header.seeds,
        )


def compose_step(
    context: StepContext,
    operator_name: str,
    items: Sequence[Item],
    target: Mapping[str, str],
    sample: int,
    found: Mapping[str, Any] = MappingProxyType({}),
) -> Request:
    """The request of one attempt of an operator on `items` (the source item or the anchor first).

    target: dimension -> label that the result is made for. found: names that the template sees and that calls before
    this one settled (`passages`); without them it is composed to be priced. The same arguments give the same request.

    Raises:
        StepFault: the template cannot be rendered with this item.
    """
    operator = context.operators[operator_name]
    item = items[0]
    if operator.kind == "refine":
        asked = until_missing(context.task, item.fields)
        if asked is not None:  # an answer is made before one is refined
            return compose_refinement(context, operator, replace(item, fields=asked), target, sample, answer="")
        answer = split_turn(context.task, item.fields).answer
        return compose_refinement(context, operator, item, target, sample, answer=answer)
    template = context.templates[operator_name]
    wanted = target_context(target, context.dimensions, context.measures)
    sample //= operator.per_call  # attempts on one item share a call
    variables = call_context(
        context.task,
        operator,
        item=item,
        anchor=item if operator.kind == "generate" else None,
        target=wanted,
        labels=context.shown,
        passages=count_passages(operator, context.validators),
    )
    about: dict[str, Any] = {"asked": context.asked} if context.asked else {}
    if operator.kind == SCRUB:
        shown = show_work(operator, build_work(context, operator, item))
        variables |= shown
        about |= shown
    if operator.per_call > 1:
        about["count"] = operator.per_call
    subject = Subject(
        kind=operator.kind,
        task=context.task,
        item={**item.fields, **({"about": about} if about else {})},
        target=wanted,
        success=FIRST_TRY if operator.kind == SCRUB else str(operator.prior.success),
    )
    try:
        return compose(
            template, context.models[template.model], {**variables, **found}, subject=subject, sample=sample,
            seed=context.seed,
        )  # fmt: skip
    except TemplateFault as fault:
        raise StepFault(operator_name, fault) from None


def compose_refinement(
    context: StepContext, operator: Operator, item: Item, target: Mapping[str, str], sample: int, *, answer: str,
    round_: int = 0, second: bool = False,
) -> Request:
    """The request of one round of `refine`: to improve `answer`, which need not be the item's own any longer. round_:
    from 0. second: asks the second model.

    Raises:
        StepFault: the template cannot be rendered with this item.
    """
    name = second_template(operator.name) if second else operator.name
    template = context.templates[name]
    wanted = target_context(target, context.dimensions, context.measures)
    variables = call_context(
        context.task, operator, item=item, anchor=None, target=wanted, labels=context.shown,
    ) | {
        "conversation": [dict(message) for message in split_turn(context.task, item.fields).messages],
        "answer": answer,
        "criteria": list(context.judges[str(operator.options["judge"])].criteria),
    }  # fmt: skip
    subject = Subject(
        kind=operator.kind,
        task=context.task,
        item={**item_fields(item), "about": {"answer": answer, "round": round_, "second": second}},
        target=wanted,
        success=str(round(refining_share(round_), 4)),
    )
    try:
        return compose(
            template, context.models[template.model], variables, subject=subject, sample=sample, seed=context.seed
        )
    except TemplateFault as fault:
        raise StepFault(name, fault) from None


def build_work(context: StepContext, operator: Operator, item: Item) -> Work:
    """What a `scrub` finds in an item, and what is to take its place."""
    return find_parts(operator, context.measures, item, context.seed)


def likely_target(context: StepContext, operator_name: str, item: Item) -> dict[str, str]:
    """The labels that a result of `operator_name` from `item` would be made for, before any plan: the item's own,
    moved as the operator moves them (to the first of several). For pricing and `render`."""
    operator = context.operators[operator_name]
    measures = {declared.name: declared for declared in context.measures}
    target: dict[str, str] = {}
    for dimension in context.dimensions:
        if dimension.name in context.joint:
            continue
        names = context.labels.get(dimension.name, ())
        own = label(dimension, measure(measures[dimension.measure], item), names)
        move = operator.moves.get(dimension.name)
        if move is not None and move.kind == "to" and own not in move.labels:
            own = move.labels[0]
        elif move is not None and move.kind == "shift" and own in names:
            own = names[min(max(names.index(own) + move.by, 0), len(names) - 1)]
        if own is None and names:
            own = names[0]
        if own is not None:
            target[dimension.name] = own
    return target


def expected_reply_tokens(context: StepContext, operator_name: str, item: Item) -> int:
    """Tokens of a reply as long as `item` itself, in the reply format of its task."""
    fields: dict[str, Any] = {name: item.fields.get(name, "") for name in TASKS[context.task].reply}
    if context.operators[operator_name].kind == "refine":
        fields = {"explanation": _EXPLANATION, "answer": split_turn(context.task, item.fields).answer}
    operator = context.operators[operator_name]
    if operator.kind == SCRUB:
        work = build_work(context, operator, item)
        fields = {"parts": [work.texts[place] for place in work.asked]}
    model = context.models[context.templates[operator_name].model]
    return count_tokens(msgspec.json.encode(fields).decode(), model.id)
