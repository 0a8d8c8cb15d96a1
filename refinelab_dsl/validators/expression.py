"""`expression`: a condition over the result's fields, measures and labels; and `accept` of the other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refinelab_dsl.artifacts.provenance import Scalar
from refinelab_dsl.declarations import Validator
from refinelab_dsl.expressions.evaluate import EvaluationError, compile_expression, evaluate_condition
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """`accept`, which the language asks for."""
    verdict = accept(validator, result, surroundings, {})
    return verdict if verdict.accept or verdict.reason else Verdict(False, "its condition does not hold")


def accept(
    validator: Validator, result: Result, surroundings: Surroundings, values: Mapping[str, Scalar]
) -> Verdict:
    """Whether `accept` holds over the result and `values` (the names of the validator's own context).

    A condition that this result leaves without a value refuses it. Its words may quote the result, so they are not
    the reason that is recorded.
    """
    if validator.accept is None:
        return Verdict(True, values=values)
    scope = surroundings.scope
    scope.open(result.item, result.values)

    def names(space: str, name: str) -> Any:
        if space == "context":
            return values[name]
        # What cannot be measured on a new item is taken as made for its label.
        if space == "dimension" and not surroundings.measurable.get(name, True):
            return result.target.get(name)
        return scope.names(space, name)

    try:
        holds = evaluate_condition(compile_expression(validator.accept), names, scope.functions)
    except EvaluationError:
        return Verdict(False, "its condition has no value for this result", values)
    return Verdict(holds, values=values)


KIND: Final = ValidatorKind("expression", judge)
