"""Free-form data: `params` and `meta`. JSON values of any shape, no secrets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics.written import what_stands
from refinelab_dsl.types import UNSET

if TYPE_CHECKING:
    from refinelab_dsl.semantics.evaluate import Evaluator


def evaluate_plain(evaluator: Evaluator, expression: syntax.Expression) -> Any:
    """A JSON value; bare words are texts, percentages their shares. UNSET where it is none (reported)."""
    replaced = evaluator.variable(expression)
    if replaced is None:
        return UNSET
    expression = replaced
    match expression:
        case syntax.Literal(kind="text" | "block" | "bool" | "null", value=value):
            return value
        case syntax.Reference(parts=(word,)):
            return word
        case syntax.ListOf(items=items):
            values = [evaluate_plain(evaluator, item) for item in items]
            return UNSET if any(value is UNSET for value in values) else values
        case syntax.MapOf():
            entries = {pair.key: evaluate_plain(evaluator, pair.value) for pair in evaluator.pairs(expression)}
            return UNSET if any(value is UNSET for value in entries.values()) else entries
        case syntax.Call(function=syntax.Reference(parts=("env",))):
            return evaluator.report(faults.misplaced_secret(expression.span, evaluator.subject))
    if evaluator.is_numeric(expression):
        quantity = evaluator.compute(expression)
        return UNSET if quantity is None else _json_number(quantity.value)
    return evaluator.report(faults.not_data(expression.span, evaluator.subject, what_stands(expression)))


def _json_number(value: Decimal) -> int | float:
    """JSON has no decimals: a whole number stays exact, another becomes the float that is written the same."""
    return int(value) if value == value.to_integral_value() else float(value)
