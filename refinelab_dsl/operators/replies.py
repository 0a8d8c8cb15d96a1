"""From a model's reply to the fields of an item: strict JSON of the task's shape, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

from refinelab_dsl.data.conversation import find_fault
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.shapes import VARIANTS


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


class _Code(msgspec.Struct):
    prompt: str
    tests: str
    entry_point: str
    solution: str


class _Turn(msgspec.Struct):
    role: Literal["system", "user", "assistant"]
    content: str


class _Chat(msgspec.Struct):
    messages: list[_Turn]


_SHAPES: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {"mcq": _Mcq, "qa": _Qa, "math": _Math, "code": _Code, "chat": _Chat}
)
_SEVERAL: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType({
    task: msgspec.defstruct(f"_Several{task.capitalize()}", [(VARIANTS, list[shape])])  # type: ignore[valid-type]
    for task, shape in _SHAPES.items()
})  # fmt: skip
_EMPTY_LINES: Final = re.compile(r"\A(?:[ \t]*\r?\n)+")


def read_reply(task: str, text: str) -> dict[str, Any] | Unreadable:
    """The task fields that a reply holds. Whether the item makes sense is the checks' business."""
    reply = read_object(text, _SHAPES[task], strip=task != "code")
    return reply if isinstance(reply, Unreadable) else _list_fields(task, reply)


def _list_fields(task: str, reply: msgspec.Struct) -> dict[str, Any]:
    if task == "chat":
        return dict(msgspec.to_builtins(reply))
    fields = msgspec.structs.asdict(reply)
    if task == "code":
        return {name: text.strip() if name == "entry_point" else _trim(text) for name, text in fields.items()}
    return fields


def _trim(text: str) -> str:
    """Code without empty lines around it: the indentation of its first line stays, and a line break ends its last, so
    that what goes on there begins a line of its own."""
    trimmed = _EMPTY_LINES.sub("", text.rstrip())
    return trimmed + "\n" if "\n" in trimmed or trimmed[:1].isspace() else trimmed


def read_variants(task: str, text: str) -> list[dict[str, Any]] | Unreadable:
    """The items of a reply that holds several: the task fields of each."""
    reply = read_object(text, _SEVERAL[task], strip=task != "code")
    if isinstance(reply, Unreadable):
        return reply
    fields = [_list_fields(task, each) for each in getattr(reply, VARIANTS)]
    return fields or Unreadable("the reply holds no variant")


def find_broken_key(task: str, fields: Mapping[str, Any]) -> str | None:
    """Why the answer cannot be the item's key, None if it can: for mcq it is the exact text of one choice. Of a chat:
    why its turns are no conversation."""
    if task == "chat":
        return find_fault(fields["messages"])
    if task != "mcq":
        return None
    matches = sum(choice == fields["answer"] for choice in fields["choices"])
    if matches == 1:
        return None
    return "the answer is none of the choices" if matches == 0 else "the answer is several of the choices"
