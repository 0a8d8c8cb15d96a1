"""`expect`s on a result: as on a plan, and with `count(condition)`, which needs every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refinelab_dsl.artifacts.plan import Check
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.declarations import Expect
from refinelab_dsl.expectations import Facts, check_expectations, render_assertion
from refinelab_dsl.expressions import Binary, Call, Constant, Expression, ListOf, Unary
from refinelab_dsl.expressions.evaluate import EvaluationError, compile_expression, evaluate_condition
from refinelab_dsl.expressions.walk import walk


class Tester:
    """Counts, row by row, what the assertions count; then evaluates them."""

    def __init__(self, expects: Sequence[Expect], scope: ItemScope) -> None:
        self._expects = [expect for expect in expects if expect.when != "plan"]
        self._scope = scope
        conditions = {
            render_assertion(call): call.arguments[0]
            for expect in self._expects for call in _find_counts(expect.assertion)
        }
        self._conditions = {text: compile_expression(condition) for text, condition in conditions.items()}
        self._counts = dict.fromkeys(conditions, 0)

    def count_open_item(self) -> None:
        """Takes one row of the result into account: the item that the scope has open."""
        for text, condition in self._conditions.items():
            try:
                self._counts[text] += evaluate_condition(condition, self._scope.names, self._scope.functions)
            except EvaluationError:
                continue  # a row without the value does not meet the condition

    def check(self, facts: Facts) -> tuple[Check, ...]:
        """One check per `expect` of the result."""
        counted = [
            expect.model_copy(update={"assertion": self._with_counts(expect.assertion)}) for expect in self._expects
        ]
        return check_expectations(counted, facts, "result")

    def _with_counts(self, expression: Expression) -> Expression:
        """The expression with each `count(…)` replaced by its number."""
        match expression:
            case Call(function="count"):
                return Constant(type="number", text=str(self._counts[render_assertion(expression)]))
            case Call():
                return expression.model_copy(update={"arguments": tuple(map(self._with_counts, expression.arguments))})
            case Unary():
                return expression.model_copy(update={"operand": self._with_counts(expression.operand)})
            case Binary():
                sides = {"left": self._with_counts(expression.left), "right": self._with_counts(expression.right)}
                return expression.model_copy(update=sides)
            case ListOf():
                return expression.model_copy(update={"items": tuple(map(self._with_counts, expression.items))})
            case _:
                return expression


def _find_counts(expression: Expression) -> Iterator[Call]:
    return (part for part in walk(expression) if isinstance(part, Call) and part.function == "count")
