"""Which attributes a block may have: its kind's, and those that its `kind = …` adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from refinelab_dsl import builtins, syntax
from refinelab_dsl.builtins import Attribute, BlockKind, MeasureKind, OperatorKind, ValidatorKind

Row: TypeAlias = MeasureKind | OperatorKind | ValidatorKind

_ROWS: Mapping[str, Mapping[str, Row]] = {
    "measure": builtins.MEASURE_KINDS,
    "operator": builtins.OPERATOR_KINDS,
    "validator": builtins.VALIDATOR_KINDS,
}


@dataclass(frozen=True)
class Schema:
    """attributes: what the block takes. row: its `kind`, None where it has none or an unknown one.

    foreign: attributes that mean nothing here, with the kinds that have them.
    lenient: the kind is not known, so every attribute of any kind is taken unread.
    """

    block: BlockKind
    row: Row | None
    attributes: Mapping[str, Attribute]
    foreign: Mapping[str, tuple[str, ...]]
    lenient: bool


def find_schema(block: syntax.Block) -> Schema | None:
    """The schema of a block, None for an unknown kind of block."""
    kind = builtins.BLOCKS.get(block.kind)
    if kind is None:
        return None
    word = _word(block, "kind") or "" if kind.name in _ROWS else ""
    return _build_schema(kind.name, word if word in known_kinds(kind.name) else "")


@cache  # an analysis asks for the same few hundreds of times
def _build_schema(block: str, word: str) -> Schema:
    kind = builtins.BLOCKS[block]
    common = {attribute.name: attribute for attribute in kind.attributes}
    rows = _ROWS.get(kind.name)
    if rows is None:
        return Schema(kind, None, common, {}, lenient=False)
    row = rows.get(word)
    owners: dict[str, list[str]] = {}
    for other in rows.values():
        for attribute in other.attributes:
            owners.setdefault(attribute.name, []).append(other.name)
    if row is None:
        return Schema(kind, None, common, {name: tuple(kinds) for name, kinds in owners.items()}, lenient=True)
    own = {attribute.name: attribute for attribute in row.attributes}
    foreign = {name: tuple(kinds) for name, kinds in owners.items() if name not in own and name not in common}
    if isinstance(row, OperatorKind):
        for name in (*row.without, *(("moves",) if row.moves == "none" else ())):
            if name not in own:
                del common[name]
                foreign[name] = tuple(other for other in rows if _takes(rows[other], name))
    if isinstance(row, ValidatorKind) and row.accept == "none":
        del common["accept"]
        foreign["accept"] = tuple(other for other in rows if _takes(rows[other], "accept"))
    return Schema(kind, row, {**common, **own}, foreign, lenient=False)


def known_kinds(block: str) -> Mapping[str, Row]:
    """The rows of `kind = …` for a kind of block."""
    return _ROWS.get(block, {})


def _takes(row: Row, name: str) -> bool:
    match row:
        case OperatorKind():
            return name not in row.without and not (name == "moves" and row.moves == "none")
        case ValidatorKind():
            return name != "accept" or row.accept != "none"
        case MeasureKind():
            return True


def _word(block: syntax.Block, name: str) -> str | None:
    """The word that an attribute holds, bare or quoted."""
    for statement in block.body:
        if isinstance(statement, syntax.Attribute) and statement.name == name:
            match statement.value:
                case syntax.Reference(parts=(word,)):
                    return word
                case syntax.Literal(kind="text", value=str(word)):
                    return word
            return None
    return None
