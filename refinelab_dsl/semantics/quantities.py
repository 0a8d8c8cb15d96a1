"""Numbers with units, and constant arithmetic on them: `$0.15 / 1M`, `2 * 400k`, `-1`. Exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException
from typing import Any, Final, Literal, TypeAlias

from refinelab_dsl import syntax, types
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


_DOLLARS: Final = 1000
"""More is hardly meant where `2k` stands for dollars."""

LARGEST: Final = 10**15
"""The largest whole number that an attribute takes."""


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


def units_of(type_: types.ValueType) -> tuple[Unit, ...]:
    """The units in which a number of this type is written; none where the type is no number."""
    match type_:
        case types.Integer() | types.Number() | types.Tokens():
            return ("number", "count")
        case types.Percent():
            return ("percent",)
        case types.Money():
            return ("money",)
        case types.PerToken():
            return ("price",)
        case types.Duration():
            return ("duration",)
        case types.Shift():
            return ("number",)
    return ()


def out_of_bounds(type_: types.ValueType, value: Decimal) -> str | None:
    """What a number of this type must be, where `value` is not; None where it is."""
    low: Decimal | int | None = 0
    high: Decimal | int | None = None
    open_low = False
    spell: Callable[[Any], str] = str
    match type_:
        case types.Shift():
            return None if value in _STEPS else "a whole step such as `+1`"
        case types.Integer(low=low, high=high):
            pass
        case types.Number(low=low, high=high, open_low=open_low):
            spell = spell_number
        case types.Percent(low=low, high=high, open_low=open_low):
            spell = spell_percent
        case types.Duration(open_low=open_low):
            spell = _spell_seconds
        case types.Money() | types.PerToken():
            spell, high = _spell_dollars, LARGEST
    if isinstance(type_, types.Integer | types.Tokens):
        if value != value.to_integral_value():
            return "a whole number"
        if abs(value) > LARGEST:
            return f"at most {LARGEST}"
    below = low is not None and (value < low or (open_low and value == low))
    return _bounds(low, high, open_low, spell) if below or (high is not None and value > high) else None


def in_unit(quantity: Quantity, type_: types.ValueType) -> str | None:
    """The same number as it may have been meant, in the unit of the type."""
    number = spell_number(quantity.value)
    match type_:
        case types.Percent() if quantity.unit == "number" and 0 <= quantity.value <= 100:
            return spell_percent(quantity.value) if 0 < quantity.value < 1 else f"{number}%"
        case types.Money() if quantity.unit == "number" or (quantity.unit == "count" and quantity.value <= _DOLLARS):
            return f"${number}" if quantity.value >= 0 else None
        case types.PerToken() if quantity.unit == "money":
            return f"${number} / 1M"
        case types.Duration() if quantity.unit == "number":
            return f"{number}s" if quantity.value >= 0 else None
        case types.Number() if quantity.unit == "percent":
            return number
    return None


def spell_number(value: Decimal) -> str:
    """A number as it is written: `0.5`."""
    return format(value.normalize(), "f")


def spell_percent(value: Decimal) -> str:
    """A share as it is written: `25%`."""
    return f"{spell_number(value * 100)}%"


def _bounds(low: Any, high: Any, open_low: bool, spell: Callable[[Any], str]) -> str:
    if low is not None and high is not None:
        return f"{'above' if open_low else 'from'} {spell(low)} to {spell(high)}"
    if low is not None:
        return f"more than {spell(low)}" if open_low else f"{spell(low)} or more"
    return f"at most {spell(high)}" if high is not None else ""


def _spell_seconds(value: Any) -> str:
    return f"{value}s"


def _spell_dollars(value: Any) -> str:
    return f"${value}"


_STEPS: Final = frozenset(Decimal(step) for step in range(-100, 101) if step)
