"""From the text of an answer to what it says (`forms`). Text is read, never run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, Literal

from refinelab_dsl.equivalence import reals
from refinelab_dsl.equivalence.forms import Expression, Form, Infinite, Named, Number, Several, Truth, Words
from refinelab_dsl.equivalence.formula import (
    Apply,
    Formula,
    Unreadable,
    evaluate,
    is_rough,
    literal,
    read_formula,
    variables,
)
from refinelab_dsl.equivalence.notation import plain
from refinelab_dsl.equivalence.units import MULTIPLIERS, NOT_COUNTED, PRICE_SIGNS, Unit, unit_of

_MAX_DEPTH: Final = 4
_MAX_PARTS: Final = 64
_TRUTHS: Final[Mapping[str, bool]] = MappingProxyType({"yes": True, "true": True, "no": False, "false": False})
_FLOAT: Final = re.compile(r"-?\d{1,15}\.\d+(?:e[-+]?\d{1,2})?", re.ASCII)
_PARTS: Final = re.compile(r"\d\s*/\s*[\d.]+\s*/\s*[\d.]", re.ASCII)
_HALVES: Final = re.compile(r"(\d+)\s*/\s*\1", re.ASCII)
_BLANKS: Final = re.compile(r"[ \t\r\n]+")
_LEAD: Final = re.compile(r"\A(?:####|(?:the\s+)?(?:final\s+)?answer\s*(?:is\b\s*:?|[:=]))\s*", re.IGNORECASE)
_NAMED: Final = re.compile(r"([A-Za-z](?:_\w|\d)?|[A-Za-z]\([a-z]\))\s*=\s*([^=<>!].*)")
_ONE_SIDED: Final = re.compile(r"([a-z])\s*(<=|>=|<|>)\s*([^<>=!]+)")
_TWO_SIDED: Final = re.compile(r"([^<>=!]+?)\s*(<=|<)\s*([a-z])\s*(<=|<)\s*([^<>=!]+)")
_RATIO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?::|\bto\b)\s*(\d+(?:\.\d+)?)(?:\s*(?::|\bto\b)\s*(\d+(?:\.\d+)?))?")
_PRICE: Final = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:US|U\.S\.)?(?P<price>[{re.escape(PRICE_SIGNS)}])\s*(?P<inner>[-+]?)\s*"
    r"(?P<number>[\d.,]+)\s*(?P<scale>[A-Za-z]+)?\s*(?P<rest>.*)",
    re.ASCII,
)
_SCALES: Final[Mapping[str, int]] = MappingProxyType({"k": 1000, "K": 1000, "bn": 10**9, **MULTIPLIERS})
_SPLIT: Final = re.compile(r"(?<![A-Za-z])(?=[A-Za-zµΩ°%$¢€£¥₹Å])")
_NOUN: Final = re.compile(r"[a-z]{3,}(?:-[a-z]{3,})?(?: [a-z]{2,}(?:-[a-z]{3,})?){0,2}")
_DOZENS: Final = re.compile(rf"({'|'.join(MULTIPLIERS)})\b\s*(.*)")
_MIXED_PART: Final = re.compile(r"[-+]?[\d.,/ ]*\d\s*[A-Za-z]+\.?", re.ASCII)
_AMBIGUOUS_COMMA: Final = re.compile(r"\d,\d", re.ASCII)
_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def clean(text: str) -> str:
    """An answer's text without what stands around it: blanks, a final period, `####`, "the answer is". Quotation marks
    stay: `'1'` may be a text where `1` is a number."""
    text = _LEAD.sub("", text.strip())
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1].rstrip()
    return _BLANKS.sub(" ", text)


def read_answer(text: str) -> Form:
    """What an answer says. What cannot be read as anything else is `Words`."""
    written = clean(text)
    try:
        written = clean(plain(written))
        return _read(written, 0)
    except (Unreadable, reals.Undefined):
        return Words(written)


def is_number(text: str) -> bool:
    """Whether an answer is a number, perhaps with a unit or what is counted."""
    return isinstance(read_answer(text), Number)


def shape_of(text: str) -> Literal["number", "truth", "list", "expression", "words"]:
    """What an answer is: a number, yes or no, a list (or interval) of numbers, an expression with letters, words."""
    match read_answer(text):
        case Number() | Infinite():
            return "number"
        case Truth():
            return "truth"
        case Several(parts=parts) if parts and all(isinstance(part, Number | Infinite) for part in parts):
            return "list"
        case Named(form=Number() | Expression()) | Expression():
            return "expression"
    return "words"


def tidy_answer(value: str) -> str:
    """What a program computed, as an answer is written: `240.0` as `240`, `0.30000000000000004` as `0.3`; all else as
    it is."""
    match = _FLOAT.fullmatch(value.strip())
    if match is None:
        return value.strip()
    text = format(float(value), ".12g")
    return text if "e" in text else str(int(text)) if float(text).is_integer() else text


def _read(text: str, depth: int) -> Form:
    """
    Raises:
        Unreadable: it is text.
    """
    text = text.strip()
    if not text or depth > _MAX_DEPTH:
        raise Unreadable
    truth = _TRUTHS.get(text.lower())
    if truth is not None:
        return Truth(truth)
    if text in ("inf", "+inf", "infinity", "+infinity", "-inf", "-infinity"):
        return Infinite(not text.startswith("-"))
    number = _read_words(text.lower())
    if number is not None:
        return Number(Fraction(number))
    for reader in (_read_union, _read_inequality, _read_named, _read_brackets, _read_ratio, _read_list):
        form: Form | None = reader(text, depth)
        if form is not None:
            return form
    return _read_quantity(text)


def _read_quantity(text: str) -> Form:
    """A number, with or without unit, or an expression with letters."""
    if _PARTS.search(text) or _HALVES.fullmatch(text):
        raise Unreadable  # 1/2/2020, or (.19 / .57 / .24): a date, or parts of a whole; 50/50: a chance, or one
    price = _PRICE.fullmatch(text)
    if price:
        return _read_price(price)
    whole: Formula | None
    try:
        whole = read_formula(text)
    except Unreadable:
        whole = None
    if whole is not None and not variables(whole) and not (isinstance(whole, Apply) and whole.function == "degrees"):
        return _number(whole)
    measured = _read_measured(text)
    if measured is not None:
        return measured
    if whole is None or re.fullmatch(r"[A-Za-z ()]+", text):
        raise Unreadable  # letters alone are a word, or name a choice
    letters = variables(whole)
    if len(letters) > 3:
        raise Unreadable
    return Expression(whole, letters)


def _read_price(match: re.Match[str]) -> Number:
    scale, rest = match["scale"] or "", match["rest"].strip()
    factor = 1
    if scale in _SCALES:
        factor = _SCALES[scale]
    elif scale in ("M", "B", "m"):
        raise Unreadable  # a thousand or a million? a billion or a bit?
    else:
        rest = f"{scale} {rest}".strip()
    unit = unit_of(match["price"] if not rest else f"{match['price']} {rest}")
    if rest in ("USD", "dollars", "dollar", "US dollars"):
        unit = unit_of("$") if match["price"] == "$" else None
    if unit is None or (match["sign"] and match["inner"]):
        raise Unreadable
    found = _scaled(_number(read_formula(match["number"])), factor)
    negative = "-" in (match["sign"], match["inner"])
    return replace(found, value=reals.negate(found.value) if negative else found.value, unit=unit)


def _read_measured(text: str) -> Number | None:
    """A number before a unit of the table, or before a noun; `5 feet 6 inches` too."""
    sums = _read_sum(text)
    if sums is not None:
        return sums
    noun: Number | None = None
    for match in _SPLIT.finditer(text):
        if match.start() == 0:
            continue
        left, right = text[: match.start()].strip(), text[match.start() :].strip()
        left = left.removesuffix("-").rstrip() if left[-2:-1].isdigit() and left.endswith("-") else left
        try:
            formula = read_formula(left)
            if variables(formula):
                continue
            found = _number(formula)
        except (Unreadable, reals.Undefined):
            continue
        dozens = _DOZENS.fullmatch(right)
        if dozens:
            found, right = _scaled(found, MULTIPLIERS[dozens[1]]), dozens[2]
            if not right:
                return found
        unit = unit_of(right)
        if unit is not None:
            return replace(found, unit=unit)
        words = right.replace("-", " ").split()
        if noun is None and _NOUN.fullmatch(right) and not NOT_COUNTED & set(words):
            noun = replace(found, noun=right)
    return noun


def _read_sum(text: str) -> Number | None:
    """`5 feet 6 inches`, `1 hour and 30 minutes`: quantities of one dimension, the larger unit first."""
    pieces = [piece.strip() for piece in re.split(r"(?<=[A-Za-z])[\s,]+(?:and\s+)?(?=\d)", text)]
    if not 2 <= len(pieces) <= 3 or not all(_MIXED_PART.fullmatch(piece) for piece in pieces):
        return None
    total, unit = Fraction(0), None
    before: Unit | None = None
    for piece in pieces:
        split = re.search(r"[A-Za-z]", piece)
        assert split is not None
        found, named = _number(read_formula(piece[: split.start()].strip())), unit_of(piece[split.start() :])
        if named is None or named.offset or not isinstance(found.value, Fraction) or found.value < 0:
            return None
        if before is not None and (named.dimension != before.dimension or named.factor >= before.factor):
            return None
        unit = unit or named
        total += found.value * named.factor / unit.factor
        before = named
    return Number(total, unit=unit)


def _read_union(text: str, depth: int) -> Form | None:
    parts = re.split(r"\s+U\s+|(?<=[\])])\s*U\s*(?=[\[(])", text)
    if len(parts) < 2:
        return None
    return Several("U", tuple(_read(part, depth + 1) for part in parts[:_MAX_PARTS]))


def _read_inequality(text: str, depth: int) -> Form | None:
    between = _TWO_SIDED.fullmatch(text)
    if between:
        low, high = _read(between[1], depth + 1), _read(between[5], depth + 1)
        opening, closing = "[" if between[2] == "<=" else "(", "]" if between[4] == "<=" else ")"
        return Named(between[3], Several(_pair(opening, closing), (low, high)))
    sided = _ONE_SIDED.fullmatch(text)
    if sided is None:
        return None
    bound = _read(sided[3], depth + 1)
    if sided[2].startswith(">"):
        return Named(sided[1], Several(_pair("[" if "=" in sided[2] else "(", ")"), (bound, Infinite(True))))
    return Named(sided[1], Several(_pair("(", "]" if "=" in sided[2] else ")"), (Infinite(False), bound)))


def _read_named(text: str, depth: int) -> Form | None:
    match = _NAMED.fullmatch(text)
    if match is None or re.search(r"[<>=]", match[2]):
        return None
    parts = _split(match[2])
    if len(parts) > 1 and match[2][0] not in "([{":
        return None  # x = 1, y = 2
    return Named(match[1], _read(match[2], depth + 1))


def _read_brackets(text: str, depth: int) -> Form | None:
    if text[0] not in "([{" or text[-1] not in ")]}" or not _is_closed(text):
        return None
    inner = text[1:-1].strip()
    if text[0] == "{" or text[-1] == "}":
        if text[0] != "{" or text[-1] != "}":
            return None
        parts = _split(inner) if inner else []
        return Several("{}", tuple(_read_part(part, depth) for part in parts))
    parts = _split(inner) if inner else []
    if len(parts) < 2:
        if text[0] == "[" and text[-1] == "]":
            return Several("[]", tuple(_read_part(part, depth) for part in parts))
        return None  # brackets around one expression
    if text[0] == "(" and _AMBIGUOUS_COMMA.search(inner) and re.fullmatch(r"\(?\d{1,3}(,\d{3})+\)?", text):
        raise Unreadable  # (1,234): a number in brackets, or a point?
    return Several(_pair(text[0], text[-1]), tuple(_read_part(part, depth) for part in parts))


def _read_part(text: str, depth: int) -> Form:
    """A member of a list; what is no number there is text."""
    try:
        return _read(text, depth + 1)
    except (Unreadable, reals.Undefined):
        return Words(text)


def _read_ratio(text: str, depth: int) -> Form | None:
    match = _RATIO.fullmatch(text)
    if match is None:
        return None
    return Several(":", tuple(_number(read_formula(part)) for part in match.groups() if part))


def _read_list(text: str, depth: int) -> Form | None:
    """Numbers or names that commas, `and` or `or` divide. The order may or may not matter."""
    parts = re.split(r"\s*[,;]\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+", text) if _is_flat(text) else _split(text)
    parts = [part for part in parts if part]
    if len(parts) < 2:
        return None
    if re.search(r"\d,\d", text):
        if re.fullmatch(r"\D*\d{1,3}(?:,\d{3})+(?![\d,]).*", text) and not re.search(r",\s|;|\band\b|\bor\b", text):
            return None  # thousands
        raise Unreadable  # 3,14 or 1,00,000
    return Several("", tuple(_read(part, depth + 1) for part in parts[:_MAX_PARTS]))


def _is_flat(text: str) -> bool:
    return not set(text) & set("()[]{}")


def _is_closed(text: str) -> bool:
    """Whether the first bracket closes at the end."""
    depth = 0
    for index, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 and index < len(text) - 1:
            return False
    return depth == 0


def _split(text: str) -> list[str]:
    """The parts between commas and semicolons outside of brackets."""
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ",;" and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    if len(parts) > _MAX_PARTS or (len(parts) > 1 and not all(parts)):
        raise Unreadable
    return parts


def _pair(opening: str, closing: str) -> Any:
    return f"{opening}{closing}"


def _number(formula: Formula) -> Number:
    written = literal(formula)
    if written is not None:
        return Number(written.value, written.step, written.digits)
    return Number(evaluate(formula, {}), rough=is_rough(formula))


def _scaled(number: Number, factor: int) -> Number:
    step = None if number.step is None else number.step * factor
    return replace(number, value=reals.multiply(number.value, Fraction(factor)), step=step)


def _read_words(text: str) -> int | None:
    """`twenty-five`, `three hundred and ten`, up to 999 thousand."""
    words = text.replace("-", " ").split()
    if not words or len(words) > 12 or not all(word.isalpha() for word in words):
        return None
    head, thousand, tail = _partition(words, "thousand")
    if thousand:
        above, below = _below_thousand(head), _below_thousand(tail) if tail else 0
        return None if above is None or below is None or not head else above * 1000 + below
    return _below_thousand(words)


def _below_thousand(words: list[str]) -> int | None:
    head, hundred, tail = _partition(words, "hundred")
    if hundred:
        above = _below_hundred(head)
        tail = tail[1:] if tail[:1] == ["and"] else tail
        below = _below_hundred(tail) if tail else 0
        return None if above is None or below is None or above > 9 else above * 100 + below
    return _below_hundred(words)


def _below_hundred(words: list[str]) -> int | None:
    if len(words) == 1 and words[0] in _ONES:
        return _ONES.index(words[0])
    if len(words) in (1, 2) and words[0] in _TENS:
        tens = 10 * (_TENS.index(words[0]) + 2)
        if len(words) == 1:
            return tens
        ones = _ONES.index(words[1]) if words[1] in _ONES[1:10] else None
        return None if ones is None else tens + ones
    return None


def _partition(words: list[str], word: str) -> tuple[list[str], bool, list[str]]:
    if words.count(word) != 1:
        return words, False, []
    at = words.index(word)
    return words[:at], True, words[at + 1 :]
