"""The words of a verdict. Reviewers choose one for each item; every word but `correct` and `unsure` is a flaw."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CORRECT: Final = "correct"
UNSURE: Final = "unsure"

WORDS: Final[Mapping[str, str]] = MappingProxyType({
    CORRECT: "the key is right, no other choice is, and the question can be answered as it stands",
    "wrong key": "another answer than the key is right",
    "no answer": "none of the choices is right",
    "several answers": "another choice is right as well as the key",
    "ambiguous": "the question can be understood in more than one way, and the answers differ",
    "broken": "text is cut off or garbled, or refers to what is not there",
    "duplicate": "another item of the sheet asks the same",
    "unsure": "you looked and cannot tell; counts as no verdict",
})  # fmt: skip
"""Word -> when to choose it, in the order of the guide."""


def read_word(text: str) -> str | None:
    """The word that a cell means: case, `_`, `-` and white space do not count. None where it means none."""
    plain = " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
    return plain if plain in WORDS else None


def is_flaw(word: str) -> bool:
    """Whether an item with this verdict counts as an error."""
    return word not in (CORRECT, UNSURE)
