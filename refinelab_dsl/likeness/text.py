"""How alike two items read: what `duplicate`, `near_duplicate` and embeddings make of their texts.

Likeness of two texts is the Dice coefficient of their multisets of character trigrams (Dice 1945): 2 |A and B| /
(|A| + |B|), 1 for equal texts, after Unicode NFKC, case folding and joining of white space. Items compare by question
and, for multiple choice, by their choices in any order; items with different passages (`context`) are never alike.
Conversations compare by what is said before the last answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.conversation import system_of
from refinelab_dsl.data.items import Item
from refinelab_dsl.embeddings.letters import normalise

_GRAM: Final = 3
_TRUE: Final = np.ones(1, np.bool_)
_SAME_ANSWER: Final = 0.9
_NUMBER: Final = re.compile(r"\d+")


def comparison_text(item: Item) -> str:
    """What of an item is compared: the question, and the choices in sorted order."""
    choices = sorted(normalise(choice) for choice in item.fields.get("choices", ()))
    return "\n".join([normalise(item.question), *choices])


def answer_text(item: Item) -> str:
    """The answer of an item as it is compared."""
    return normalise(item.answer)


def is_same_answer(one: str, other: str) -> bool:
    """Whether two normalised answers say the same: their numbers are equal, and their letters nearly."""
    return one == other or (_NUMBER.findall(one) == _NUMBER.findall(other) and likeness(one, other) >= _SAME_ANSWER)


def meaning_text(item: Item) -> str:
    """What of an item must keep its meaning when it is put in other words: the question and the answer."""
    return f"{item.question}\n{item.answer}"


def digest_items(hashes: Iterable[str]) -> str:
    """SHA-256 (hex) over the hashes of items that are compared with each other, in whatever order they stand."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def passage_digest(item: Item) -> bytes:
    """Equal for items with the same passage, and for those without one. What the system says to a conversation is its
    passage."""
    context = system_of(item.fields["messages"]) if "messages" in item.fields else item.fields.get("context")
    return b"" if context is None else hashlib.sha256(normalise(str(context)).encode("utf-8", "replace")).digest()[:8]


def kin_digest(item: Item) -> bytes:
    """Different for items that cannot be copies of one another: their passages differ, or the numbers in their
    answers."""
    numbers = " ".join(_NUMBER.findall(answer_text(item)))
    return passage_digest(item) + hashlib.sha256(numbers.encode()).digest()[:8]


def likeness(one: str, other: str) -> float:
    """The Dice coefficient of the character trigrams of two normalised texts, in [0, 1]."""
    return 1.0 if one == other else dice(count_grams(one), count_grams(other))


class Grams(NamedTuple):
    """The multiset of a text's trigrams. codes: the different ones, ascending, each its three code points as one
    number; counts: how often each occurs; total: how many there are."""

    codes: NDArray[np.uint64]
    counts: NDArray[np.int64]
    total: int


def count_grams(text: str) -> Grams:
    """The trigrams of a normalised text."""
    points = np.frombuffer(text.ljust(_GRAM).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    every = (points[:-2] << np.uint64(42)) | (points[1:-1] << np.uint64(21)) | points[2:]
    every.sort()
    starts = np.flatnonzero(np.concatenate([_TRUE, every[1:] != every[:-1]]))
    return Grams(every[starts], np.diff(starts, append=len(every)), len(every))


def dice(one: Grams, other: Grams) -> float:
    """The Dice coefficient of two multisets, in [0, 1]."""
    small, large = (one, other) if len(one.codes) <= len(other.codes) else (other, one)
    places = np.searchsorted(large.codes, small.codes)
    places[places == len(large.codes)] = 0
    same = large.codes[places] == small.codes
    shared = int(np.minimum(small.counts[same], large.counts[places[same]]).sum())
    return 2 * shared / (one.total + other.total)
