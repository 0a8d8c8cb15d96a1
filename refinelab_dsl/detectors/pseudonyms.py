"""What takes the place of private data: made-up data of the same kind that is nobody's, and that no detector takes for
somebody's. Addresses are at domains and in nets for documentation, cards are test numbers, accounts are at a bank of
zeros, numbers of telephones have four zeros in a row, national numbers fail their check, keys say that they are an
example, and surnames are made up.

Within an item the same part always gets the same pseudonym. Which one follows from the item and from the order of the
parts, not from the part itself: nothing of it can be computed back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from refinelab_dsl.detectors.detect import Watch, detect
from refinelab_dsl.detectors.detection import NOBODYS, TOXICITY, Detection
from refinelab_dsl.detectors.lists import FICTITIOUS
from refinelab_dsl.detectors.numbers import TEST_CARDS, is_iban, name_issuer

GIVEN: Final = ("Robin", "Alex", "Kim", "Noa", "Sam", "Jo", "Luca", "Mika")
"""Given names of made-up people, fit for anybody."""

_NETS: Final = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
_TRIES: Final = 40


def build_pseudonyms(
    texts: Iterable[tuple[str, Iterable[Detection]]], watch: Watch, seed: str
) -> dict[str, str]:
    """Part that was found -> what takes its place; toxic words have none. texts: of one item, with what was found in
    each. seed: tells items apart."""
    made: dict[str, str] = {}
    people: dict[str, str] = {}  # words of names, so that a surname alone gets the surname of the whole
    for text, detections in texts:
        found = sorted(detections, key=lambda each: (each.category == "name", each.start - each.end))
        for each in found:
            part = text[each.start : each.end]
            if each.category == TOXICITY or part in made:
                continue
            if each.category == "name":
                made[part] = _name(part, people, made, seed)
            else:
                made[part] = _find_other(part, each, watch, _start(seed, each.category) + len(made), made)
    return made


def _start(seed: str, category: str) -> int:
    return 10 + hashlib.sha256(f"{seed}\n{category}".encode()).digest()[0] % 60


def _find_other(part: str, detection: Detection, watch: Watch, start: int, made: Mapping[str, str]) -> str:
    """The first pseudonym that is taken by no other part and that nobody takes for private."""
    taken = set(made.values())
    for number in range(start, start + _TRIES):
        for other in _invent(part, detection, number):
            if other in taken or other == part:
                continue
            if not any(each.category == detection.category for each in detect(other, watch)):
                return other
    return f"[{detection.category}]"


def _invent(part: str, detection: Detection, number: int) -> Iterator[str]:
    match detection.category:
        case "email":
            given, family = GIVEN[number % len(GIVEN)], FICTITIOUS[number % len(FICTITIOUS)]
            yield f"{given}.{family}@example.org".lower()
        case "phone":
            yield _phone(part, number)
        case "card":
            yield from _card(part, number)
        case "iban":
            yield _iban(part, number)
        case "ip" if detection.kind == "6":
            yield f"2001:db8::{number:x}"
        case "ip":
            yield f"{_NETS[number % len(_NETS)]}.{number}"
        case "key":
            yield f"{part[:4] if re.match(r'[A-Za-z]{2,}[-_]', part) else ''}EXAMPLE{number}"
        case "national_id":
            if re.match(r"[A-Za-z]{2} ?\d\d ?\d\d ?\d\d ?[A-Da-d]$", part):
                yield _lay_out(part, f"QQ0000{number % 100:02d}C")
            yield _count_up(part, number)
        case category:  # of the spec's own
            yield _count_up(part, number)
            yield f"{category} {number}"


def _phone(part: str, number: int) -> str:
    """The same country or area, then zeros and a number."""
    digits = re.sub(r"\D", "", part)
    area = 2 if part.startswith(("+", "0")) else 3
    kept = max(0, min(area, len(digits) - len(NOBODYS) - 2))
    return _lay_out(part, digits[:kept] + str(number).rjust(len(digits) - kept, "0"))


def _card(part: str, number: int) -> Iterator[str]:
    digits = re.sub(r"\D", "", part)
    like = [each for each in TEST_CARDS if len(each) == len(digits)]
    same = [each for each in like if name_issuer(each) == name_issuer(digits)]
    for pool in (same, like, TEST_CARDS):
        for place in range(len(pool)):
            chosen = pool[(number + place) % len(pool)]
            yield _lay_out(part, chosen) if len(chosen) == len(digits) else chosen


def _iban(part: str, number: int) -> str:
    """An account of the same country at a bank of zeros, its check number right."""
    plain = re.sub(r"[ -]", "", part).upper()
    bank = "XXXX" if plain[4:8].isalpha() else NOBODYS
    rest = bank + "".join("0" if sign.isdigit() else "X" for sign in plain[8:-2]) + f"{number % 100:02d}"
    for check in range(2, 99):
        if is_iban(f"{plain[:2]}{check:02d}{rest}"):
            return _lay_out(part, f"{plain[:2]}{check:02d}{rest}")
    return part


def _count_up(part: str, number: int) -> str:
    """Zeros for its digits but for a number at the end, X for its letters."""
    digits = sum(sign.isdigit() for sign in part)
    numbers = iter(str(number % 10**digits if digits else 0).rjust(digits, "0"))
    return "".join(next(numbers) if sign.isdigit() else "X" if sign.isalpha() else sign for sign in part)


def _lay_out(part: str, signs: str) -> str:
    """These letters and digits with the spaces and marks of `part`, in its case."""
    left = iter(signs if not part.islower() else signs.lower())
    return "".join(next(left, "") if sign.isalnum() else sign for sign in part) + "".join(left)


def _name(part: str, people: dict[str, str], made: Mapping[str, str], seed: str) -> str:
    """A made-up person. One word is a surname, unless the whole name was told before."""
    words = part.split(" ")
    if len(words) == 1 and part in people:
        return people[part]
    number = _start(seed, "name") + len(made)
    taken = {other.split(" ")[-1] for other in made.values()}
    family = next(
        (each for place in range(len(FICTITIOUS)) if (each := FICTITIOUS[(number + place) % len(FICTITIOUS)])
         not in taken),
        FICTITIOUS[number % len(FICTITIOUS)],
    )  # fmt: skip
    if words[-1] in people:
        family = people[words[-1]]
    people.setdefault(words[-1], family)
    if len(words) == 1:
        return family
    given = people.setdefault(words[0], GIVEN[number % len(GIVEN)])
    return f"{given} {family}"
