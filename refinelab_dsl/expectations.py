"""`expect` assertions, evaluated on a plan and on a result by the same code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from refinelab_dsl.artifacts.plan import Check
from refinelab_dsl.declarations import Expect
from refinelab_dsl.expressions import Binary, Call, Constant, Expression, ListOf, Name, Unary
from refinelab_dsl.expressions.evaluate import EvaluationError, evaluate
from refinelab_dsl.expressions.walk import walk

Facts: TypeAlias = Mapping[str, Callable[..., Any]]
"""Function name (`jsd`, `share`, `size`, `cost`, `tokens`, `distinct`, `accepted`, …) to what computes it."""


AUDITED: Final = "error_rate"
"""The function whose value an audit tells."""


class NotKnown(Exception):
    """Raised by a fact that this stage cannot know: the check is then left for after the run."""


class NotAudited(NotKnown):
    """Raised by a fact that only an audit tells."""


def check_expectations(
    expects: Iterable[Expect], facts: Facts, stage: Literal["plan", "result"]
) -> tuple[Check, ...]:
    """One `Check` per `expect` that concerns `stage`; on a plan, the others are listed as `after_run`."""
    return tuple(
        _check(expect, facts, stage) for expect in expects if stage == "plan" or expect.when != "plan"
    )


def _check(expect: Expect, facts: Facts, stage: str) -> Check:
    if stage == "plan" and expect.when == "result":
        return Check(title=expect.title, status="after_run", value=render_assertion(expect.assertion))
    seen: list[str] = []

    def recorded(name: str, fact: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            value = fact(*arguments)
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            seen.append(f"{name}({', '.join(map(str, arguments))}) = {shown}")
            return value

        return call

    def no_names(space: str, name: str) -> Any:
        raise NotKnown  # names stand inside of `count(…)` alone, which a plan cannot know

    functions = {name: recorded(name, fact) for name, fact in facts.items()}
    try:
        holds = evaluate(expect.assertion, no_names, functions)
    except NotKnown as missing:
        status: Literal["failed", "after_run", "after_audit"] = "after_run" if stage == "plan" else "failed"
        if stage == "result" and isinstance(missing, NotAudited):
            status = "after_audit"
        return Check(title=expect.title, status=status, value=f"{render_assertion(expect.assertion)}: not known yet")
    except EvaluationError as error:
        return Check(title=expect.title, status="failed", value=f"{render_assertion(expect.assertion)}: {error}")
    text = f"{render_assertion(expect.assertion)}: {', '.join(seen)}" if seen else render_assertion(expect.assertion)
    return Check(title=expect.title, status="passed" if holds is True else "failed", value=text)


def asks_for_audit(expression: Expression) -> bool:
    """Whether an assertion is about what only an audit tells."""
    return any(isinstance(part, Call) and part.function == AUDITED for part in walk(expression))


def render_assertion(expression: Expression) -> str:
    """The assertion as a user would write it, without needless parentheses around names and calls."""
    match expression:
        case Constant(type="text", text=text):
            return text
        case Constant(type="null"):
            return "null"
        case Constant(text=text):
            return text
        case Name(name=name):
            return name
        case ListOf(items=items):
            return f"[{', '.join(map(render_assertion, items))}]"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(render_assertion, arguments))})"
        case Unary(operator="not", operand=operand):
            return f"not {_nested(operand)}"
        case Unary(operand=operand):
            return f"-{_nested(operand)}"
        case Binary(operator=operator, left=left, right=right):
            return f"{_nested(left)} {operator} {_nested(right)}"


def _nested(expression: Expression) -> str:
    text = render_assertion(expression)
    return f"({text})" if isinstance(expression, Binary) else text
