"""`format`: the result obeys its task's invariants and has the form of the item that it was made from."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.code import find_fault
from refinelab_dsl.declarations import Validator
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import number
from refinelab_dsl.likeness import normalise
from refinelab_dsl.validators.language import find_difference
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """No field is empty; the question is in the script and the language of the parent's, where both are plain to see
    (`language`); mcq: as many choices as the parent, all different, exactly one of them the answer; math: an answer
    that is a number where the parent's is one; code: prompt, tests and solution that belong to the entry point, and
    tests that assert something."""
    fields, parent = result.item.fields, result.parent.fields
    for name, value in fields.items():
        texts = value if isinstance(value, list) else [value]
        if name != "context" and any(not str(text).strip() for text in texts):
            return Verdict(False, f"`{name}` is empty")
    if surroundings.task != "code":
        difference = find_difference(str(parent["question"]), str(fields["question"]))
        if difference is not None:
            return Verdict(False, difference)
    if surroundings.task == "mcq":
        choices = [normalise(choice) for choice in fields["choices"]]
        counts: dict[str, str | int] = {"choices": len(choices)}
        if len(choices) != len(parent["choices"]):
            return Verdict(False, f"it has {len(choices)} choices instead of {len(parent['choices'])}", counts)
        if len(set(choices)) != len(choices):
            return Verdict(False, "two choices are the same", counts)
        if choices.count(normalise(fields["answer"])) != 1:
            return Verdict(False, "the answer is none of the choices", counts)
        return Verdict(True, values=counts)
    if surroundings.task == "code":
        fault = find_fault(fields)
        return Verdict(fault is None, fault or "")
    if surroundings.task == "math" and _is_number(str(parent["answer"])) and not _is_number(str(fields["answer"])):
        return Verdict(False, "the answer is no number")
    return Verdict(True)


def _is_number(text: str) -> bool:
    """`42`, `1,234.5`, `$18`, `25%`."""
    try:
        return number(text) is not None
    except EvaluationError:
        return False


KIND: Final = ValidatorKind("format", judge)
