"""Long texts, cut into passages at the borders of paragraphs and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PASSAGE_WORDS: Final = 120
"""The most words of a passage."""

OVERLAP_WORDS: Final = 30
"""The most words that a passage repeats of the one before, where the border lies inside of a paragraph."""

_LETTERS: Final = 10  # a word's worth of characters, for scripts without spaces and for endless words
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE: Final = re.compile(
    r"(?<=[.!?…])[\"'”\u2019)\]]*\s+(?=[\"'“\u2018(\[]?[A-Z0-9À-ÞΑ-ΩА-Я])|(?<=[\u3002\uff01\uff1f])"
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    size: int
    is_first: bool  # of its paragraph


def cut_passages(text: str, *, size: int = PASSAGE_WORDS, overlap: int = OVERLAP_WORDS) -> list[str]:
    """The passages of a text, in its order: at most `size` words each.

    A passage ends with a paragraph where it is half full by then, else with a sentence; a sentence that is longer than
    a passage is cut between words. One that ends inside of a paragraph is followed by one that repeats its last whole
    sentences, up to `overlap` words. Space inside of a passage is single.
    """
    sentences = list(_split(text, size))
    passages: list[str] = []
    at = 0
    while at < len(sentences):
        end = _find_end(sentences, at, size)
        passages.append(" ".join(sentence.text for sentence in sentences[at:end]))
        start = end
        if end < len(sentences) and not sentences[end].is_first:
            left = min(overlap, size - sentences[end].size)
            while start - 1 > at and sentences[start - 1].size <= left:
                start -= 1
                left -= sentences[start].size
        at = start
    return passages


def count_words(text: str) -> int:
    """How many words a text counts: those between spaces, and at least one for each ten characters."""
    return max(len(text.split()), -(-len(text) // _LETTERS))


def _find_end(sentences: list[_Sentence], at: int, size: int) -> int:
    """One past the last sentence of the passage that begins at `at`."""
    used = 0
    border = None
    for index in range(at, len(sentences)):
        sentence = sentences[index]
        if index > at and sentence.is_first and used * 2 >= size:
            border = index
        if index > at and used + sentence.size > size:
            return border if border is not None else index
        used += sentence.size
    return len(sentences)


def _split(text: str, size: int) -> Iterator[_Sentence]:
    for paragraph in _PARAGRAPH.split(text):
        is_first = True
        for sentence in _SENTENCE.split(paragraph):
            plain = " ".join(sentence.split())
            for part in _cut(plain, size) if count_words(plain) > size else (plain,):
                if part:
                    yield _Sentence(part, count_words(part), is_first)
                    is_first = False


def _cut(sentence: str, size: int) -> Iterator[str]:
    """A sentence that is too long, in parts that are not: between words, and inside of a word that is too long."""
    part: list[str] = []
    used = 0
    for word in sentence.split():
        for start in range(0, len(word), size * _LETTERS):
            piece = word[start : start + size * _LETTERS]
            weight = count_words(piece + " ")
            if part and used + weight > size:
                yield " ".join(part)
                part, used = [], 0
            part.append(piece)
            used += weight
    if part:
        yield " ".join(part)
