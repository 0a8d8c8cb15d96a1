"""What an operator kind is to the runtime: the program of calls that makes an item, and what the item is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

from refinelab_dsl.data import item_hash
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Dimension, Measure, Operator
from refinelab_dsl.effects import Program
from refinelab_dsl.operators.replies import find_broken_key, read_reply
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.steps import compose_step
from refinelab_dsl.questions import Questions, read_json


@dataclass(frozen=True, slots=True)
class Made:
    """What an item is made of.

    parent: the source item or the anchor. fields: the task fields that the reply holds. step_key: the step's content
    key. target: dimension -> label that the result was made for.
    """

    task: str
    parent: Item
    fields: Mapping[str, Any]
    step_key: str
    target: Mapping[str, str]
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of an operator. parent: the source item or the anchor. target: dimension -> label that the result is
    made for. step_key: the step's content key."""

    operator: Operator
    parent: Item
    target: Mapping[str, str]
    sample: int
    step_key: str

    def made_of(self, fields: Mapping[str, Any], questions: Questions) -> Made:
        """What an item with these fields is made of."""
        return Made(
            task=questions.task, parent=self.parent, fields=fields, step_key=self.step_key, target=self.target,
            dimensions=questions.context.dimensions, measures=questions.context.measures,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refined:
    """What rounds of refining came to. item: with the best answer; None where that is the one that it had: the item
    stays as it is, and nothing failed."""

    item: Item | None
    chain: Chain


@dataclass(frozen=True, slots=True)
class Remark:
    """What a program found of its own results before it gave one back: a verdict for the log. check: with a colon, so
    that no validator has its name. reason, values: without text of the dataset or of a reply."""

    check: str
    accept: bool
    reason: str = ""
    values: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)


def is_remark(check: str) -> bool:
    """Whether a verdict of a log is a program's own: it follows from the program, and asks for nothing."""
    return ":" in check


@dataclass(frozen=True, slots=True)
class Remarked:
    """What came of a program, and its remarks in order."""

    item: Item | Unreadable
    remarks: tuple[Remark, ...]


BuildItem: TypeAlias = Callable[[Made], Item]
MakeItem: TypeAlias = Callable[[Attempt, Questions], Program[Item | Unreadable | Refined | Remarked]]
"""A program that makes an item, or says why none came of it (in words that hold no text of the dataset)."""


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """`origin` is what a result is in the output; `make_item` is None for a kind whose steps call no model."""

    kind: str
    origin: Literal["added", "changed"] | None
    make_item: MakeItem | None


def make_by(build: BuildItem) -> Callable[[Attempt, Questions], Program[Item | Unreadable]]:
    """The program of a kind that asks once, for a whole item of the task."""

    return lambda attempt, questions: ask_for_item(build, attempt, questions, {})


def ask_for_item(
    build: BuildItem, attempt: Attempt, questions: Questions, found: Mapping[str, Any]
) -> Program[Item | Unreadable]:
    """Asks once, for a whole item of the task. found: as `compose_step` takes it."""
    request = compose_step(
        questions.context, attempt.operator.name, (attempt.parent,), attempt.target, attempt.sample, found
    )
    fields = yield from read_json(request, partial(read_reply, questions.task))
    if isinstance(fields, Unreadable):
        return fields
    broken = find_broken_key(questions.task, fields)
    return Unreadable(broken) if broken is not None else build(attempt.made_of(fields, questions))


def result_id(parent: str, step_key: str) -> str:
    """The id of a step's result: the first 16 hex digits of SHA-256 over the parent's key and the step's."""
    return hashlib.sha256(f"{parent}\n{step_key}".encode()).hexdigest()[:16]


def target_attributes(made: Made) -> dict[str, str]:
    """The attributes that a target settles: those that a `column` measure of a targeted dimension reads."""
    measures = {measure.name: measure for measure in made.measures}
    settled: dict[str, str] = {}
    for dimension in made.dimensions:
        measure = measures[dimension.measure]
        label = made.target.get(dimension.name)
        if measure.kind == "column" and label is not None and measure.options["column"] not in made.fields:
            settled[str(measure.options["column"])] = label
    return settled


def new_item(made: Made, attributes: Mapping[str, Any]) -> Item:
    """An item with the reply's fields. A passage (`context`) is the parent's: no prompt asks for another. `raw` and
    `place` are the parent's too: they show the writer how a row of that file looks."""
    fields = dict(made.fields)
    if "context" in made.parent.fields:
        fields["context"] = made.parent.fields["context"]
    identity = result_id(made.parent.key, made.step_key)
    return Item(
        id=identity, key=identity, hash=item_hash(made.task, fields), fields=fields, attributes=dict(attributes),
        raw=made.parent.raw, place=made.parent.place,
    )
