"""Numbers that carry a check of their own: payment cards (ISO/IEC 7812, Luhn) and bank accounts (ISO 13616, mod 97)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from refinelab_dsl.detectors.detection import Detection, is_near

TEST_CARDS: Final = (
    "4111111111111111", "4012888888881881", "4242424242424242", "4000056655665556", "5555555555554444",
    "5105105105105100", "2223003122003222", "5200828282828210", "378282246310005", "371449635398431",
    "6011111111111117", "6011000990139424", "30569309025904", "38520000023237", "3530111333300000",
    "3566002020360505", "6200000000000005", "4222222222222",
)  # fmt: skip
"""Numbers that payment services print in their manuals; no card has them."""

IBAN_LENGTHS: Final[Mapping[str, int]] = MappingProxyType({
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
})  # fmt: skip

_CARD: Final = re.compile(
    r"(?<![\w.+-])(?<!\d )(?:\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w]|[.-]\w| \d)"
)
_CARD_WORDS: Final = re.compile(
    r"(?i)card|carte|karte|visa|master|amex|american express|diners|discover|unionpay|jcb|\bpan\b|\bcc\b|cvv|charge|"
    r"debit|credit|pay|number=|refund|deposit|receipt"
)
_OTHER_WORDS: Final = re.compile(r"(?i)\b(?:order|id|isbn|ean|seed|serial|timestamp|tracking|sku|barcode|sum|hash)\b")
_IBAN_START: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")


_MAESTRO: Final = (50, 56, 57, 58, 63, 67)
"""So many numbers begin so that one alone says little."""


def find_cards(text: str) -> Iterator[Detection]:
    """Numbers of an issuer's range and length whose last digit is right."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        issuer = name_issuer(digits)
        if issuer is None or digits in TEST_CARDS or not is_luhn(digits) or len(set(digits)) < 4:
            continue
        sure = 0.4 if issuer == "maestro" else 0.95 if match[1] or match[2] else 0.75
        if is_near(text, match.start(), match.end(), _CARD_WORDS):
            sure = 0.97
        elif is_near(text, match.start(), match.end(), _OTHER_WORDS, 24, 0):
            sure = 0.35
        yield Detection(match.start(), match.end(), "card", sure, issuer)


def name_issuer(digits: str) -> str | None:
    """Whose card a number could be, by its first digits and its length."""
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4" and len(digits) in (13, 16, 19):
        return "visa"
    if (51 <= two <= 55 or 2221 <= four <= 2720) and len(digits) == 16:
        return "mastercard"
    if two in (34, 37) and len(digits) == 15:
        return "amex"
    if (300 <= three <= 305 or two in (36, 38, 39)) and len(digits) in (14, 16):
        return "diners"
    if (four == 6011 or 644 <= three <= 649 or two == 65) and len(digits) in (16, 19):
        return "discover"
    if (3528 <= four <= 3589 and len(digits) in (16, 19)) or (four in (1800, 2131) and len(digits) == 15):
        return "jcb"
    if two == 62 and 16 <= len(digits) <= 19:
        return "unionpay"
    if two in _MAESTRO and len(digits) <= 19:
        return "maestro"
    return None


def is_luhn(digits: str) -> bool:
    """Luhn's check: every second digit from the right doubled, its digits summed, the whole a multiple of ten."""
    doubled = (2 * int(digit) if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def find_ibans(text: str) -> Iterator[Detection]:
    """Accounts of a country's length whose check number is right; a bank of zeros alone is none."""
    for match in _IBAN_START.finditer(text):
        country = match[0][:2].upper()
        length = IBAN_LENGTHS.get(country)
        end = None if length is None else _reach(text, match.start(), length)
        if end is None:
            continue
        plain = re.sub(r"[ -]", "", text[match.start() : end]).upper()
        if is_iban(plain) and not is_fictitious_iban(plain):
            yield Detection(match.start(), end, "iban", 0.98, country)


def is_iban(plain: str) -> bool:
    """Whether the check number of an account, without spaces and in capitals, is right."""
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def is_fictitious_iban(plain: str) -> bool:
    """Whether it names a bank that cannot exist: zeros alone, or X alone where banks have letters."""
    return plain[4:8] in ("0000", "XXXX")


def _reach(text: str, start: int, length: int) -> int | None:
    """Where the given number of letters and digits from `start` on ends, single spaces and hyphens left out; None where
    there are fewer or more."""
    count, place = 0, start
    while place < len(text) and count < length:
        sign = text[place]
        if sign.isascii() and sign.isalnum():
            count += 1
        elif sign not in " -" or not text[place + 1 : place + 2].isalnum():
            return None
        place += 1
    if count < length or (text[place : place + 1].isalnum() and text[place : place + 1].isascii()):
        return None
    return place
