"""Models, items and requests for tests of prompts and providers."""

from __future__ import annotations

from typing import Any

from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model, Operator, Prior
from refinelab_dsl.prompts import Message, Request, Subject, builtin_template, item_schema
from refinelab_dsl.source import Place

ITEMS: dict[str, dict[str, Any]] = {
    "mcq": {
        "question": "Which of these gases do plants take in for photosynthesis?",
        "choices": ["oxygen", "carbon dioxide", "nitrogen", "helium"],
        "answer": "carbon dioxide",
    },
    "qa": {"question": "Which river runs through Vienna, Budapest and Belgrade?", "answer": "the Danube"},
    "math": {
        "question": "A farm fills 3 crates with 14 eggs each and breaks 2 of the eggs. How many whole eggs are there?",
        "solution": "3 * 14 = 42\n42 - 2 = 40",
        "answer": "40",
    },
}


def make_model(provider: str = "openai", **changes: Any) -> Model:
    return Model.model_validate({"name": "small", "provider": provider, "id": "test-model", **changes})


def make_item(task: str = "mcq", **attributes: Any) -> Item:
    fields = ITEMS[task]
    return Item("1", "k1", "h1", fields, attributes, fields, Place("items.jsonl", 1))


def make_operator(kind: str = "expand", **options: Any) -> Operator:
    prior = Prior.model_validate({"success": "0.8", "input_tokens": 100, "output_tokens": 50})
    return Operator(name="op", kind=kind, model="small", prior=prior, options=options)


def make_template(kind: str = "expand", task: str = "mcq", *, limit: int = 400) -> Template:
    system, user = builtin_template(kind, task)
    return Template(
        name="op", model="small", system=system, user=user, reply_schema=item_schema(task), max_output_tokens=limit
    )


def make_request(model: Model, text: str = "Write an item.", *, task: str = "mcq", limit: int = 400, sample: int = 0,
                 seed: int = 0, success: str = "1") -> Request:  # fmt: skip
    """A request about the task's item; `text` stands in its user message."""
    return Request(
        model=model,
        messages=(Message("system", "You write items."), Message("user", text)),
        schema_name="reply",
        schema=item_schema(task),
        max_output_tokens=limit,
        sample=sample,
        seed=seed,
        subject=Subject("generate", task, ITEMS[task], {}, success),
    )
