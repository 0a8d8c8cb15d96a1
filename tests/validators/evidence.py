"""Questions about one item, with a `rag` validator and a `correct` operator by their built-in prompts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from refinelab_dsl import prompts
from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model, Operator, Prior, Validator
from refinelab_dsl.effects import Effect, Passage, Retrieve
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place

GROUNDED = Validator(name="grounded", kind="rag", options={"model": "small", "corpus": "facts", "top_k": 2})
REPAIR = Operator(
    name="repair", kind="correct", model="small", options={"validator": "grounded"},
    prior=Prior(success=Decimal("0.7"), input_tokens=1000, output_tokens=200),
)  # fmt: skip
PASSAGES = (
    Passage("facts.txt:7", "", "A plant takes in carbon dioxide through its leaves."),
    Passage("facts.txt:9", "Roots", "Roots take up water."),
)


def questions(task: str = "mcq") -> Questions:
    """What programs compose their requests with."""
    templates = {}
    for name, kind, limit in (("validator.grounded", "rag", 600), ("repair", "correct", 1000)):
        system, user = prompts.builtin_template(kind, task)
        schema = prompts.reply_schema(kind, task)
        templates[name] = Template(
            name=name, model="small", system=system, user=user, reply_schema=schema, max_output_tokens=limit
        )
    return Questions(StepContext(
        task=task, seed=1, dimensions=(), measures=(), labels={},
        models={"small": Model(name="small", provider="simulated", id="small")},
        operators={"repair": REPAIR}, templates=templates, validators={"grounded": GROUNDED},
        corpora={"facts": "c0ffee"},
    ))  # fmt: skip


def item(**fields: Any) -> Item:
    """An item whose answer the passages refute."""
    usual = {
        "question": "What do the leaves of a plant take in?", "choices": ["oxygen", "carbon dioxide", "light", "soil"],
        "answer": "oxygen",
    }  # fmt: skip
    fields = {**usual, **fields}
    if fields["choices"] is None:
        del fields["choices"]
    return Item(
        id="i1", key="k1", hash="", fields=fields, attributes={"area": "biology"}, raw=MappingProxyType({}),
        place=Place("items.jsonl", 1),
    )  # fmt: skip


def finding(*passages: Passage) -> Callable[[Effect], Any]:
    """A corpus that always gives these passages."""

    def answer(effect: Effect) -> Any:
        assert isinstance(effect, Retrieve)
        return passages[: effect.top_k]

    return answer


def says(verdict: str, *used: int | str, answer: str = "", confidence: float = 0.9) -> dict[str, Any]:
    """A reply to `rag`."""
    return {"passages": list(used), "verdict": verdict, "answer": answer, "confidence": confidence}
