"""The types of a table's columns, found while its rows pass, and values brought to them: nothing is lost.

A type holds every value that was seen. What no one type holds (a number here, a text there) becomes text; so do
whole numbers beyond 64 bits, whole numbers that a float would round, maps without keys, and maps of more keys than a
table has columns. Null fits every type, and stays null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["null", "bool", "integer", "long", "number", "text", "list", "map"]

_EXACT = 2**53  # up to here every whole number is a float
_LONG = 2**63
_MOST_KEYS = 100

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class ColumnType:
    """kind: `integer` is within what a float holds exactly, `long` within 64 bits. of: of a list's elements.
    keys: of a map, in the order in which they were first seen."""

    kind: Kind
    of: ColumnType | None = None
    keys: Mapping[str, ColumnType] = field(default_factory=dict)


NULL = ColumnType("null")
TEXT = ColumnType("text")
BOOL = ColumnType("bool")
_SCALARS: Mapping[frozenset[str], ColumnType] = {
    frozenset(("integer", "long")): ColumnType("long"),
    frozenset(("integer", "number")): ColumnType("number"),
}


def type_of(value: Any) -> ColumnType:
    """The narrowest type that holds a value."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int():
            return ColumnType("integer" if abs(value) <= _EXACT else "long" if -_LONG <= value < _LONG else "text")
        case float() | Decimal():
            return ColumnType("number")
        case list() | tuple():
            return ColumnType("list", reduce(join_types, map(type_of, value), NULL))
        case Mapping():
            return _checked(ColumnType("map", keys={str(key): type_of(entry) for key, entry in value.items()}))
        case _:
            return TEXT


def join_types(first: ColumnType, second: ColumnType) -> ColumnType:
    """The narrowest type that holds what either holds."""
    if first == second or second.kind == "null":
        return first
    if first.kind == "null":
        return second
    if first.kind == second.kind == "list":
        return ColumnType("list", join_types(first.of or NULL, second.of or NULL))
    if first.kind == second.kind == "map":
        keys = dict(first.keys)
        for key, entry in second.keys.items():
            keys[key] = join_types(keys.get(key, NULL), entry)
        return _checked(ColumnType("map", keys=keys))
    return _SCALARS.get(frozenset((first.kind, second.kind)), TEXT)


def fit_value(value: Any, type: ColumnType) -> Any:
    """The value as its column holds it: every key of a map is there, and what only text holds is text."""
    if value is None:
        return None
    match type.kind:
        case "number":
            return float(value)
        case "list":
            return [fit_value(entry, type.of or NULL) for entry in value]
        case "map":
            return {key: fit_value(value.get(key), entry) for key, entry in type.keys.items()}
        case "text":
            return cell_text(value)
        case _:
            return value


def cell_text(value: Any) -> str:
    """A value as text: text as it is, null empty, lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return _encode(value).decode()


def _checked(type: ColumnType) -> ColumnType:
    """A map's type, or text where its keys cannot be columns: none, an empty one, one with a zero in it, too many, two
    that differ only in case."""
    keys = type.keys
    named = all(key and "\0" not in key for key in keys)
    fits = 0 < len(keys) <= _MOST_KEYS and named and len({key.lower() for key in keys}) == len(keys)
    return type if fits else TEXT
