"""The arithmetic that a derivation claims, line by line: `48 / 2 = 24`, GSM8K's `<<48/2=24>>`, chains `a = b = c`.

A claim is checked where both sides are pure arithmetic: exact, with the rounding that `compare` allows. What stands
beside it decides whether it is arithmetic at all: `half of 48 / 2 = 12`, `A + 3 = 5`, `5 / 2 = 2 R 1` and `100 + 10% =
110` are not checked. A derivation without a claim that can be checked is neither right nor wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

from refinelab_dsl.equivalence import reals
from refinelab_dsl.equivalence.compare import Match, match_values
from refinelab_dsl.equivalence.forms import Number
from refinelab_dsl.equivalence.formula import Apply, Formula, Unreadable, evaluate, is_rough, literal, read_formula
from refinelab_dsl.equivalence.notation import plain


@dataclass(frozen=True, slots=True)
class Claim:
    """One equation. line: from 1. verdict: `unknown` where it cannot be checked."""

    line: int
    verdict: Literal["right", "wrong", "unknown"]


_ANNOTATION: Final = re.compile(r"<<([^<>]*)>>")
_EQUALS: Final = re.compile(r"(?<![<>=!:+\-*/])=(?!=)")
_MAX_LINES: Final = 200
_MAX_LINE: Final = 600
_TAIL: Final = re.compile(r"[-+*/^().,%$\d\s]*\Z", re.ASCII)
_HEAD: Final = re.compile(r"[-+*/^().,%$\d\s]*", re.ASCII)
_LISTED: Final = re.compile(r"\A\s*(?:[-*•]\s+|\(?\d{1,2}[.):]\s+)")
_JOINING: Final = re.compile(
    r"(?:\b(?:of|times|by|plus|minus|over|half|twice|thrice|double|triple|squared|cubed|root|per|than|from|and|or|mod|"
    r"sqrt|log|ln|sin|cos|tan|divided|multiplied|added|subtracted|power)|\b[A-Za-z]|[:\d/_|!])\s*\Z",
    re.IGNORECASE,
)
"""Before an expression: words and signs that make what follows a part of something else."""
_GOES_ON: Final = re.compile(
    r"\s*(?:[*^(!|:]|[-+]\s*[A-Za-z]|R\b|r\b|remainder|with\b|and\s+\d|dozen|hundred|thousand|million|billion|"
    r"times\b|of\b|mod\b|squared|cubed|or\b|to\b|\d)|[A-Za-z_]",
)
"""After a value: signs and words that change it; a letter without a blank."""
_ANOTHER: Final = re.compile(r",\s+|;\s*|\.\s+|\band\b|\bso\b|\bthen\b", re.IGNORECASE)
"""Where one claim of a line ends and the next begins."""
_TWO_BARS: Final = re.compile(r"\d/\d+\)?\s+/\s|\s/\s+\d+/\d", re.ASCII)  # 1/2 / 1/2: the wide bar divides last
_ROUGHLY: Final = re.compile(r"round|approx|about|nearly|almost|estimate|≈|~|remainder|modulo", re.IGNORECASE)


def check_claims(derivation: str) -> tuple[Claim, ...]:
    """The claims of a derivation in their order, at most those of its first 200 lines."""
    found: list[Claim] = []
    for number, line in enumerate(derivation.split("\n")[:_MAX_LINES], 1):
        if len(line) <= _MAX_LINE:
            found += (Claim(number, verdict) for verdict in _check_line(line))
    return tuple(found)


def find_wrong_line(derivation: str) -> int | None:
    """The first line, from 1, whose arithmetic is wrong; None where no claim is found wrong."""
    return next((claim.line for claim in check_claims(derivation) if claim.verdict == "wrong"), None)


def _check_line(line: str) -> Iterator[Literal["right", "wrong", "unknown"]]:
    roughly = bool(_ROUGHLY.search(line))
    for match in _ANNOTATION.finditer(line):
        yield from _check_chain(_plain(match[1]), roughly, alone=True)
    yield from _check_chain(_plain(_ANNOTATION.sub("", line)), roughly, alone=False)


def _plain(text: str) -> str:
    text = re.sub(r"(?<=\d)\s*[xX]\s*(?=[\d(])|(?<=\))\s*[xX]\s*(?=[\d(])", "*", text, flags=re.ASCII)
    try:
        return plain(text) if "\\" not in text and "$$" not in text else text
    except Unreadable:
        return ""


def _check_chain(text: str, roughly: bool, *, alone: bool) -> Iterator[Literal["right", "wrong", "unknown"]]:
    """Each `=` with what stands on its two sides. alone: the text is nothing but the claim."""
    marks = [match.start() for match in _EQUALS.finditer(text)]
    edges = [-1, *marks, len(text)]
    for index, mark in enumerate(marks):
        before, after = text[edges[index] + 1 : mark], text[mark + 1 : edges[index + 2]]
        pieces = [before] if index == 0 else _ANOTHER.split(before)
        begins = index == 0 or len(pieces) > 1
        left = _read_before(pieces[-1], starts=begins, alone=alone)
        right = _read_after(after, last=index == len(marks) - 1)
        if left is None or right is None:
            continue
        if begins and not isinstance(left.formula, Apply):
            continue  # `12 = 12`, or the number of something
        yield "unknown" if roughly else _judge(left, right)


@dataclass(frozen=True, slots=True)
class _Side:
    formula: Formula
    has_percent: bool


def _read_before(text: str, *, starts: bool, alone: bool) -> _Side | None:
    """The arithmetic that a text ends with: all of it that could be, or none."""
    if starts and not alone:
        text = _LISTED.sub("", text)
    match = _TAIL.search(text)
    if match is None or not match[0].strip():
        return None
    lead, arithmetic = text[: match.start()], match[0]
    if lead.strip() and (_JOINING.search(lead) or arithmetic.lstrip()[:1] in "+*/^)%.,"):
        return None
    if lead.strip() and re.match(r"\s*-\s", arithmetic):
        return None
    if lead[-1:].isalnum() and arithmetic[:1] in "+-":
        return None  # 4x-8
    return _side(re.sub(r"\A[,.]+(?!\d)", "", arithmetic.strip()).strip())


def _read_after(text: str, *, last: bool) -> _Side | None:
    """The arithmetic that a text begins with."""
    if not last:  # `= 7 apples and 7 - 2 = …`: another claim begins
        text = _ANOTHER.split(text)[0]
    match = _HEAD.match(text)
    assert match is not None
    arithmetic, rest = match[0], text[match.end() :]
    stripped = arithmetic.rstrip()
    # `= 24.` ends a sentence, `= 24 /week` is a rate, `= 24, 3` goes on.
    cut = stripped.rstrip(".,").rstrip()
    if re.search(r"[.,]\s+\S", cut):
        cut = re.split(r"[.,]\s+", cut)[0]
        rest = ""
    if cut.endswith("/") and rest[:1].isalpha():
        cut, rest = cut[:-1].rstrip(), ""
    if rest and cut[-1:] in ("-", "+", "*", "^", "("):
        return None
    gap = arithmetic[len(cut) :]
    if rest and _GOES_ON.match(gap.replace(".", "").replace(",", "") + rest):
        return None
    return _side(cut)


def _side(text: str) -> _Side | None:
    text = text.replace("$", "").strip()
    if not re.search(r"\d", text) or _TWO_BARS.search(text):
        return None
    percent = "%" in text
    try:
        return _Side(read_formula(re.sub(r"\s*%", "", text)), percent)
    except Unreadable:
        return None


def _judge(left: _Side, right: _Side) -> Literal["right", "wrong", "unknown"]:
    try:
        one, other = _number(left.formula), _number(right.formula)
    except reals.Undefined:
        return "unknown"
    match = match_values(one, other)
    if match is not Match.DIFFERENT:
        return "right" if match >= Match.ROUNDED else "unknown"
    if not (left.has_percent or right.has_percent):
        return "wrong"
    factors = (Fraction(100), Fraction(1, 100))
    scaled = [replace(one, value=reals.multiply(one.value, factor)) for factor in factors]
    return "right" if any(match_values(each, other) >= Match.ROUNDED for each in scaled) else "unknown"


def _number(formula: Formula) -> Number:
    written = literal(formula)
    if written is not None:
        return Number(written.value, written.step, written.digits)
    return Number(evaluate(formula, {}), rough=is_rough(formula))
