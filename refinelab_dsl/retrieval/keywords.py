"""What is looked for: the words of a question that say what it is about.

No model is asked. Names first (runs of capitalised words inside of a sentence, quoted, since a search engine then
looks for them as they stand), then the other words without stop words, the longer ones first: without a corpus at hand,
length is the best sign of rarity that a word carries itself. A local index knows better: it weighs each word by how
rare it is in its passages (`index`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from refinelab_dsl.retrieval.words import STOP_WORDS, split_words

MOST_KEYWORDS: Final = 24
"""The most words that one query holds."""

_SPAN: Final = re.compile(
    r"\b[A-ZÀ-ÞΑ-ΩА-Я][\w'\u2019-]*(?:(?:\s+(?:of|the|de|da|di|du|la|le|van|von))?\s+[A-ZÀ-ÞΑ-ΩА-Я][\w'\u2019-]*)*"
)
_LETTER_WORD: Final = re.compile(r"[^\W\d_]")


def extract_keywords(texts: Sequence[str], *, most: int = MOST_KEYWORDS) -> tuple[str, ...]:
    """The keywords of some texts (a question, its answer), the most telling first; each once.

    A keyword is a name of one word or several, or a word. `most` counts words. Texts without a telling word give what
    words they have.
    """
    names = [span for text in texts for span in _find_names(text)]
    taken: set[str] = set()
    chosen: list[str] = []
    room = most
    for name in names:
        words = split_words(name)
        if words and not taken.issuperset(words) and len(words) <= room:
            chosen.append(f'"{name}"' if len(name.split()) > 1 else name)
            taken.update(words)
            room -= len(words)
    for word in _sort_by_rarity(word for text in texts for word in _plain_words(text)):
        folded = split_words(word)
        if room > 0 and folded and not taken.issuperset(folded):
            chosen.append(word)
            taken.update(folded)
            room -= 1
    return tuple(chosen)


def join_query(keywords: Iterable[str]) -> str:
    """The query that a corpus is searched for."""
    return " ".join(keywords)


def split_query(query: str) -> tuple[str, ...]:
    """The keywords of a query as `join_query` writes it; of any other text its words."""
    return tuple(match for match in re.findall(r'"[^"]*"|[^\s"]+', query) if split_words(match))


def _find_names(text: str) -> list[str]:
    """Runs of capitalised words. One that begins a sentence counts only where more of it is capitalised, or where the
    text has the word capitalised elsewhere, too."""
    found = []
    for match in _SPAN.finditer(text):
        words = match[0].split()
        begins = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1:] in ".!?:\"“("
        if begins and (words[0].casefold() in STOP_WORDS or len(words) == 1):
            words = words[1:]
            while words and words[0].islower():
                words = words[1:]
        if words and any(word.casefold() not in STOP_WORDS for word in words):
            found.append(" ".join(words))
    return found


def _plain_words(text: str) -> list[str]:
    """The words of a text in their order, without stop words; all of them where nothing else is there."""
    words = re.findall(r"[^\W_]+(?:[-'\u2019][^\W_]+)*", text)
    telling = [word for word in words if word.partition("'")[0].casefold() not in STOP_WORDS and len(word) > 1]
    return telling or words


def _sort_by_rarity(words: Iterable[str]) -> list[str]:
    """Longer ones first, numbers after words; the order of the text among equals."""
    return sorted(words, key=lambda word: (not _LETTER_WORD.search(word), -len(word)))
