"""Names of people, by pattern (a title, a greeting, a signature, a field of a form) and by lists of given names and of
surnames. Names after which laws and units are called are nobody's private data where they stand alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from refinelab_dsl.detectors.detection import Detection
from refinelab_dsl.detectors.lists import FAMOUS, FICTITIOUS, GIVEN, NO_SURNAMES, SURNAME_ENDINGS, SURNAMES

_LATIN: Final = [chr(code) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))]
_UPPER: Final = "A-Z" + "".join(sign for sign in _LATIN if sign.isupper())
_LOWER: Final = "a-z" + "".join(sign for sign in _LATIN if sign.islower())
_WORD: Final = rf"(?:(?:O|D|L)['\u2019])?[{_UPPER}][{_LOWER}]+(?:[-'\u2019][{_UPPER}]?[{_LOWER}]+)*"
_LINK: Final = r"(?: (?:van|von|de|del|della|di|da|bin|ben|el|al|der|den|le|la))*"
_FULL: Final = rf"{_WORD}(?: [A-Z]\.)?{_LINK} {_WORD}"
_ONE_OR_FULL: Final = rf"{_WORD}(?:(?: [A-Z]\.)?{_LINK} {_WORD})?"

_TITLED: Final = re.compile(
    rf"(?<!\w)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Herr|Frau|Mme|Mlle|Monsieur|Madame|Sra|Sr|Señor|Señora|Signor|"
    rf"Signora|Dott|Pan|Pani)\.? (?P<name>{_ONE_OR_FULL})"
)
_SAID: Final = re.compile(
    rf"(?<!\w)(?:[Mm]y name is|[Hh]is name is|[Hh]er name is|I am|I'm|[Cc]alled|[Nn]amed|[Tt]his is|[Ss]igned by|"
    rf"[Yy]ours sincerely,|[Yy]ours truly,|[Bb]est regards,|[Kk]ind regards,|[Tt]hanks!*,?|[Cc]heers,|[Hh]i,?|"
    rf"[Hh]ello,?|Dear) (?P<name>{_FULL})"
)
_FIELD: Final = re.compile(
    rf"(?i:(?<![a-z])(?:name|full[_ ]?name|author|contact|patient|customer|client|tenant|landlord|cust|witness|"
    rf"employee|applicant|owner|buyer|seller|student))[\"']?(?: ?[:=,] ?| contact |, | )[\"']?(?P<name>{_FULL})(?!\w)"
)
_PART: Final = re.compile(
    rf"(?i:[\"']?(?:first|last|given|family|sur)(?:[_ ]?name)?[\"']? ?[:=] ?)[\"'](?P<name>{_WORD})[\"']"
)
_PAIR: Final = re.compile(
    rf"(?<![\w.'\u2019-])(?P<given>{_WORD})(?: [A-Z]\.)?{_LINK} (?P<family>{_WORD})(?![\w]|['\u2019]s)"
)

_POSSESSIVE: Final = re.compile(r"['\u2019]s$")


def find_names(text: str) -> Iterator[Detection]:
    """What reads as the name of somebody, its title left out."""
    for pattern, sure in ((_TITLED, 0.85), (_SAID, 0.85), (_FIELD, 0.8), (_PART, 0.8)):
        for match in pattern.finditer(text):
            name = _POSSESSIVE.sub("", match["name"])
            words = _split(name)
            if _is_nobody(words) or words[-1] in NO_SURNAMES or words[0] in NO_SURNAMES:
                continue
            if pattern is _SAID and not (words[0] in GIVEN or _is_surname(words[-1])):
                continue
            yield Detection(match.start("name"), match.start("name") + len(name), "name", sure)
    place = 0
    while (pair := _PAIR.search(text, place)) is not None:
        given, family = pair["given"], _split(pair["family"])[-1]
        place = pair.end("given")
        if given not in GIVEN or family in NO_SURNAMES or _is_nobody((given, family)):
            continue
        place = pair.end()
        yield Detection(*pair.span(), "name", 0.7 if _is_surname(family) else 0.4)


def _split(name: str) -> tuple[str, ...]:
    return tuple(name.split(" "))


def _is_nobody(words: tuple[str, ...]) -> bool:
    return words[-1] in FICTITIOUS or words[-1] in FAMOUS


def _is_surname(word: str) -> bool:
    return word in SURNAMES or word.lower().endswith(SURNAME_ENDINGS) or word[:2] in ("O'", "O\u2019", "Al", "Mc")
