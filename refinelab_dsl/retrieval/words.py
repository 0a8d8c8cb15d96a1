"""Words of texts and queries: folded, plurals cut, stop words known."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ENGLISH: Final = """
a about above after again against all almost also although always am among an and another any anyone anything
are aren as at away be became because become been before began being below best better between both but by came
can cannot could couldn did didn do does doesn doing done down during each either else enough ever every
everything few following for from further gave get gets getting give given gives go goes going gone got had has
hasn have haven having he her here hers herself him himself his how however i if in instead into is isn it its
itself just kind know known less let likely ll made make makes making many may me might more most much must my
myself near need never no nor not nothing now of off often on once one only or other others our ours out over
own part per perhaps please rather re really same say says see seem seems shall she should shouldn since so some
someone something still such sure take taken takes than that the their theirs them themselves then there
therefore these they thing things this those though through thus to too toward under unless until up upon us use
used uses using usually ve very was wasn way we well were weren what whatever when where whether which while who
whole whom whose why will with within without won would wouldn yes yet you your yours yourself
"""
STOP_WORDS: Final = frozenset(_ENGLISH.split())
"""English words that say nothing of what a text is about. In other languages rarity alone tells words apart."""

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
# Scripts that write no spaces between words: each sign counts as a word.
_SIGN: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def split_words(text: str) -> list[str]:
    """The words of a text, folded for comparison: `Plants' roots` gives `plant`, `root`."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words: list[str] = []
    for word in _WORD.findall(folded):
        word = word.replace("\u2019", "'").partition("'")[0] or word
        if _SIGN.search(word):
            words += list(word)
        else:
            words.append(cut_plural(word))
    return words


def cut_plural(word: str) -> str:
    """A word without the ending of an English plural (Harman 1991, "How effective is suffixing?", the s-stemmer):
    `berries` -> `berry`, `foxes` -> `foxe`, `gases` -> `gase`; `gas`, `bus`, `glass` keep theirs.

    The stem need not be a word: query and text are cut alike.
    """
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "gas")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    return word[:-1]
