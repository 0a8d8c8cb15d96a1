"""From a model's reply to a value of a stated shape: strict JSON, or the reason why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

_FENCE: Final = re.compile(r"\A\s*```[A-Za-z]*\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that has not the shape that was asked for. `message` is the parser's, fit to be sent back for one
    repair."""

    message: str


def read_object(text: str, shape: type[T], *, strip: bool = True) -> T | Unreadable:
    """The JSON object of a reply as `shape` (a msgspec Struct). strip: its texts lose white space at their ends.

    One JSON object, also inside a code fence (endpoints without `response_format` add them). Unknown members are
    ignored: they were paid for and do no harm.
    """
    fenced = _FENCE.match(text)
    content = fenced.group(1) if fenced else text.strip()
    if not content:
        return Unreadable("the reply is empty")
    try:
        reply = msgspec.json.decode(content.encode(), type=shape)
    except UnicodeEncodeError:
        return Unreadable("the reply is no valid Unicode")
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        return Unreadable(_shorten(str(error)))
    except RecursionError:
        return Unreadable("the reply is nested too deeply")
    try:
        members = msgspec.to_builtins(reply)
        stripped = msgspec.convert(_strip(members) if strip else members, type=shape)
        msgspec.json.encode(stripped)
    except UnicodeEncodeError:
        return Unreadable("the reply holds half of a surrogate pair")
    return stripped


def _strip(value: Any) -> Any:
    """White space goes from the ends of every text."""
    match value:
        case str():
            return value.strip()
        case list():
            return [_strip(each) for each in value]
        case dict():
            return {name: _strip(each) for name, each in value.items()}
    return value


def _shorten(message: str) -> str:
    return message if len(message) <= 200 else message[:199] + "…"
