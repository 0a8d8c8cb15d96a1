"""What the simulated model says of evidence (`rag`), and how it repairs an item (`correct`).

Nothing is read. Where the item has an attribute `truth` (the right answer, as a rehearsal plants it), the verdict is
the right one in the stated share of calls; where it has none, that share of all pairs of question and answer is right,
the same ones every time, and the verdict is true to that. So a corrected item is judged anew, and is mostly supported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refinelab_dsl.embeddings.letters import normalise
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.vocabulary import ADJECTIVES, NOUNS

TRUTH: Final = "truth"
"""The attribute of an item that says what its right answer is."""

UNSURE: Final = 0.04
"""Share of verdicts that are `not enough evidence`."""


def judge_evidence(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """The members of a reply to `rag`."""
    item = subject.item
    answer = str(item.get("answer", ""))
    right = item.get(TRUTH)
    is_right = good
    if isinstance(right, str) and right.strip():
        is_right = (normalise(right) == normalise(answer)) == good
    else:
        right = _find_other(item, answer, draw)
    about = item.get("about")
    shown = int(about.get("shown", 1)) if isinstance(about, Mapping) else 1
    used = [1 + draw.below(max(1, shown))]
    confidence = round(0.6 + 0.39 * draw.unit(), 2)
    if draw.unit() < UNSURE:
        return {"passages": [], "verdict": "not enough evidence", "answer": "", "confidence": confidence}
    if is_right:
        return {"passages": used, "verdict": "supported", "answer": "", "confidence": confidence}
    if normalise(right) == normalise(answer):  # an error of the judge: it takes another answer for the right one
        right = _find_other(item, answer, draw)
    return {"passages": used, "verdict": "refuted", "answer": right, "confidence": confidence}


def repair_item(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """The item with the answer that was found in the place of its own; a bad reply leaves it as it was."""
    item = subject.item
    about = item.get("about")
    found = about.get("answer") if isinstance(about, Mapping) and good else None
    answer = str(found or item.get("answer", ""))
    fields: dict[str, Any] = {"question": str(item.get("question", "")), "answer": answer}
    if subject.task == "mcq":
        choices = [str(choice) for choice in item.get("choices", ())]
        fields["choices"] = [answer if choice == item.get("answer") else choice for choice in choices]
    if subject.task == "math":
        fields["solution"] = f"The answer is {answer}."
    return fields


def _find_other(item: Mapping[str, Any], answer: str, draw: Draw) -> str:
    """Another answer to the same question: of a multiple-choice item another choice."""
    others = [str(choice) for choice in item.get("choices", ()) if normalise(str(choice)) != normalise(answer)]
    return draw.pick(others) if others else f"the {draw.pick(ADJECTIVES)} {draw.pick(NOUNS)}"
