"""In which script and language a text is, where that is plain to see: a reply in another one than its item is none.

Two signs, both cheap and exact: the script of most letters (by Unicode name), and function words, of which running text
of a language is full and that of another is not. Where neither is plain, nothing is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_LEAST_LETTERS: Final = 12  # fewer say nothing of a script
_SCRIPT_SHARE: Final = 0.6  # of the letters of a text: names and formulas in another script do not count
_LEAST_WORDS: Final = 3  # different function words of a language
_LEAD: Final = 2.0  # times as many as of any other

_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType({
    "English": _words(
        "the of and to which is are was were what that with from this has have had does did how many following by for "
        "when where who would could should been it its their there than"
    ),
    "German": _words(
        "der die das und ist sind war wird werden welche welcher welches nicht ein eine einer einem eines mit von auf "
        "zu dem den des wie viele aus bei nach durch kann sich auch oder hat haben im"
    ),
    "French": _words(
        "le la les des est sont dans une du et qui que quel quelle quels quelles pour avec sur par ce cette ces ne pas "
        "au aux combien sa son ses leur ont été plus"
    ),
    "Spanish": _words(
        "el los las del es son una y qué cuál cuáles cuántos que en por con para su sus al este esta estos estas lo no "
        "se ha han fue como más cómo"
    ),
    "Italian": _words(
        "il lo gli della dello delle dei degli è sono una quale quali che nel nella con per di da non si quanti quante "
        "ha hanno questo questa come più al alla"
    ),
    "Portuguese": _words(
        "os as do da dos das é são uma qual quais que em no na nos nas com para por não se quantos ao à foi tem como "
        "mais seu sua este esta"
    ),
    "Dutch": _words(
        "de het een van en is zijn was welke wat niet met op voor aan uit bij door hoeveel wordt worden die dat deze "
        "dit te naar ook heeft hebben als"
    ),
})  # fmt: skip


def find_difference(one: str, other: str) -> str | None:
    """In what two texts differ, in words that quote neither; None where both may well be of one language."""
    scripts = find_script(one), find_script(other)
    if None not in scripts and scripts[0] != scripts[1]:
        return f"it is in {_name(scripts[1])} letters, its item in {_name(scripts[0])} ones"
    language = find_language(one)
    if language is not None and find_language(other) not in (language, None):
        return f"it is in {find_language(other)}, its item in {language}"
    return None


@lru_cache(maxsize=256)
def find_script(text: str) -> str | None:
    """The first word of the Unicode names of most letters (`LATIN`, `CYRILLIC`, `CJK`); None for mixed or short texts.
    Kana and hangul count as themselves, whatever they stand beside."""
    if text.isascii():  # most are
        return "LATIN" if sum(map(str.isalpha, text)) >= _LEAST_LETTERS else None
    counts = Counter(map(_find_script_of, filter(str.isalpha, text)))
    total = counts.total()
    if total < _LEAST_LETTERS:
        return None
    if counts["HIRAGANA"] + counts["KATAKANA"] > total * 0.1:
        return "JAPANESE"
    script, most = counts.most_common(1)[0]
    return script if most >= total * _SCRIPT_SHARE else None


@lru_cache(maxsize=4096)
def _find_script_of(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]


@lru_cache(maxsize=256)
def find_language(text: str) -> str | None:
    """The language of a text by its function words; None where none is plain."""
    words = {word.casefold() for word in _WORD.findall(text)}
    found = sorted(((len(words & known), name) for name, known in FUNCTION_WORDS.items()), reverse=True)
    (most, language), (second, _) = found[:2]
    return language if most >= _LEAST_WORDS and most >= _LEAD * second else None


def _name(script: str | None) -> str:
    return str(script).capitalize()
