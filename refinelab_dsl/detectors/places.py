"""The texts of an item, each with its place: what is looked through, and what may be replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""`("question",)`, `("choices", 2)`, `("messages", 0, "content")`."""

_NO_TEXT: Final = ("id", "entry_point", "role")


def list_texts(fields: Mapping[str, Any]) -> dict[Place, str]:
    """All texts of an item's fields by place, in order; names of functions and speakers are none."""
    return dict(_walk(dict(fields), ()))


def _walk(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    match value:
        case str():
            yield place, value
        case Mapping():
            for name, inner in value.items():
                if name not in _NO_TEXT:
                    yield from _walk(inner, (*place, name))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _walk(inner, (*place, index))


def replace_texts(fields: Mapping[str, Any], texts: Mapping[Place, str]) -> dict[str, Any]:
    """The fields with other texts at some places."""

    def build(value: Any, place: Place) -> Any:
        match value:
            case str():
                return texts.get(place, value)
            case Mapping():
                return {name: build(inner, (*place, name)) for name, inner in value.items()}
            case list() | tuple():
                return [build(inner, (*place, index)) for index, inner in enumerate(value)]
        return value

    return {name: build(value, (name,)) for name, value in fields.items()}


def name_place(place: Place) -> str:
    """A place as logs name it: `choices.2`."""
    return ".".join(map(str, place))


def is_key(place: Place) -> bool:
    """Whether a place holds the item's answer, which follows from the rest."""
    return place == ("answer",)


