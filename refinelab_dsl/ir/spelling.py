"""Values in the spelling of the language: one spelling for each value, however it was written.

`400k` and `400_000` are both `400k`, a duration of 120 seconds is `2min`, a label stands bare where it can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.expressions import Binary, Call, Constant, Expression, ListOf, Name, Unary
from refinelab_dsl.semantics.quantities import spell_number, spell_percent

Naming: TypeAlias = Callable[[tuple[str, ...], str], str]
"""Kinds and a name to the name that stands for it now: itself, unless its declaration was renamed."""

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(("rest", "and", "or", "not", "in", "import", "as", "true", "false", "null"))
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Prose:
    """The text of a template: lines, to be compared as lines."""

    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """A target's share of one label, exact."""

    share: Fraction


Value: TypeAlias = str | Prose | Share | Mapping[str, "Value"]
"""What an attribute holds: a spelling, a template, a share, or a map of these."""


def spell(value: Any, type_: types.ValueType, naming: Naming) -> Value:
    """A value of `semantics.evaluate` as its type is written; maps stay maps, so that their entries can be compared.

    Raises:
        AssertionError: the value is none of this type.
    """
    match type_:
        case types.Record(entries=entries):
            rows = {entry.name: entry.type for entry in entries}
            return {name: spell(each, rows[name], naming) for name, each in value.items()}
        case types.KeyedBy(kind=kind, value=inner):
            return {naming((kind,), name): spell(each, inner, naming) for name, each in value.items()}
        case types.MapTo(value=inner):
            return {name: spell(each, inner, naming) for name, each in value.items()}
        case types.Template():
            return Prose(value)
        case types.Free() if isinstance(value, Mapping):
            return {name: spell(each, type_, naming) for name, each in value.items()}
    return _spell_leaf(value, type_, naming)


def render_value(value: Value) -> str:
    """A value on one line: `{ input = $0.15 / 1M, output = $0.60 / 1M }`."""
    match value:
        case str():
            return value
        case Prose(text=text):
            return quote(text)
        case Share(share=share):
            return spell_share(share)
    inner = ", ".join(f"{spell_label(key)} = {render_value(each)}" for key, each in value.items())
    return f"{{ {inner} }}" if inner else "{}"


def spell_share(share: Fraction) -> str:
    """`25%`; one that no decimal holds is rounded and says so: `~33.333%`."""
    percent = share * 100
    denominator = percent.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator == 1:
        return f"{spell_number(Decimal(percent.numerator) / Decimal(percent.denominator))}%"
    return f"~{float(percent):.3f}%"


def spell_label(label: str) -> str:
    """A label or a key, bare where it can stand so."""
    return label if _BARE.fullmatch(label) and label not in _RESERVED else quote(label)


def quote(text: str) -> str:
    """A text in quotes, on one line."""
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def spell_count(value: int) -> str:
    """`400k`, `8M`, `1_234_567`, `16`."""
    for factor, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= 10_000 and value % factor == 0:
            return f"{value // factor}{unit}"
    return f"{value:_}" if abs(value) >= 10_000 else str(value)


def spell_expression(expression: Expression, naming: Naming) -> str:
    """An expression over items, with no bracket more than it needs."""
    return _expression(expression, naming, 0)


def spell_written(expression: syntax.Expression) -> str:
    """An expression of the tree whose type is not known: literals by their value, the rest as it stands."""
    match expression:
        case syntax.Literal(kind=kind, value=value):
            return _literal(kind, value)
        case syntax.Reference(parts=parts):
            return ".".join(parts)
        case syntax.Call(function=function, arguments=arguments):
            inner = (f"{each.name} = " * (each.name is not None) + spell_written(each.value) for each in arguments)
            return f"{'.'.join(function.parts)}({', '.join(inner)})"
        case syntax.ListOf(items=items):
            return f"[{', '.join(map(spell_written, items))}]"
        case syntax.MapOf(pairs=pairs):
            return render_value({pair.key: spell_written(pair.value) for pair in pairs})
        case syntax.Unary(operator=operator, operand=operand):
            return f"{operator}{' ' * (operator == 'not')}{spell_written(operand)}"
        case syntax.Binary(operator=operator, left=left, right=right):
            return f"{spell_written(left)} {operator} {spell_written(right)}"


def _spell_leaf(value: Any, type_: types.ValueType, naming: Naming) -> str:
    match type_:
        case types.Text() | types.Path() | types.Source() | types.Date():
            return quote(value)
        case types.Template():
            return quote(value)
        case types.Word():
            return str(value)
        case types.Label():
            return spell_label(value)
        case types.Name(kinds=kinds):
            return naming(kinds, value)
        case types.Integer() | types.Tokens():
            return spell_count(int(value))
        case types.Number():
            return spell_number(Decimal(value))
        case types.Percent():
            return spell_percent(Decimal(value))
        case types.Money():
            return _dollars(value)
        case types.PerToken():
            return f"{_dollars(value * 10**6)} / 1M"
        case types.Duration():
            return _duration(value)
        case types.Shift():
            return f"{value:+d}"
        case types.Bool():
            return "true" if value else "false"
        case types.Secret():
            return f"env({quote(value)})"
        case types.ListOf(item=item):
            return f"[{', '.join(_spell_leaf(each, item, naming) for each in value)}]"
        case types.Form(context=context):
            return _form(value, context, naming)
        case types.FullCost():
            return "full_cost" if value["share"] == 1 else f"{spell_number(value['share'])} * full_cost"
        case types.Weights():
            return _form(value, "weights", naming)
        case types.Either(options=options):
            return _spell_leaf(value, next(option for option in options if _is_of(value, option)), naming)
        case types.Over():
            return spell_written(value)
        case types.Free():
            return _plain(value)
        case types.Record() | types.KeyedBy() | types.MapTo():
            return render_value(spell(value, type_, naming))
    raise AssertionError((value, type_))


