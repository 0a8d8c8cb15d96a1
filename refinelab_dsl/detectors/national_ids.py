"""Numbers by which countries know people, told by form, check digits and birth dates; where these say little, by a word
beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from refinelab_dsl.detectors.detection import Detection, is_near
from refinelab_dsl.detectors.numbers import is_luhn


@dataclass(frozen=True, slots=True)
class Scheme:
    """A country's number. form: of the whole. holds: whether its letters and digits, in capitals, can be one.
    alone, named: confidence without and with a word of `words` beside it."""

    country: str
    form: re.Pattern[str]
    holds: Callable[[str], bool]
    words: re.Pattern[str]
    alone: float
    named: float = 0.96


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-]){pattern}(?![\w]|[.-]\w)")


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![a-z])(?:{pattern})(?![a-z])")


def _is_date(day: str, month: str) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def _ssn(plain: str) -> bool:
    """No such area, group or serial was ever given; the others are printed in manuals and on sample cards."""
    given = plain[:3] not in ("000", "666") and plain[0] != "9" and plain[3:5] != "00" and plain[5:] != "0000"
    return given and plain not in ("123456789", "078051120", "219099999")


def _nino(plain: str) -> bool:
    return plain[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ", "QQ")


def _dni(plain: str) -> bool:
    number = plain[:-1]
    if number[0] in "XYZ":
        number = str("XYZ".index(number[0])) + number[1:]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == plain[-1]


_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _codice_fiscale(plain: str) -> bool:
    """Odd and even places count by tables of their own (D.M. 23 December 1976)."""
    total = 0
    for place, sign in enumerate(plain[:15]):
        value = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        total += value if place % 2 else _ODD[value]
    return chr(ord("A") + total % 26) == plain[15]


def _nir(plain: str) -> bool:
    month = int(plain[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42) and 97 - int(plain[:13]) % 97 == int(plain[13:])


def _pesel(plain: str) -> bool:
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    dated = _is_date(plain[4:6], f"{int(plain[2:4]) % 20}")
    return dated and sum(weight * int(digit) for weight, digit in zip(weights, plain, strict=True)) % 10 == 0


def _bsn(plain: str) -> bool:
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(weight * int(digit) for weight, digit in zip(weights, plain, strict=True)) % 11 == 0


def _cpf(plain: str) -> bool:
    for length in (9, 10):
        total = sum((length + 1 - place) * int(digit) for place, digit in enumerate(plain[:length]))
        if total * 10 % 11 % 10 != int(plain[length]):
            return False
    return len(set(plain)) > 1


def _personnummer(plain: str) -> bool:
    return _is_date(plain[4:6], plain[2:4]) and is_luhn(plain)


def _hetu(plain: str) -> bool:
    digits = plain[:6] + plain[-4:-1]
    dated = _is_date(plain[:2], plain[2:4])
    return dated and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == plain[-1]


def _steuer_id(plain: str) -> bool:
    """ISO 7064, mod 11, 10; of the first ten digits one occurs twice or thrice."""
    product = 10
    for digit in plain[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return plain[0] != "0" and len(set(plain[:10])) in (8, 9) and (11 - product) % 10 == int(plain[10])


_TURNED: Final = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415",
                  "7046913258")  # fmt: skip


def _combine(left: int, right: int) -> int:
    """The product in the dihedral group of order ten."""
    if left < 5:
        return (left + right) % 5 + (5 if right >= 5 else 0)
    return (left - right) % 5 + (0 if right >= 5 else 5)


def _aadhaar(plain: str) -> bool:
    """Verhoeff's check."""
    check = 0
    for place, digit in enumerate(reversed(plain)):
        check = _combine(check, int(_TURNED[place % 8][int(digit)]))
    return check == 0


def _resident(plain: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(digit) for weight, digit in zip(weights, plain[:17], strict=True))
    return _is_date(plain[12:14], plain[10:12]) and "10X98765432"[total % 11] == plain[17]


SCHEMES: Final[tuple[Scheme, ...]] = (
    Scheme("US", _form(r"\d{3}-\d{2}-\d{4}"), _ssn, _words(r"ssn|social security"), 0.85),
    Scheme("US", _form(r"\d{9}|\d{3} \d{2} \d{4}"), _ssn, _words(r"ssn|social security(?: (?:number|no))?"), 0.1),
    Scheme(
        "GB", _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] \d{2} \d{2} \d{2} [A-D]"), _nino,
        _words(r"nino|national insurance|ni (?:number|no)"), 0.85,
    ),
    Scheme(
        "GB", _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]"), _nino,
        _words(r"nino|national insurance|ni (?:number|no)"), 0.3,
    ),
    Scheme("ES", _form(r"\d{8}-?[A-HJ-NP-TV-Z]"), _dni, _words(r"dni|nif|documento"), 0.7),
    Scheme("ES", _form(r"[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]"), _dni, _words(r"nie|nif|extranjer[oa]"), 0.8),
    Scheme(
        "IT", _form(r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]"), _codice_fiscale,
        _words(r"codice fiscale|c\.? ?f\.?|tax code"), 0.95,
    ),
    Scheme(
        "FR", _form(r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}|[12] \d{2} \d{2} \d{2} \d{2} \d{2} \d{2} \d{2}"),
        _nir, _words(r"nir|s[ée]cu(?:rit[ée] sociale)?|insee"), 0.9,
    ),
    Scheme("PL", _form(r"\d{11}"), _pesel, _words(r"pesel"), 0.6),
    Scheme("NL", _form(r"\d{9}"), _bsn, _words(r"bsn|burgerservicenummer|sofi(?:nummer)?"), 0.1),
    Scheme("BR", _form(r"\d{3}\.\d{3}\.\d{3}-\d{2}"), _cpf, _words(r"cpf"), 0.95),
    Scheme("BR", _form(r"\d{11}"), _cpf, _words(r"cpf"), 0.2),
    Scheme("SE", _form(r"\d{6}[-+]\d{4}"), _personnummer, _words(r"personnummer|pnr|personal identity"), 0.8),
    Scheme("FI", _form(r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]"), _hetu, _words(r"hetu|henkilötunnus|identity code"), 0.93),
    Scheme(
        "DE", _form(r"\d{11}|\d{2} \d{3} \d{3} \d{3}"), _steuer_id,
        _words(r"steuer-?(?:id|identifikationsnummer|nummer)?|idnr|tax id"), 0.4,
    ),
    Scheme("IN", _form(r"(?<!\d )[2-9]\d{3} \d{4} \d{4}(?! \d)"), _aadhaar, _words(r"aadhaar|aadhar|uidai"), 0.6),
    Scheme("IN", _form(r"[2-9]\d{11}"), _aadhaar, _words(r"aadhaar|aadhar|uidai"), 0.2),
    Scheme("CN", _form(r"[1-8]\d{5}(?:18|19|20)\d{9}[0-9X]"), _resident, _words(r"resident|id card|身份证"), 0.95),
)


_LIKELY: Final = re.compile(r"\d{5}|\d[ .+-]\d|[A-Z]{6}\d{2}")
"""In every number of a scheme. Most texts have none, and are done with."""


def find_national_ids(text: str) -> Iterator[Detection]:
    """Numbers of the schemes that can be somebody's."""
    if _LIKELY.search(text) is None:
        return
    for scheme in SCHEMES:
        for match in scheme.form.finditer(text):
            if scheme.holds(re.sub(r"\W", "", match[0]).upper()):
                named = is_near(text, match.start(), match.end(), scheme.words, 36, 12)
                sure = scheme.named if named else scheme.alone
                yield Detection(match.start(), match.end(), "national_id", sure, scheme.country)
