"""How programs of calls put their questions: requests by template, replies read as JSON, one repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure, Validator
from refinelab_dsl.effects import Program
from refinelab_dsl.prompts.compose import compose, item_fields, repair_request
from refinelab_dsl.prompts.render import TemplateFault
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Completion, Request, Subject
from refinelab_dsl.prompts.steps import StepContext, StepFault

T = TypeVar("T")

_DECLINED: Final = {
    "refusal": "the model declines to answer",
    "content_filter": "a filter of the endpoint withheld the reply",
}


@dataclass(frozen=True, slots=True)
class Exemplar:
    """An item whose rating is settled."""

    item: Item
    rating: float


@dataclass(frozen=True, slots=True)
class Known:
    """What paid measures rest on besides their declaration. labels: measure -> the labels to choose from. exemplars:
    measure -> the rated items that others are compared with. meanings: measure -> label -> what it means, in a line."""

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exemplars: Mapping[str, Sequence[Exemplar]] = field(default_factory=dict)
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Questions:
    """Composes the requests of programs. context: declarations, templates and models by name, settled labels, seed."""

    context: StepContext

    @property
    def task(self) -> str:
        return self.context.task

    @property
    def seed(self) -> int:
        return self.context.seed

    def validator(self, name: str) -> Validator:
        return self.context.validators[name]

    def measure(self, name: str) -> Measure:
        return next(measure for measure in self.context.measures if measure.name == name)

    def compose(
        self, template: str, variables: Mapping[str, Any], *, sample: int = 0, subject: Subject | None = None
    ) -> Request:
        """The request that a template gives with these names (`task`, `params` and `sample` come of themselves).

        template: `validator_template`, `measure_template`, or an operator's name. Items go in as `item_fields(item)`.

        Raises:
            StepFault: the template cannot be rendered with them.
        """
        found = self.context.templates[template]
        try:
            return compose(
                found, self.context.models[found.model], {"task": self.task, **variables}, subject=subject,
                sample=sample, seed=self.seed,
            )
        except TemplateFault as fault:
            raise StepFault(template, fault) from None

    def subject(self, kind: str, item: Item, *, success: str = "0.9", **more: Any) -> Subject:
        """What the simulated model is told of a call of a validator or a measure: the kind, the item, the share of
        calls that are answered as the item's own key and labels have it. more: further facts, by name."""
        known = {**item.attributes, **item.fields, **({"about": more} if more else {})}
        return Subject(kind=kind, task=self.task, item=known, success=success)


def read_json(request: Request, read: Callable[[str], T | Unreadable]) -> Program[T | Unreadable]:
    """Asks, reads the reply, and asks once more where it cannot be read, unless the model or a filter of its endpoint
    declines: asked again it would cost as much and say the same. read: as `prompts.replies.read_object`."""
    completion: Completion = yield request
    found = _read(request, completion, read)
    if isinstance(found, Unreadable) and completion.finish_reason not in _DECLINED:
        completion = yield repair_request(request, completion.text, found.message)
        found = _read(request, completion, read)
    return found


def _read(request: Request, completion: Completion, read: Callable[[str], T | Unreadable]) -> T | Unreadable:
    """What a reply holds, or why not. Where the endpoint says how the reply ended, that tells more than the parser."""
    found = read(completion.text)
    if isinstance(found, Unreadable):
        if completion.finish_reason in _DECLINED:
            return Unreadable(_DECLINED[completion.finish_reason])
        if completion.finish_reason == "length":
            return Unreadable(f"the reply was cut off at its limit of {request.max_output_tokens} tokens")
    return found


__all__ = ["Exemplar", "Known", "Questions", "StepFault", "Unreadable", "item_fields", "read_json"]
