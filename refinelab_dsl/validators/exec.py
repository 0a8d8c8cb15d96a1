"""`exec`: the item's solution passes the item's tests, in the sandbox."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.code import build_program, find_fault
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Execute, Finding, Level, Outcome, Program
from refinelab_dsl.questions import Questions
from refinelab_dsl.validators.verdict import ValidatorKind

_BROKEN: Final = {
    "failed": "its tests end with {message}",
    "crashed": "its tests do not end: {message}",
    "timeout": "its tests take too long",
    "memory": "its tests take too much memory",
    "output": "its tests print too much",
}


def inquire(validator: Validator, item: Item, questions: Questions) -> Program[Finding]:
    """Supported where the tests pass, refuted where they do not. Unknown where the sandbox lacks something that the
    program needs, where there is no solution to run, and where a function that does nothing passes the tests too."""
    fields = item.fields
    if "tests" not in fields:
        return Finding("unknown", 0.0, "it has no tests")
    if "solution" not in fields:
        return Finding("unknown", 0.0, "it has no solution that could be run")
    fault = find_fault(fields)
    if fault is not None:
        return Finding("refuted", 1.0, fault)
    level: Level = "strict" if validator.options.get("sandbox") == "strict" else "embedded"
    outcome: Outcome = yield Execute(build_program(fields), level)
    if outcome.status == "unsupported":
        return Finding("unknown", 0.0, f"the sandbox does not have {outcome.message}")
    if outcome.status != "ok":
        return Finding("refuted", 1.0, _BROKEN[outcome.status].format(message=outcome.message))
    outcome = yield Execute(build_program(fields, stub=True), level)
    if outcome.status == "ok":
        return Finding("unknown", 0.0, "a function that does nothing passes its tests, too")
    return Finding("supported", 1.0)


KIND: Final = ValidatorKind("exec", inquire=inquire)
