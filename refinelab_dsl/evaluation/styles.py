"""Asking models: the styles of a prompt, the calls about one item, and whether what came back is right.

A question shows the item without its key and its solution. The styles are those of the RefineLab paper (Consistent
Model Rankings): the bare question, a role, a chain of thought, and several chains of which the most frequent answer
counts (Wang 2023, Self-Consistency).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from refinelab_dsl import resources
from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model
from refinelab_dsl.effects import Program
from refinelab_dsl.equivalence import compare_answers
from refinelab_dsl.prompts.compose import compose, max_output_tokens
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.request import Request, Subject
from refinelab_dsl.questions import read_json

TASKS: Final = ("mcq", "qa", "math")
"""The tasks whose answers are compared as texts."""

_HIDDEN: Final = ("answer", "solution")


@dataclass(frozen=True, slots=True)
class Style:
    """reasons: the reply holds a chain of thought before the answer. samples: replies that vote."""

    name: str
    doc: str
    reasons: bool
    samples: int
    output_tokens: int


STYLES: Final[Mapping[str, Style]] = MappingProxyType({
    style.name: style
    for style in (
        Style("plain", "the question, and the answer at once", False, 1, 200),
        Style("role_play", "the same, asked of an examiner", False, 1, 200),
        Style("chain_of_thought", "the steps before the answer", True, 1, 1_500),
        Style("self_consistency", "five chains of thought; the most frequent answer counts", True, 5, 1_500),
    )
})  # fmt: skip


class _Direct(msgspec.Struct):
    answer: str


class _Reasoned(msgspec.Struct):
    reasoning: str
    answer: str


def build_template(style: Style, model: Model) -> Template:
    """The template of a style for one model."""
    members = {name: {"type": "string"} for name in (*(["reasoning"] if style.reasons else []), "answer")}
    return Template(
        name=f"evaluate.{style.name}",
        model=model.name,
        system=resources.read("templates/evaluate/ask.system.jinja"),
        user=resources.read("templates/evaluate/ask.user.jinja"),
        reply_schema={
            "type": "object", "properties": members, "required": list(members), "additionalProperties": False,
        },
        max_output_tokens=max_output_tokens(model, style.output_tokens),
    )  # fmt: skip


def build_request(
    style: Style, template: Template, model: Model, task: str, item: Item, sample: int, seed: int
) -> Request:
    """One question about an item.

    Raises:
        TemplateFault: the template cannot be rendered with this item.
    """
    shown = {name: value for name, value in item.fields.items() if name not in _HIDDEN}
    about = {"model": model.id or model.name, "style": style.name}
    subject = Subject(kind="evaluate", task=task, item={**item.fields, "about": about})
    names = {"task": task, "style": style.name, "item": shown}
    return compose(template, model, names, subject=subject, sample=sample, seed=seed)


def ask_item(style: Style, template: Template, model: Model, task: str, item: Item, seed: int) -> Program[bool]:
    """Whether a model answers an item rightly. A reply that cannot be read, with its repair, is no answer; an item
    without any counts as wrong."""
    read = _reader(style)
    answers: list[str] = []
    for sample in range(style.samples):
        reply = yield from read_json(build_request(style, template, model, task, item, sample, seed), read)
        if isinstance(reply, str) and reply:
            answers.append(reply)
    choices = item.fields.get("choices") if task == "mcq" else None
    return bool(answers) and is_right(item.fields["answer"], vote(answers, choices), choices)


def vote(answers: Sequence[str], choices: Sequence[str] | None) -> str:
    """The answer that most others say the same as; of equally frequent ones the first."""
    counts = [sum(is_right(answer, other, choices) for other in answers) for answer in answers]
    return answers[counts.index(max(counts))]


def is_right(key: str, answer: str, choices: Sequence[str] | None) -> bool:
    """Whether an answer says the same as the key."""
    return compare_answers(key, answer, choices) == "same"


def _reader(style: Style) -> Callable[[str], str | Unreadable]:
    shape: Any = _Reasoned if style.reasons else _Direct

    def read(text: str) -> str | Unreadable:
        found = read_object(text, shape)
        return found if isinstance(found, Unreadable) else str(found.answer)

    return read
