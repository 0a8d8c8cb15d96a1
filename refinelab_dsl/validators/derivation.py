"""`steps = true`: the derivation of an item, line by line, beside its answer.

Every equation that can be checked is checked by exact arithmetic of our own (`equivalence.claims`); the first line
with a wrong one refutes the item, and no model is asked. Where the arithmetic is right, or nothing could be checked, a
model is asked for the first wrong step. Its word alone refutes only what it repeats: where it names a step it is asked
again, and both must name the same one. Where it does not, the verdict on the answer stands, at half the confidence.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Finding, Program
from refinelab_dsl.equivalence import find_wrong_line
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.questions import Questions, item_fields, read_json


class _Reply(msgspec.Struct):
    wrong_step: int


def check_derivation(template: str, finding: Finding, item: Item, questions: Questions) -> Program[Finding]:
    """The finding on an item's answer, and on its derivation. template: the one that asks for the first wrong step;
    where the plan has none, the arithmetic alone is checked."""
    steps = derivation_lines(str(item.fields.get("solution") or ""))
    if not steps:
        return finding
    wrong = find_wrong_line("\n".join(steps))
    if wrong is not None:
        return _refute(finding, wrong, 1.0, f"the arithmetic in line {wrong} of the derivation is wrong")
    if template not in questions.context.templates:
        return finding
    first = yield from _ask_step(template, steps, item, questions, 0)
    if first is None or first == 0:
        return finding
    second = yield from _ask_step(template, steps, item, questions, 1)
    if second == first:
        return _refute(finding, first, 2 / 3, f"line {first} of the derivation is wrong, as a model found twice")
    return replace(
        finding, confidence=finding.confidence / 2,
        reason=finding.reason or f"a model found line {first} of the derivation wrong, and did not repeat it",
    )  # fmt: skip


def derivation_lines(solution: str) -> list[str]:
    """The lines that say something, without GSM8K's last one (`#### 18`)."""
    return [line.strip() for line in solution.split("\n") if line.strip() and not line.strip().startswith("####")]


def _refute(finding: Finding, line: int, confidence: float, reason: str) -> Finding:
    """A wrong derivation refutes an item whose answer may be right: then there is no other answer to give."""
    if finding.verdict == "refuted":
        return replace(finding, reason=f"{finding.reason}; {reason}")
    return Finding("refuted", confidence, reason)


def _ask_step(
    template: str, steps: list[str], item: Item, questions: Questions, sample: int
) -> Program[int | None]:
    """The first wrong step that a model names, 0 for none; None where its reply cannot be used."""
    shown = {**item_fields(item), "steps": {str(number): step for number, step in enumerate(steps, 1)}}
    subject = questions.subject("pot_steps", item, steps=len(steps))
    request = questions.compose(template, {"item": shown}, sample=sample, subject=subject)

    def read(text: str) -> int | Unreadable:
        reply = read_object(text, _Reply)
        if isinstance(reply, Unreadable):
            return reply
        if not 0 <= reply.wrong_step <= len(steps):
            return Unreadable(f"`wrong_step` is {reply.wrong_step}, and the steps are numbered from 1 to {len(steps)}")
        return reply.wrong_step

    found: int | Unreadable = yield from read_json(request, read)
    return None if isinstance(found, Unreadable) else found
