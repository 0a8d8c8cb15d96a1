"""`measure { kind = classify }`: a model names the label; and finds labels in the items, for `labels = discover(n)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import LABEL_MARK, Measure
from refinelab_dsl.effects import Measured, Program
from refinelab_dsl.likeness import normalise
from refinelab_dsl.measures_paid.ratings import draw_bytes
from refinelab_dsl.prompts.asking import DISCOVERY_BATCH, DISCOVERY_SAMPLE
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.request import Request, Subject
from refinelab_dsl.prompts.shapes import reply_schema
from refinelab_dsl.prompts.steps import DISCOVERY_PARTS, measure_template
from refinelab_dsl.questions import Known, Questions, item_fields, read_json

MOST_TEXT: Final = 600
"""Characters of one text of an item that proposals see."""

LONGEST_LABEL: Final = 60

_LONGEST_MEANING: Final = 300


@dataclass(frozen=True, slots=True)
class Discovered:
    """A label that was found in the items, and what it means, in a line."""

    label: str
    meaning: str


class _Reply(msgspec.Struct):
    label: str


class _Proposal(msgspec.Struct):
    label: str
    meaning: str


class _Proposals(msgspec.Struct):
    labels: list[_Proposal]


def ask_value(measure: Measure, item: Item, questions: Questions, known: Known) -> Program[Measured]:
    """The label of an item, one of those that are listed or were found; None where neither the reply nor its repair
    names one."""
    labels = known.labels.get(measure.name) or tuple(measure.options["labels"])
    meanings = known.meanings.get(measure.name, {})
    request = questions.compose(
        measure_template(measure.name),
        {"item": item_fields(item), "labels": list(labels), "meanings": dict(meanings)},
        subject=questions.subject("classify", item, labels=list(labels)),
    )
    named = yield from read_json(_hold_to(request, labels), lambda text: _read_label(text, labels))
    return Measured(None if isinstance(named, Unreadable) else named)


def _hold_to(request: Request, labels: Sequence[str]) -> Request:
    """The built-in schema names the labels; a plan that was made before they were found could not."""
    members = (request.schema or {}).get("properties", {})
    if set(members) != {"label"}:
        return request
    return replace(request, schema=reply_schema("classify", "", labels))


def _read_label(text: str, labels: Sequence[str]) -> str | Unreadable:
    """Capital letters and white space do not count, where that leaves one label."""
    reply = read_object(text, _Reply)
    if isinstance(reply, Unreadable):
        return reply
    if reply.label in labels:
        return reply.label
    alike = [label for label in labels if normalise(label) == normalise(reply.label)]
    return alike[0] if len(alike) == 1 else Unreadable("`label` is none of the labels")


def discover_labels(
    measure: Measure, items: Sequence[Item], count: int, questions: Questions
) -> Program[tuple[Discovered, ...] | Unreadable]:
    """`count` labels that divide the items, found in a sample of them: each batch of the sample has labels proposed for
    it, and one last call makes `count` of all that were proposed.

    Fewer come back (two at least) where the model insists on fewer. Unreadable where it gives no two labels.
    """
    proposals: list[dict[str, str]] = []
    sample = _choose_sample(items, questions.seed)
    for start in range(0, len(sample), DISCOVERY_BATCH):
        batch = [_shorten(item) for item in sample[start : start + DISCOVERY_BATCH]]
        request = _request(measure, questions, DISCOVERY_PARTS[0], {"items": batch, "count": count})
        proposed = yield from read_json(request, lambda text: _read_labels(text, 1))
        if not isinstance(proposed, Unreadable):
            proposals += [{"label": each.label, "meaning": each.meaning} for each in proposed]
    if not proposals:
        return Unreadable("no batch of items gave a label")
    variables = {"proposals": proposals, "count": count}
    request = _request(measure, questions, DISCOVERY_PARTS[1], variables)
    merged = yield from read_json(request, lambda text: _read_labels(text, 2))
    return merged if isinstance(merged, Unreadable) else merged[:count]


def _request(measure: Measure, questions: Questions, part: str, variables: Mapping[str, Any]) -> Request:
    return questions.compose(
        measure_template(measure.name, part),
        variables,
        subject=Subject(kind=part, task=questions.task, item={"about": dict(variables)}, success="0.9"),
    )


def _choose_sample(items: Sequence[Item], seed: int) -> list[Item]:
    distinct = {item.hash: item for item in reversed(items)}
    ranked = sorted(distinct, key=lambda key: draw_bytes(seed, "discover", key))
    return [distinct[key] for key in ranked[:DISCOVERY_SAMPLE]]


def _shorten(item: Item) -> dict[str, Any]:
    """An item's question and choices, long texts cut: what it is about stands at its beginning."""
    if "messages" in item.fields:
        return {"question": item.question[:MOST_TEXT]}
    fields = {name: item.fields[name] for name in ("question", "prompt", "choices") if name in item.fields}
    return {
        name: [text[:MOST_TEXT] for text in value] if isinstance(value, list) else str(value)[:MOST_TEXT]
        for name, value in fields.items()
    }


def _read_labels(text: str, fewest: int) -> tuple[Discovered, ...] | Unreadable:
    reply = read_object(text, _Proposals)
    if isinstance(reply, Unreadable):
        return reply
    found: dict[str, Discovered] = {}
    for each in reply.labels:
        label = " ".join(each.label.split())
        if not label or len(label) > LONGEST_LABEL or LABEL_MARK in label:
            return Unreadable(f"a label is a short name of 1 to {LONGEST_LABEL} characters without `{LABEL_MARK}`")
        meaning = " ".join(each.meaning.split())[:_LONGEST_MEANING]
        found.setdefault(normalise(label), Discovered(label, meaning))
    if len(found) < fewest:
        return Unreadable(f"`labels` holds fewer than {fewest} different labels")
    return tuple(found.values())
