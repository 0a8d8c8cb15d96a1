"""Items and surroundings for tests of checks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from refinelab_dsl.data.items import Item
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.declarations import Band, Dimension, Measure
from refinelab_dsl.likeness import Neighbours
from refinelab_dsl.source import Place
from refinelab_dsl.validators import Result, Surroundings

LABELS = {"size": ("short", "long"), "topic": ("bonding", "acids")}


def make_item(question: str, *choices: str, answer: str = "", key: str = "k", **more: Any) -> Item:
    fields: dict[str, Any] = {"question": question, "answer": answer or (choices[0] if choices else "")}
    if choices:
        fields["choices"] = list(choices)
    attributes = more.pop("attributes", {})
    return Item(key, key, "", {**fields, **more}, attributes, {}, Place("items.jsonl", 1))


def make_surroundings(
    task: str = "mcq", *, originals: Sequence[Item] = (), output: Sequence[Item] = ()
) -> Surroundings:
    """Lengths in words, short below 6, which are measured; topics, which are assumed."""
    size = Dimension(
        name="size", measure="words", bands=(Band(label="short", high=Decimal(6)), Band(label="long", low=Decimal(6)))
    )
    topic = Dimension(name="topic", measure="subject", labels=LABELS["topic"], on_new="assume")
    measures = {
        "words": Measure(name="words", kind="length", options={"unit": "words"}),
        "subject": Measure(name="subject", kind="column", options={"column": "subject"}),
    }
    return Surroundings(
        task=task,
        scope=ItemScope(measures, {"size": size, "topic": topic}),
        labels=LABELS,
        measurable={"size": True, "topic": False},
        originals={"": Neighbours(originals)},
        output={"": Neighbours(output)},
    )


def make_result(item: Item, parent: Item, **target: str) -> Result:
    return Result(item, parent, target)
