"""Expressions after name resolution: small, pure, serialisable; the same in the IR and in a saved plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Scalar: TypeAlias = bool | str | Decimal | None


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Constant(_Node):
    """`0.92`, `"x"`, `true`, `null`; a percentage is its share (`25%` is 0.25); a label is its text.

    `text` is the canonical spelling, so that a number stays exact in JSON.
    """

    kind: Literal["constant"] = "constant"
    type: Literal["text", "number", "bool", "null"]
    text: str = ""

    @classmethod
    def of(cls, value: Scalar) -> Constant:
        """The constant that stands for a value."""
        match value:
            case None:
                return cls(type="null")
            case bool():
                return cls(type="bool", text="true" if value else "false")
            case Decimal():
                return cls(type="number", text=format(value.normalize(), "f"))
            case str():
                return cls(type="text", text=value)

    @property
    def value(self) -> Scalar:
        match self.type:
            case "null":
                return None
            case "bool":
                return self.text == "true"
            case "number":
                return Decimal(self.text)
            case "text":
                return self.text


class Name(_Node):
    """A bare name, resolved: an item's field or attribute, a measure's value, a dimension's label,
    or a value of the attribute's documented context (`similarity`, `words`)."""

    kind: Literal["name"] = "name"
    space: Literal["field", "measure", "dimension", "context"]
    name: str


class ListOf(_Node):
    """`[a, b, c]`."""

    kind: Literal["list"] = "list"
    items: tuple[Expression, ...]


class Call(_Node):
    """`after(column("answer"), "####")`. Names are those of the closed list in `builtins`."""

    kind: Literal["call"] = "call"
    function: str
    arguments: tuple[Expression, ...] = ()


class Unary(_Node):
    """`not x`, `-x`."""

    kind: Literal["unary"] = "unary"
    operator: Literal["not", "-"]
    operand: Expression


class Binary(_Node):
    """`a and b`, `a < b`, `a in [b, c]`, `a + b`."""

    kind: Literal["binary"] = "binary"
    operator: Literal["and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "+", "-", "*", "/"]
    left: Expression
    right: Expression


Expression: TypeAlias = Annotated[Constant | Name | ListOf | Call | Unary | Binary, Field(discriminator="kind")]

for _model in (ListOf, Call, Unary, Binary):
    _model.model_rebuild()
