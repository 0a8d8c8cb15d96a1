"""From Lark's tree to ours: names, exact values, spans, documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax import literals
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
    Unary,
)

if TYPE_CHECKING:
    from lark import Token
    from lark import Tree as Parsed

_LITERALS: Mapping[str, str] = {
    "PERCENT": "percent",
    "MONEY": "money",
    "COUNT": "count",
    "DURATION": "duration",
    "NUMBER": "number",
    "STRING": "text",
    "TEXT": "block",
    "TRUE": "bool",
    "FALSE": "bool",
    "NULL": "null",
    "REST": "rest",
}


def build_statements(parsed: Parsed[Token], source: Source, docs: Mapping[int, str]) -> tuple[Statement, ...]:
    """The statements of a parsed text.

    It calls itself once per level of nesting; `depth.py` has bounded these. Every token in it has been checked by the
    lexer, so that no value can fail here.
    """
    return _Builder(source.name, docs).statements(parsed.children)


class _Builder:
    def __init__(self, file: str, docs: Mapping[int, str]) -> None:
        self.file = file
        self.docs = docs

    def span(self, node: Any) -> Span:
        """The span of a tree (brackets around an expression are not part of it) or a token."""
        place = getattr(node, "meta", node)
        return Span(self.file, place.start_pos, place.end_pos)

    def statements(self, children: list[Any]) -> tuple[Statement, ...]:
        return tuple(self.statement(child) for child in children if not hasattr(child, "type"))

    def statement(self, tree: Parsed[Token]) -> Statement:
        span = self.span(tree)
        children: list[Any] = tree.children
        match tree.data:
            case "attribute":
                name, value = children[0], children[-1]
                doc = self.docs.get(span.start, "")
                return Attribute(str(name), self.expression(value), self.span(name), span, doc)
            case "block":
                return self.block(children, span)
            case "import_statement":
                path, name = (child for child in children if child.type in ("STRING", "NAME"))
                return Import(self.text(path), str(name), self.span(path), span)
        raise AssertionError(tree.data)

    def block(self, children: list[Any], span: Span) -> Block:
        kind, rest = children[0], children[1:]
        label: str | None = None
        label_span: Span | None = None
        if rest and getattr(rest[0], "data", None) == "label":
            token = rest[0].children[0]
            rest = rest[1:]
            label, label_span = self.word(token), self.span(token)
        header = Span(self.file, span.start, (label_span or self.span(kind)).end)
        doc = self.docs.get(span.start, "")
        return Block(str(kind), label, self.statements(rest), self.span(kind), label_span, header, span, doc)

    def word(self, token: Token) -> str:
        """A name or a quoted text."""
        return self.text(token) if token.type == "STRING" else str(token)

    def text(self, token: Token) -> str:
        value = literals.parse_text(str(token))
        assert isinstance(value, str)
        return value

    def expression(self, tree: Parsed[Token]) -> Expression:
        span = self.span(tree)
        children: list[Any] = tree.children
        match tree.data:
            case "literal":
                return self.literal(children[0], span)
            case "reference":
                return self.reference(tree)
            case "binary":
                # `not in` is two tokens.
                operator = " ".join(str(child) for child in children[1:-1])
                left, right = self.expression(children[0]), self.expression(children[-1])
                return Binary(cast("Any", operator), left, right, span)
            case "unary":
                return Unary(cast("Any", str(children[0])), self.expression(children[1]), span)
            case "call":
                arguments = tuple(self.argument(child) for child in children[1:])
                return Call(self.reference(children[0]), arguments, span)
            case "list":
                return ListOf(tuple(self.expression(child) for child in children), span)
            case "map":
                return MapOf(tuple(self.pair(child) for child in children if not hasattr(child, "type")), span)
        raise AssertionError(tree.data)

    def reference(self, tree: Parsed[Token]) -> Reference:
        return Reference(tuple(str(child) for child in tree.children), self.span(tree))

    def argument(self, tree: Parsed[Token]) -> Argument:
        if tree.data == "named":
            name, value = cast("list[Any]", tree.children)
            return Argument(str(name), self.expression(value), self.span(tree))
        return Argument(None, self.expression(tree), self.span(tree))

    def pair(self, tree: Parsed[Token]) -> Pair:
        key, value = cast("list[Any]", tree.children)
        return Pair(".".join(map(self.word, key.children)), self.expression(value), self.span(key), self.span(tree))

    def literal(self, token: Token, span: Span) -> Literal:
        value: Any
        kind = _LITERALS[token.type]
        match kind:
            case "text":
                value = self.text(token)
            case "block":
                value = literals.parse_block(str(token))
                assert isinstance(value, str)
            case "bool":
                value = token == "true"
            case "null" | "rest":
                value = None
            case _:
                value = literals.parse_number(str(token))
                assert value is not None
        return Literal(cast("Any", kind), value, span)
