"""From a model's reply to the fields of an item: strict JSON of the task's shape, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

_FENCE: Final = re.compile(r"\A\s*```[A-Za-z]*\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that is no item of the task. `message` is the parser's, fit to be sent back for one repair."""

    message: str


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
    """The task fields that a reply holds, stripped of white space at their ends.

    One JSON object, also inside a code fence (endpoints without `response_format` add them). Unknown members are
    ignored: they were paid for and do no harm. Whether the item makes sense is the checks' business.
    """
    fenced = _FENCE.match(text)
    content = fenced.group(1) if fenced else text.strip()
    if not content:
        return Unreadable("the reply is empty")
    try:
        encoded = content.encode()
        reply = msgspec.json.decode(encoded, type=_SHAPES[task])
    except UnicodeEncodeError:
        return Unreadable("the reply is no valid Unicode")
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        return Unreadable(_shorten(str(error)))
    except RecursionError:
        return Unreadable("the reply is nested too deeply")
    fields = {name: _strip(value) for name, value in msgspec.structs.asdict(reply).items()}
    if any(not _is_text(value) for value in fields.values()):
        return Unreadable("the reply holds half of a surrogate pair")
    return fields


def find_broken_key(task: str, fields: Mapping[str, Any]) -> str | None:
    """Why the answer cannot be the item's key, None if it can: for mcq it is the exact text of one choice."""
    if task != "mcq":
        return None
    matches = sum(choice == fields["answer"] for choice in fields["choices"])
    if matches == 1:
        return None
    return "the answer is none of the choices" if matches == 0 else "the answer is several of the choices"


def _strip(value: Any) -> Any:
    return [choice.strip() for choice in value] if isinstance(value, list) else value.strip()


def _is_text(value: Any) -> bool:
    """Whether a value can be written as UTF-8."""
    try:
        ("\n".join(value) if isinstance(value, list) else value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _shorten(message: str) -> str:
    return message if len(message) <= 200 else message[:199] + "…"
