"""The JSON Schema of the program, as `compile --emit=ir` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from refinelab_dsl import builtins, types
from refinelab_dsl.builtins import Attribute
from refinelab_dsl.ir.program import Program

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
IDENTIFIER: Final = f"urn:refinec:edition-{builtins.EDITION}:ir"

# Parts of an attribute that are values of their own: definition -> the block and the attribute whose map it is.
_RECORDS: Final = {"Price": ("model", "price"), "Limits": ("model", "limits"), "Prior": ("operator", "prior")}
# What the program calls otherwise than the language does.
_RENAMED: Final = {"measure": "from"}
_PLURAL: Final = {"datasets": "dataset", "expects": "expect"}


def build_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) that holds of every `ir.dump`, and of nothing with a member more, fewer, or of
    another type. What attributes mean comes from the table of the language. Needs no spec; the same bytes each time.
    """
    schema = Program.model_json_schema(mode="serialization", by_alias=True, schema_generator=_Generator)
    definitions = schema.pop("$defs")
    properties = schema["properties"]
    # `dump` leaves spans out, and says in words alone what no plan can execute yet.
    del properties["origins"], definitions["Span"], definitions["Unexecutable"]
    schema["required"].remove("origins")
    properties["unexecutable"] = {
        "description": "what no plan of this version can execute yet, in words",
        "items": {"type": "string"},
        "type": "array",
    }
    schema["description"] = (
        "a whole spec, with every default filled in, as `refinec compile --emit=ir` prints it; declarations stand in "
        "the order in which they were written, names are unique per kind, numbers that JSON lacks are decimal texts"
    )
    properties["edition"] = {"const": builtins.EDITION, "description": "the edition of the language"}
    properties["docs"]["description"] = "`##` comments by what they document: `operator.author`"
    definitions["Expression"] = {"description": "an expression, its names resolved", **_name_unions(definitions)}
    _name_unions(schema)
    _describe(properties, definitions)
    return {
        "$schema": DIALECT,
        "$id": IDENTIFIER,
        **{key: schema[key] for key in sorted(schema)},
        "$defs": dict(sorted(definitions.items())),
    }


class _Generator(GenerateJsonSchema):
    """A dump holds every member, those with a default, too, but for those that say when they are left out."""

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        return "serialization_exclude_if" not in field


def _name_unions(value: Any) -> dict[str, Any]:
    """Puts a reference to one definition where the union of expressions stands, all over `value`; returns the union."""
    union: dict[str, Any] = {}
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        union = _name_unions(each) or union
    if isinstance(value, dict) and "discriminator" in value:
        del value["discriminator"]
        union = {"oneOf": value.pop("oneOf")}
        value["$ref"] = "#/$defs/Expression"
    return union


def _describe(properties: dict[str, Any], definitions: Mapping[str, Any]) -> None:
    """Adds the one-line documentation of the language's table."""
    for name, value in properties.items():
        block = builtins.BLOCKS.get(_PLURAL.get(name, name.removesuffix("s"))) or builtins.BLOCKS.get(name)
        if block is not None:
            value.setdefault("description", block.doc)
    for name, definition in definitions.items():
        if name.lower() in builtins.BLOCKS:
            definition.setdefault("description", builtins.BLOCKS[name.lower()].doc)
        docs = {attribute.name: attribute.doc for attribute in _attributes(name)}
        for member, value in definition.get("properties", {}).items():
            doc = docs.get(member) or docs.get(_RENAMED.get(member, ""))
            if doc is not None:
                value.setdefault("description", doc)


def _attributes(definition: str) -> Iterator[Attribute]:
    if definition in _RECORDS:
        kind, name = _RECORDS[definition]
        for attribute in builtins.BLOCKS[kind].attributes:
            if attribute.name == name and isinstance(attribute.type, types.Record):
                yield from attribute.type.entries
        return
    kind = definition.lower()
    if kind in builtins.BLOCKS:
        yield from builtins.BLOCKS[kind].attributes
    rows: Mapping[str, Mapping[str, Any]] = {
        "measure": builtins.MEASURE_KINDS,
        "operator": builtins.OPERATOR_KINDS,
        "validator": builtins.VALIDATOR_KINDS,
    }
    for row in rows.get(kind, {}).values():
        yield from row.attributes
