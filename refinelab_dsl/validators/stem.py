"""What a question's own text shows without asking anybody: that it gives its answer away, or breaks off.

Both are patterns, kept narrow: `benchmarks/validators.py` measures how often they fire on real questions.
"""

from __future__ import annotations

import re
from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.equivalence import find_choice, find_choices

_GIVEN: Final = re.compile(
    r"(?:\b(?:(?:correct|right|final|true)\s+)?(?:answer|solution|result|key|choice|option)\b"
    r"(?:\s+(?:here|to this(?: question)?|of course))?\s*(?:is|are|=|:|->|\u2192|will be|must be|should be)|\bhint\s*:)"
    r"\s*:?\s*(?P<given>[^\n]{1,120})",
    re.IGNORECASE,
)
_PIECES: Final = re.compile(r"(?<=[A-Za-z0-9%)\]])[.;!?)\]\u201d\"']+(?=\s|\Z)|,\s|\s+(?:because|since|so|and|but)\s")
_LEAD: Final = re.compile(r"\A(?:it is|it's|that is|simply|just|the|option|choice)\s+", re.IGNORECASE)
_WRAPPING: Final = "\"'\u201c\u201d()[] "
_DEMAND: Final = re.compile(
    r"\b(?:find|compute|calculate|determine|evaluate|estimate|return|solve|simplify|what|which|true o[rf] false)\b|"
    r"\A\W*(?:is|are|does|do|can|how|who|when|where|why|give|show|was|were)\b|\b(?:is|are)\s+(?:the|a)\s+following\b",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(r"[.?!:;)\]}\"'\u201d\u2019$%*_\u2026]\s*\Z")


def find_stem_fault(item: Item, task: str) -> str | None:
    """Why the question cannot stand as it is, in words of ours; None where nothing shows."""
    if task not in ("mcq", "qa", "math"):
        return None
    if gives_away(item, task):
        return "the question gives its answer away"
    # A stem of multiple choice may stop anywhere: its choices go on.
    if task != "mcq" and breaks_off(str(item.fields["question"])):
        return "the question breaks off"
    return None


def gives_away(item: Item, task: str) -> bool:
    """Whether the question states its key: `(the answer is 42)`, `Hint: B`."""
    key = str(item.fields["answer"])
    choices = [str(choice) for choice in item.fields.get("choices", ())]
    for match in _GIVEN.finditer(str(item.fields["question"])):
        given = match["given"].strip(_WRAPPING)
        first = _LEAD.sub("", _PIECES.split(given)[0].strip(_WRAPPING))
        for text in dict.fromkeys((given, first, first.rpartition("=")[2].strip())):
            if not text:
                continue
            if task == "mcq":
                meant = find_choice(text, choices)
                if meant is not None and choices[meant] == key:
                    return True
            elif find_choices(text, [key]):
                return True
    return False


def breaks_off(question: str) -> bool:
    """Whether a question ends in the middle of a statement, with no mark and no demand after the last full sentence."""
    if _ENDED.search(question) or "?" in question[-200:]:
        return False
    return not _DEMAND.search(re.split(r"(?<=[.!?])\s", question)[-1])
