"""Distributions: weights that add up to exactly 100%, `uniform()`, presets, tables, mixtures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.source import Place, Source
from refinelab_dsl.types import UNSET

if TYPE_CHECKING:
    from refinelab_dsl.semantics.evaluate import Evaluator

TABLE_SLACK: Final = Decimal("0.0005")
"""How far the shares of a table may be from 100% (spreadsheets round)."""

_MOST_AS_SHARES: Final = Decimal(10)
"""A table whose shares add up to more holds numbers of percent."""

_EXACT: Final = Context(prec=200)
_ONE: Final = Decimal(1)


@dataclass(frozen=True)
class Shares:
    """Weights by label, exact, with sum 1."""

    weights: Mapping[str, Decimal]


def evaluate_weights(evaluator: Evaluator, expression: syntax.Expression) -> Any:
    """A distribution: `Shares`, or a `Formed` that needs the dimension's labels (`uniform`, `preset`) or other data
    (`like`). UNSET where there is none (reported)."""
    match expression:
        case syntax.MapOf():
            return _map(evaluator, expression)
        case syntax.Call(function=syntax.Reference(parts=("mix",))):
            return _mix(evaluator, expression)
        case syntax.Call():
            formed = evaluator.form(expression, types.Weights(), "weights")
            if formed is UNSET:
                return UNSET
            if formed.function == "preset" and formed["name"] not in builtins.PRESETS:
                known, name = tuple(builtins.PRESETS), formed["name"]
                return evaluator.report(
                    faults.unknown_preset(expression.arguments[0].span, name, nearest(name, known), known)
                )
            if formed.function == "load":
                return _load(evaluator, expression, formed)
            return formed
    return evaluator.wrong(expression, types.Weights())


def evaluate_joint(evaluator: Evaluator, expression: syntax.Expression) -> Any:
    """A target over several dimensions: `Shares` of a table, or a `Formed` that names the dimensions."""
    formed = evaluator.form(expression, types.Form("joint"), "joint")
    if isinstance(formed, types.Formed) and formed.function == "load" and isinstance(expression, syntax.Call):
        return _load(evaluator, expression, formed)
    return formed


def _map(evaluator: Evaluator, expression: syntax.MapOf) -> Any:
    weights: dict[str, Decimal] = {}
    rest: syntax.Pair | None = None
    complete = True
    pairs: list[syntax.Pair] = []
    for pair in evaluator.pairs(expression):
        value = evaluator.variable(pair.value)
        pairs.append(pair)
        if isinstance(value, syntax.Literal) and value.kind == "rest":
            if rest is not None:
                evaluator.report(faults.several_rest(pair.value.span, evaluator.owner, rest.value.span))
                complete = False
            rest = rest or pair
            weights[pair.key] = Decimal(0)
            continue
        share = evaluator.about(f"the weight of `{pair.key}`").evaluate(pair.value, types.Percent())
        complete = complete and share is not UNSET
        weights[pair.key] = share
    if not expression.pairs:
        return evaluator.report(faults.no_weights(expression.span, evaluator.owner))
    if not complete or len(pairs) < len(expression.pairs):
        return UNSET
    total = _sum(weights.values())
    span = evaluator.span or expression.span
    summands = " + ".join(evaluator.text_of(pair.value.span) for pair in pairs if pair is not rest)
    if rest is not None:
        if total > _ONE:
            return evaluator.report(faults.nothing_left(span, evaluator.owner, rest.value.span, total, summands))
        weights[rest.key] = _EXACT.subtract(_ONE, total)
    elif total != _ONE:
        last = pairs[-1]
        remainder = _EXACT.subtract(_ONE, _EXACT.subtract(total, weights[last.key]))
        return evaluator.report(
            faults.weights_sum(
                span, evaluator.owner, total, summands, last.value.span, last.key, remainder if remainder >= 0 else None
            )
        )
    return Shares(weights)


def _mix(evaluator: Evaluator, call: syntax.Call) -> Any:
    """`mix(a = 40%, b = 60%)`: the weighted mean of the distributions that variables a and b hold."""
    mixture: dict[str, Decimal] = {}
    factors: dict[str, Decimal] = {}
    complete = True
    for argument in call.arguments:
        variable = evaluator.scope.variables.get(argument.name or "")
        if variable is not None and variable.type is None:
            complete = False  # its declaration is wrong
            continue
        if argument.name is None or variable is None or variable.type != "weights":
            evaluator.report(faults.mixed_variable(argument.span, argument.name or evaluator.text_of(argument.span)))
            complete = False
            continue
        factor = evaluator.about(f"the weight of `{argument.name}`").evaluate(argument.value, types.Percent())
        part = UNSET if variable.value is None else evaluate_weights(evaluator, variable.value)
        if factor is UNSET or part is UNSET:
            complete = False
            continue
        if not isinstance(part, Shares):
            evaluator.report(faults.nested_mix(argument.span, argument.name))
            complete = False
            continue
        factors[argument.name] = factor
        for label, share in part.weights.items():
            mixture[label] = _EXACT.fma(factor, share, mixture.get(label, Decimal(0)))
    if not complete:
        return UNSET
    if not call.arguments:
        return evaluator.report(faults.no_weights(call.span, evaluator.owner))
    total = _sum(factors.values())
    if total != _ONE:
        last = call.arguments[-1]
        summands = " + ".join(evaluator.text_of(argument.value.span) for argument in call.arguments)
        return evaluator.report(
            faults.weights_sum(call.span, evaluator.owner, total, summands, last.value.span, last.name or "", None)
        )
    return Shares(mixture)


def _load(evaluator: Evaluator, call: syntax.Call, formed: types.Formed) -> Any:
    found = evaluator.scope.found
    span = call.arguments[0].span
    source = evaluator.scope.files.read(formed["path"], span, found)
    if source is None:
        return UNSET
    before = len(found)
    weights = _read_table(evaluator, source, call, formed)
    if len(found) > before:
        return UNSET
    if not weights:
        return evaluator.report(faults.no_weights(span, evaluator.owner))
    total = _sum(weights.values())
    if total > _MOST_AS_SHARES:
        weights = {label: _EXACT.scaleb(share, -2) for label, share in weights.items()}
        total = _EXACT.scaleb(total, -2)
    if abs(total - _ONE) > TABLE_SLACK:
        return evaluator.report(faults.table_sum(span, source.name, total))
    # The rounding of the table goes to its largest share, so that the sum is exact.
    largest = max(sorted(weights), key=lambda label: weights[label])
    weights[largest] = _EXACT.add(weights[largest], _EXACT.subtract(_ONE, total))
    return Shares(weights)


def _read_table(evaluator: Evaluator, source: Source, call: syntax.Call, formed: types.Formed) -> dict[str, Decimal]:
    """Labels and shares of a CSV file with a header, as they stand."""
    reader = csv.DictReader(io.StringIO(source.text, newline=""), strict=True)
    weights: dict[str, Decimal] = {}
    try:
        columns = tuple(name for name in reader.fieldnames or () if name)
        for parameter in ("key", "value"):
            column = formed[parameter]
            if column not in columns:
                span = next(each.value.span for each in call.arguments if each.name == parameter)
                evaluator.report(faults.table_column(span, source.name, column, nearest(column, columns), columns))
                return {}
        for row in reader:
            place = Place(source.name, reader.line_num)
            label, text = (row[formed["key"]] or "").strip(), (row[formed["value"]] or "").strip()
            share = _parse_share(text)
            if not label or label in weights:
                evaluator.report(faults.table_row(place, f"`{label}` stands twice" if label else "it names no label"))
            elif share is None:
                evaluator.report(faults.table_row(place, f"`{text}` is no share"))
            else:
                weights[label] = share
    except csv.Error as error:
        evaluator.report(faults.table_row(Place(source.name, reader.reader.line_num), str(error)))
    return weights


def _parse_share(text: str) -> Decimal | None:
    try:
        share = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        return None
    if not share.is_finite() or share < 0 or share > 100 or share.as_tuple().exponent < -30:  # type: ignore[operator]
        return None
    return share.scaleb(-2) if text.endswith("%") else share


def _sum(shares: Any) -> Decimal:
    total = Decimal(0)
    for share in shares:
        total = _EXACT.add(total, share)
    return total
