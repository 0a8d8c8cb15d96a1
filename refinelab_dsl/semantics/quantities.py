"""Numbers with units, and constant arithmetic on them: `$0.15 / 1M`, `2 * 400k`, `-1`. Exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException
from typing import Literal, TypeAlias

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults

Unit: TypeAlias = Literal["number", "count", "percent", "money", "price", "duration"]

_EXACT = Context(prec=80)
_NUMERIC: tuple[str, ...] = ("number", "count", "percent", "money", "duration")
_WORDS: dict[str, str] = {
    "number": "a plain number",
    "count": "a count",
    "percent": "a percentage",
    "money": "an amount of money",
    "price": "a price",
    "duration": "a duration",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """percent: share; money: dollars; price: dollars per token; duration: seconds."""

    unit: Unit
    value: Decimal

    @property
    def words(self) -> str:
        return _WORDS[self.unit]


Variables: TypeAlias = Callable[[syntax.Expression], syntax.Expression | None]
"""Gives what `var.x` stands for, another expression itself, None for a variable without a value."""


def is_numeric(expression: syntax.Expression, variables: Variables) -> bool:
    """Whether an expression is built of numbers alone."""
    match variables(expression):
        case syntax.Literal(kind=kind):
            return kind in _NUMERIC
        case syntax.Unary(operator="+" | "-", operand=operand):
            return is_numeric(operand, variables)
        case syntax.Binary(operator="+" | "-" | "*" | "/", left=left, right=right):
            return is_numeric(left, variables) and is_numeric(right, variables)
    return False


def compute(expression: syntax.Expression, variables: Variables, found: list[Diagnostic]) -> Quantity | None:
    """The quantity of a numeric expression; None where units do not go together (reported to `found`)."""
    expression = variables(expression) or expression
    match expression:
        case syntax.Literal(kind=kind, value=Decimal() as value):
            return Quantity(kind, value)  # type: ignore[arg-type]  # is_numeric rules out the others
        case syntax.Unary(operator=operator, operand=operand):
            inner = compute(operand, variables, found)
            if inner is None or operator == "+":
                return inner
            return Quantity(inner.unit, _EXACT.minus(inner.value))
        case syntax.Binary(operator=operator, left=first, right=second):
            left, right = compute(first, variables, found), compute(second, variables, found)
            if left is None or right is None:
                return None
            return _combine(expression, operator, left, right, found)
    raise AssertionError(expression)


def _combine(
    expression: syntax.Binary, operator: str, left: Quantity, right: Quantity, found: list[Diagnostic]
) -> Quantity | None:
    unit = _unit(operator, left.unit, right.unit)
    if unit is None:
        found.append(faults.units_do_not_mix(expression.span, left.words, operator, right.words))
        return None
    if operator == "/" and right.value == 0:
        found.append(faults.division_by_zero(expression.right.span))
        return None
    apply = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply, "/": _EXACT.divide}[operator]
    try:
        return Quantity(unit, apply(left.value, right.value))
    except DecimalException:
        found.append(faults.units_do_not_mix(expression.span, left.words, operator, right.words))
        return None


def _unit(operator: str, left: Unit, right: Unit) -> Unit | None:
    plain = ("number", "count")
    match operator:
        case "+" | "-":
            if left in plain and right in plain:
                return "count" if "count" in (left, right) else "number"
            return left if left == right else None
        case "*":
            if left in plain and right in plain:
                return "count" if "count" in (left, right) else "number"
            if left in plain or left == "percent":
                return right
            return left if right in plain or right == "percent" else None
        case _:
            if left == "money" and right in plain:
                return "price"
            if left == right or (left in plain and right in plain):
                return "number"
            return left if right in plain else None
