"""Questions over a small set, and a driver that answers the calls of a program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure
from refinelab_dsl.effects import Program
from refinelab_dsl.prompts import Request, builtin_template
from refinelab_dsl.prompts.request import Completion
from refinelab_dsl.prompts.shapes import reply_schema
from refinelab_dsl.prompts.steps import DISCOVERY_PARTS, StepContext, measure_template
from refinelab_dsl.providers.simulated import Rehearsal, answer
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place
from tests.prompts.models import make_model

T = TypeVar("T")
LABELS = ("algebra", "geometry", "pre-algebra")


def make_measure(kind: str, **options: Any) -> Measure:
    needed: dict[str, Any] = {"classify": {"labels": list(LABELS)}, "elo": {"k": 64, "eta": 400}}.get(kind, {})
    return Measure(name="asked", kind=kind, options={"model": "small", **needed, **options})


def make_questions(measure: Measure, *, task: str = "qa", seed: int = 0, provider: str = "simulated") -> Questions:
    labels = measure.options.get("labels") or ()
    templates = {}
    for part in ("", *DISCOVERY_PARTS):
        system, user = builtin_template(part or measure.kind, task)
        name = measure_template(measure.name, part)
        templates[name] = Template(
            name=name, model="small", system=system, user=user,
            reply_schema=reply_schema(part or measure.kind, task, labels), max_output_tokens=1_500 if part else 200,
        )  # fmt: skip
    return Questions(
        StepContext(
            task=task, seed=seed, dimensions=(), measures=(measure,), labels={}, operators={},
            models={"small": make_model(provider)}, templates=templates,
        )
    )  # fmt: skip


def make_qa(number: int, text: str = "", **attributes: Any) -> Item:
    fields = {"question": text or f"What is question number {number} about?", "answer": str(number)}
    digest = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    return Item(digest[:16], digest[:16], digest, fields, attributes, fields, Place("items.jsonl", number + 1), number)


def drive(program: Program[T], reply: Callable[[Request], Any]) -> tuple[T, list[Request]]:
    """The result of a program whose calls `reply` answers, with a text or a JSON value; and the calls."""
    asked: list[Request] = []
    try:
        effect = next(program)
        while True:
            assert isinstance(effect, Request)
            asked.append(effect)
            said = reply(effect)
            text = said if isinstance(said, str) else json.dumps(said)
            effect = program.send(Completion(text, None, "stop", "test-model"))
    except StopIteration as end:
        return end.value, asked


def simulate(request: Request) -> str:
    return answer(request, Rehearsal()).text


def shown(request: Request, block: str) -> Any:
    """What stands in a block of the request's user message."""
    from refinelab_dsl.prompts.blocks import parse_blocks

    return parse_blocks(request.messages[1].content)[block]


def named(reply: Mapping[str, Any]) -> Callable[[Request], Any]:
    return lambda request: reply
