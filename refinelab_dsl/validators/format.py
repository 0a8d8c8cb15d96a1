"""`format`: the result obeys its task's invariants and has the form of the item that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from refinelab_dsl.data import code
from refinelab_dsl.data.conversation import find_fault
from refinelab_dsl.declarations import Validator
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import number
from refinelab_dsl.likeness import normalise
from refinelab_dsl.validators.language import find_difference
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """No field is empty; the question is in the script and the language of the parent's, where both are plain to see
    (`language`); mcq: as many choices as the parent, all different, exactly one of them the answer; math: an answer
    that is a number where the parent's is one; chat: turns of the same speakers in the same order, an answer where the
    parent lacks one allowed; code: prompt, tests and solution that belong to the entry point, and
    tests that assert something."""
    fields, parent = result.item.fields, result.parent.fields
    if surroundings.task == "chat":
        return _judge_chat(result)
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
        fault = code.find_fault(fields)
        return Verdict(fault is None, fault or "")
    if surroundings.task == "math" and _is_number(str(parent["answer"])) and not _is_number(str(fields["answer"])):
        return Verdict(False, "the answer is no number")
    return Verdict(True)


def _judge_chat(result: Result) -> Verdict:
    messages, before = result.item.fields["messages"], result.parent.fields["messages"]
    fault = find_fault(messages)
    if fault is not None:
        return Verdict(False, fault)
    difference = find_difference(result.parent.question, result.item.question)
    if difference is not None:
        return Verdict(False, difference)
    counts: dict[str, str | int] = {"turns": len(messages)}
    if not _follows([turn["role"] for turn in before], [turn["role"] for turn in messages]):
        return Verdict(False, f"its turns are not those of the parent's {len(before)}", counts)
    return Verdict(True, values=counts)


def _follows(before: Sequence[str], roles: Sequence[str]) -> bool:
    """Whether these are the parent's speakers, perhaps with the assistant where two turns were the user's, or after
    the last one."""
    waiting = list(before)
    for place, role in enumerate(roles):
        if waiting and waiting[0] == role:
            waiting.pop(0)
        elif role != "assistant" or place == 0 or roles[place - 1] != "user":
            return False
    return not waiting


def _is_number(text: str) -> bool:
    """`42`, `1,234.5`, `$18`, `25%`."""
    try:
        return number(text) is not None
    except EvaluationError:
        return False


KIND: Final = ValidatorKind("format", judge)
