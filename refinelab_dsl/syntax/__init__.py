"""Text to tree: `tree, diagnostics = syntax.parse(source)`."""

from refinelab_dsl.syntax.encoding import MAX_BYTES, decode, load
from refinelab_dsl.syntax.format import format_source
from refinelab_dsl.syntax.literals import find_in_block
from refinelab_dsl.syntax.nodes import (
    Argument,
    Attribute,
    Binary,
    Block,
    Call,
    Expression,
    Import,
    ListOf,
    Literal,
    MapOf,
    Pair,
    Reference,
    Statement,
    Tree,
    Unary,
)
from refinelab_dsl.syntax.parse import parse, parse_bytes

__all__ = [
    "MAX_BYTES",
    "Argument",
    "Attribute",
    "Binary",
    "Block",
    "Call",
    "Expression",
    "Import",
    "ListOf",
    "Literal",
    "MapOf",
    "Pair",
    "Reference",
    "Statement",
    "Tree",
    "Unary",
    "decode",
    "find_in_block",
    "format_source",
    "load",
    "parse",
    "parse_bytes",
]
