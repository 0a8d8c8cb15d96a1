"""The syntax tree: frozen values, each with the span of the text it stands for. Spans do not count in comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal as OneOf
from typing import TypeAlias

from refinelab_dsl.source import Span


@dataclass(frozen=True, slots=True)
class Literal:
    """`25%` `$0.15` `400k` `10s` `7` `"x"` `true` `null` `rest`.

    value: exact. percent: share in [0, 1] (25% is 0.25); money: dollars; count (`400k`, `8M`): the number;
    duration: seconds; text and text blocks: the text after escapes or indentation; `rest`: None.
    """

    kind: OneOf["percent", "money", "count", "duration", "number", "text", "block", "bool", "null", "rest"]
    value: Decimal | str | bool | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """`small`, `models.bulk`, `var.x`."""

    parts: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """`top_k = 4` or a positional argument (name None)."""

    name: str | None
    value: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`column("answer")`."""

    function: Reference
    arguments: tuple[Argument, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, "b", 3]`."""

    items: tuple[Expression, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """`organic = 25%`; `key` is the name or the quoted text."""

    key: str
    value: Expression
    key_span: Span = field(compare=False)
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{ a = 1, b = 2 }`."""

    pairs: tuple[Pair, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`not x`, `-1`, `+1`."""

    operator: OneOf["not", "-", "+"]
    operand: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`a and b`, `a < b`, `$0.15 / 1M`, `a not in [b]`."""

    operator: OneOf["and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "+", "-", "*", "/"]
    left: Expression
    right: Expression
    span: Span = field(compare=False)


Expression: TypeAlias = Literal | Reference | Call | ListOf | MapOf | Unary | Binary


@dataclass(frozen=True, slots=True)
class Attribute:
    """`size = keep`."""

    name: str
    value: Expression
    name_span: Span = field(compare=False)
    span: Span = field(compare=False)
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """`measure size { kind = length }`; `label` is None for `constraints { … }`. `header_span`: `measure size`."""

    kind: str
    label: str | None
    body: tuple[Statement, ...]
    kind_span: Span = field(compare=False)
    label_span: Span | None = field(compare=False)
    header_span: Span = field(compare=False)
    span: Span = field(compare=False)
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Import:
    """`import "lib/models.refine" as models`."""

    path: str
    name: str
    path_span: Span = field(compare=False)
    span: Span = field(compare=False)


Statement: TypeAlias = Attribute | Block | Import


@dataclass(frozen=True, slots=True)
class Tree:
    """One file. `broken` holds the (kind, label) of statements that did not parse: they count as declared."""

    statements: tuple[Statement, ...]
    span: Span = field(compare=False)
    broken: tuple[tuple[str, str | None], ...] = field(default=(), compare=False)
