"""Which expressions a declaration holds, and the names that each of them sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refinelab_dsl import syntax, types
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.expressions import Expression
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.expressions import Reader
from refinelab_dsl.semantics.schema import find_schema
from refinelab_dsl.types import ExpressionKind


@dataclass(frozen=True)
class Reading:
    """One expression over items: the attribute, the key where it stands in a map, its context, what it must give."""

    attribute: str
    key: str | None
    written: syntax.Expression
    type: types.Over


def readings(declared: Declared) -> Iterator[Reading]:
    """The expressions of a declaration, as written."""
    schema = find_schema(declared.block)
    assert schema is not None
    for name, attribute in schema.attributes.items():
        value = declared.values.get(name)
        match attribute.type:
            case types.Over() as type_ if value is not None:
                yield Reading(name, None, value, type_)
            case types.MapTo(value=types.Over() as type_) if value is not None:
                for key, expression in value.items():
                    yield Reading(name, key, expression, type_)


def read(
    bindings: Bindings, declared: Declared, attribute: str, found: list[Diagnostic], key: str | None = None
) -> Expression | None:
    """An expression of a declaration, resolved; None where it is not written, or wrong (reported to `found`)."""
    for reading in readings(declared):
        if reading.attribute == attribute and reading.key == key:
            return read_one(bindings, declared, reading, found)
    return None


def read_one(bindings: Bindings, declared: Declared, reading: Reading, found: list[Diagnostic]) -> Expression | None:
    """One expression, resolved."""
    names = names_for(bindings, declared, reading)
    subject = f"`{reading.key or reading.attribute}`"
    reader = Reader(bindings, declared.namespace, subject, reading.type.context, names, found)
    return reader.read(reading.written, reading.type.gives)


def names_for(bindings: Bindings, declared: Declared, reading: Reading) -> spaces.Names:
    """The names that an expression sees."""
    match reading.type.context:
        case "fields":
            return spaces.field_names(declared)
        case "rows":
            return spaces.row_names(bindings.views[declared.namespace].items, declared)
        case "items":
            return bindings.views[declared.namespace].items
        case "accept":
            return spaces.accept_names(bindings.views[declared.namespace].results, declared)
        case "assert":
            return spaces.assert_names()


def kind_of(bindings: Bindings, declared: Declared, attribute: str, key: str | None = None) -> ExpressionKind | None:
    """What an expression yields; None where it is not written, or wrong."""
    for reading in readings(declared):
        if reading.attribute == attribute and reading.key == key:
            names = names_for(bindings, declared, reading)
            typed = Reader(bindings, declared.namespace, "", reading.type.context, names, []).lower(reading.written)
            return None if typed is None else typed.yields.kind
    return None
