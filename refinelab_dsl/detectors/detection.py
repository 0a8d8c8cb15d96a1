"""What a detector finds in a text: where, of which category, and how sure it is. Never the text itself, so that a
detection can be logged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PRIVATE: Final = ("email", "phone", "card", "iban", "national_id", "ip", "key", "name")
"""The categories of private data, in the order in which they win where two hold the same text."""

TOXICITY: Final = "toxicity"

SURE: Final = 0.5
"""From this confidence on a detection counts, where nobody says otherwise."""

NOBODYS: Final = "0000"
"""Stands in the numbers of telephones and accounts that take the place of others."""

MASK: Final = "***"
"""Takes the place of toxic words where no rewrite of them holds."""


@dataclass(frozen=True, slots=True, order=True)
class Detection:
    """start, end: offsets in code points, [start, end). confidence: in [0, 1]. kind: what within the category, such as
    the country of an account, for who writes something of the same kind."""

    start: int
    end: int
    category: str
    confidence: float
    kind: str = ""


def is_near(text: str, start: int, end: int, words: re.Pattern[str], before: int = 40, after: int = 16) -> bool:
    """Whether a word of the pattern stands shortly before or after a span."""
    return bool(words.search(text[max(0, start - before) : start]) or words.search(text[end : end + after]))
