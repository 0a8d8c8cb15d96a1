"""Telephone numbers: in the international form, as North America writes them, as countries with a leading zero do, and
whatever stands beside a word such as `call`. A run of four zeros is in nobody's number: `pseudonyms` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from refinelab_dsl.detectors.detection import NOBODYS, Detection, is_near

# Country calling codes (ITU-T E.164); of the three-digit ones the first two digits.
_CODES: Final = re.compile(
    r"(?:1|7|20|27|3[0-46-9]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[1-368]|22|23|24|25|26|29|35|37|38|42|50|59|67|68|"
    r"69|80|85|87|88|96|97|99)"
)
_BEFORE: Final = r"(?<![\w.,:/+*^=-])(?<!\d )"
_AFTER: Final = r"(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w]|[.,:/-]\w)"  # with an extension
_PART: Final = r"(?:[ .\-/]{0,2}\(?\d{1,6}\)?)"
_WORLD: Final = re.compile(rf"(?<![\w.+*^])\+(?=[1-9]){_PART[:-1]}){{1,8}}{_AFTER}")
_AMERICA: Final = re.compile(
    rf"{_BEFORE}(?:(?:00)?1[-. ])?(?:\([2-9]\d{{2}}\) ?|[2-9]\d{{2}}([-. ]))[2-9]\d{{2}}(?(1)\1|[-. ])\d{{4}}{_AFTER}"
)
_ZERO: Final = re.compile(rf"{_BEFORE}\(?0[1-9]\d{{0,4}}\)?[ ./-]{{1,3}}\d{{2,8}}(?:[ ./-]\d{{2,6}}){{0,4}}{_AFTER}")
_ANY: Final = re.compile(r"(?<![\w.+])\(?\d[\d .()/-]{4,18}\d(?![\w]|[.-]\w)")
_FEWEST: Final = 7  # digits of a number
_WORDS: Final = re.compile(
    r"(?i)(?<![a-z])(?:tel|tél|telefon|telephone|telefono|teléfono|phone|ph|call|ring|mobile|cell|cellphone|handy|fax|"
    r"whatsapp|sms|text|dial|contact_no|portable|móvil|number is)(?![a-z])"
)
_NEAR_WORD: Final = re.compile(rf"{_WORDS.pattern}[^\n\d]{{0,24}}$")
_OTHER: Final = re.compile(
    r"(?i)(?<![a-z])(?:order|isbn|issn|ean|sku|ref|reference|invoice|version|article|tracking|score|id|rfc|batch|"
    r"account|card|ssn|latitude|coordinates|population|not cards)(?![a-z])"
)


def find_phones(text: str) -> Iterator[Detection]:
    """Numbers of 7 to 15 digits, grouped as numbers of telephones are, or beside a word that says so."""
    if sum(map(str.isdigit, text)) < _FEWEST:
        return
    taken: list[tuple[int, int]] = []
    for match in _WORLD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if 8 <= len(digits) <= 15 and _CODES.match(digits):
            grouped = len(re.findall(r"\d+", match[0])) > 1
            named = is_near(text, match.start(), match.end(), _WORDS, 30, 0)
            yield from _take(match, digits, 0.95 if named else 0.9 if grouped or len(digits) > 10 else 0.5, taken)
    for match in _AMERICA.finditer(text):
        yield from _take(match, re.sub(r"\D", "", match[0]), _weigh(text, match, 0.8), taken)
    for match in _ZERO.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if 9 <= len(digits) <= 12:
            yield from _take(match, digits, _weigh(text, match, 0.65), taken)
    for match in _ANY.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        before = text[max(0, match.start() - 40) : match.start()]
        if _FEWEST <= len(digits) <= 13 and _NEAR_WORD.search(before) and not _OTHER.search(before[-16:]):
            yield from _take(match, digits, 0.8, taken)


def _weigh(text: str, match: re.Match[str], alone: float) -> float:
    if is_near(text, match.start(), match.end(), _WORDS, 36, 0):
        return 0.93
    return 0.35 if is_near(text, match.start(), match.end(), _OTHER, 24, 0) else alone


def _take(match: re.Match[str], digits: str, sure: float, taken: list[tuple[int, int]]) -> Iterator[Detection]:
    """The number, unless a better form holds it already or it is nobody's."""
    start, end = match.span()
    if NOBODYS in digits or len(set(digits)) < 3 or any(start < other[1] and other[0] < end for other in taken):
        return
    taken.append((start, end))
    yield Detection(start, end, "phone", sure)