def _is_of(value: Any, type_: types.ValueType) -> bool:
    """Whether a value is one of this type, among the alternatives of an `Either`."""
    match type_:
        case types.FullCost():
            return isinstance(value, types.Formed) and value.function == "full_cost"
        case types.Form(context=context):
            return isinstance(value, types.Formed) and builtins.function(context, value.function) is not None
        case types.Word(words=words):
            return value in words
        case types.Name() | types.Text() | types.Label():
            return isinstance(value, str)
        case types.ListOf():
            return isinstance(value, tuple)
        case types.Integer() | types.Tokens() | types.Shift():
            return isinstance(value, int) and not isinstance(value, bool)
        case types.Number() | types.Percent() | types.Money() | types.Duration():
            return isinstance(value, Decimal)
    return True


def _form(value: Any, context: str, naming: Naming) -> str:
    if isinstance(value, Decimal):  # a default of `at_least(…)` stands as its share
        return f"at_least({spell_percent(value)})"
    row = builtins.function(context, value.function)
    assert row is not None, value
    if row.bare:
        return row.name
    parts: list[str] = []
    for parameter in row.parameters:
        each = value[parameter.name]
        if parameter.rest:
            parts.extend(_spell_leaf(one, parameter.type, naming) for one in each)
            continue
        named = f"{parameter.name} = " if parameter.named or not parameter.required else ""
        parts.append(named + _spell_leaf(each, parameter.type, naming))
    return f"{row.name}({', '.join(parts)})"


def _plain(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case list() | tuple():
            return f"[{', '.join(map(_plain, value))}]"
        case Mapping():
            return render_value({name: _plain(each) for name, each in value.items()})
    return spell_number(Decimal(str(value)))


def _literal(kind: str, value: Any) -> str:
    match kind:
        case "percent":
            return spell_percent(value)
        case "money":
            return _dollars(value)
        case "duration":
            return _duration(value)
        case "text" | "block":
            return quote(value)
        case "bool":
            return "true" if value else "false"
        case "null" | "rest":
            return kind
    return spell_count(int(value)) if value == value.to_integral_value() else spell_number(value)


def _dollars(value: Decimal) -> str:
    """`$3`, `$0.15`, `$0.60`: cents in twos."""
    text = spell_number(value)
    return f"${text}0" if re.fullmatch(r"-?\d+\.\d", text) else f"${text}"


def _duration(value: Decimal) -> str:
    for factor, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= factor and value % factor == 0:
            return f"{int(value // factor)}{unit}"
    return f"{spell_number(value)}s"


# Expressions: how tightly each operator binds, loosest first.
_LEVELS: Mapping[str, int] = {
    "or": 1, "and": 2, "not": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "not in": 4,
    "+": 5, "-": 5, "*": 6, "/": 6,
}  # fmt: skip
_SIGN = 7


def _expression(expression: Expression, naming: Naming, level: int) -> str:
    match expression:
        case Constant():
            return _constant(expression, bare=False)
        case Name(space="measure" | "dimension" as space, name=name):
            return naming((space,), name)
        case Name(name=name):
            return name
        case ListOf(items=items):
            return f"[{', '.join(_expression(each, naming, 0) for each in items)}]"
        case Call():
            return _call(expression, naming)
        case Unary(operator="not", operand=operand):
            return _bracket(f"not {_expression(operand, naming, _LEVELS['not'])}", _LEVELS["not"], level)
        case Unary(operand=operand):
            return _bracket(f"-{_expression(operand, naming, _SIGN)}", _SIGN, level)
        case Binary(operator=operator, left=left, right=right):
            own = _LEVELS[operator]
            # Comparisons do not chain; `a - (b - c)` keeps its brackets.
            first = _side(left, right, naming, own + (own == _LEVELS["=="]))
            second = _side(right, left, naming, own + 1)
            return _bracket(f"{first} {operator} {second}", own, level)


def _side(expression: Expression, other: Expression, naming: Naming, level: int) -> str:
    """One side of an operator: labels bare beside a dimension, dollars beside `cost()`."""
    beside_labels = isinstance(other, Name) and other.space in ("dimension", "context")
    match expression:
        case Constant(type="text") if beside_labels:
            return _constant(expression, bare=True)
        case ListOf(items=items) if beside_labels and all(isinstance(each, Constant) for each in items):
            return f"[{', '.join(_constant(each, bare=True) for each in items if isinstance(each, Constant))}]"
        case Constant(type="number", text=text) if isinstance(other, Call) and other.function == "cost":
            return _dollars(Decimal(text))
    return _expression(expression, naming, level)


def _call(call: Call, naming: Naming) -> str:
    parts = [_expression(each, naming, 0) for each in call.arguments]
    match call:
        case Call(function="jsd" | "share", arguments=(Constant(type="text", text=dimension), *rest)):
            labels = [_constant(each, bare=True) for each in rest if isinstance(each, Constant)]
            parts = [naming(("dimension",), dimension), *labels]
        case Call(function="z" | "accepted" as function, arguments=(Constant(type="text", text=name),)):
            parts = [naming(("measure",) if function == "z" else ("operator",), name)]
    return f"{call.function}({', '.join(parts)})"


def _constant(constant: Constant, *, bare: bool) -> str:
    match constant.type:
        case "null":
            return "null"
        case "text":
            return spell_label(constant.text) if bare else quote(constant.text)
    return constant.text


def _bracket(text: str, own: int, level: int) -> str:
    return f"({text})" if own < level else text
