"""From a model's reply to the fields of an item: strict JSON of the task's shape, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from refinelab_dsl.prompts.replies import Unreadable, read_object


class _Mcq(msgspec.Struct):
    question: str
    choices: list[str]
    answer: str


class _Qa(msgspec.Struct):
    question: str
    answer: str


class _Math(msgspec.Struct):
    question: str
    solution: str
    answer: str


_SHAPES: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType({"mcq": _Mcq, "qa": _Qa, "math": _Math})


def read_reply(task: str, text: str) -> dict[str, Any] | Unreadable:
    """The task fields that a reply holds. Whether the item makes sense is the checks' business."""
    reply = read_object(text, _SHAPES[task])
    return reply if isinstance(reply, Unreadable) else msgspec.structs.asdict(reply)


def find_broken_key(task: str, fields: Mapping[str, Any]) -> str | None:
    """Why the answer cannot be the item's key, None if it can: for mcq it is the exact text of one choice."""
    if task != "mcq":
        return None
    matches = sum(choice == fields["answer"] for choice in fields["choices"])
    if matches == 1:
        return None
    return "the answer is none of the choices" if matches == 0 else "the answer is several of the choices"
