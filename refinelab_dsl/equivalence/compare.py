"""Whether two answers say the same: `compare_answers`.

It never guesses in favour: what it cannot read, or what is the same only by a convention that may not hold, is
`unknown`. What it takes as the same, beyond equal values:

- a decimal and what it is the rounding of, where it has three significant digits or more and the other is exact or
  has at least three digits more (`4.33` and `13/3` or `4.3333333`); a whole number rounds nothing;
- a difference within `tolerance`, relative, where one of the two is a decimal: the noise of floating point;
- a number, and the same number with a unit or a noun, where the unit is written so that it can be nothing else
  (`18` and `18 eggs`, `5` and `5 km`; not `5` and `50%`, nor `5` and `5m`, which may be a variable);
- units of one dimension of the table in `units`; yes and true, no and false;
- a bare list in the order of a bracketed one, or in any order of a set;
- two expressions with letters that have the same value at every one of a few fixed points.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from refinelab_dsl.equivalence import reals
from refinelab_dsl.equivalence.forms import Expression, Form, Infinite, Named, Number, Several, Truth, Words
from refinelab_dsl.equivalence.formula import evaluate
from refinelab_dsl.equivalence.read import clean, read_answer
from refinelab_dsl.equivalence.reals import Real
from refinelab_dsl.equivalence.units import Unit, units_of

Sameness: TypeAlias = Literal["same", "different", "unknown"]

NOISE: Final = Fraction(1, 10**9)
"""The relative difference that is taken for the noise of floating-point arithmetic."""

_SIGNIFICANT: Final = 3
_LETTER: Final = re.compile(r"\(?\s*(?:(?:option|choice)\s+)?\(?([A-Za-z])\s*[).:]?\s*\)?", re.IGNORECASE)


class Match(IntEnum):
    """How well two answers agree, the worst first. `LOOSE`: the same by a convention that may not hold; it counts
    only where one of several choices has to be meant."""

    DIFFERENT = 0
    UNKNOWN = 1
    LOOSE = 2
    ROUNDED = 3
    SAME = 4


def compare_answers(
    one: str, other: str, choices: Sequence[str] | None = None, tolerance: Fraction | float = NOISE
) -> Sameness:
    """Whether two answers say the same; the order of the two does not matter.

    choices: of a multiple-choice item: each answer is then the choice with its text, the only one with its value, or
    the one of its letter, and two answers are the same that name one choice. tolerance: relative, for numbers of
    which one is no whole number.
    """
    slack = Fraction(tolerance)
    if clean(one) == clean(other):
        return "same" if clean(one) else "unknown"
    if choices is not None:
        first, second = find_choice(one, choices, slack), find_choice(other, choices, slack)
        if first is not None and second is not None:
            return "same" if first == second else "different"
        if first is None and second is None:
            return "unknown"
        # One names a choice: the other may still be a value that is not that of this choice.
        named, rest = (choices[first], other) if first is not None else (choices[second or 0], one)
        return "different" if match_answers(named, rest, slack) is Match.DIFFERENT else "unknown"
    found = match_answers(one, other, slack)
    if found is Match.DIFFERENT:
        return "different"
    return "same" if found >= Match.ROUNDED else "unknown"


def find_choice(answer: str, choices: Sequence[str], tolerance: Fraction = NOISE) -> int | None:
    """The position of the choice that an answer names: by text, by value, or by letter. None where no choice or more
    than one may be meant."""
    meant = find_choices(answer, choices, tolerance)
    letter = _by_letter(answer, len(choices))
    if letter is not None and meant and letter not in meant:
        return None
    if len(meant) == 1:
        return meant[0]
    return letter if not meant else None


def find_choices(answer: str, choices: Sequence[str], tolerance: Fraction = NOISE) -> tuple[int, ...]:
    """The positions of the choices that have an answer's value: more than one where an item has several of that value.

    What is only near, or the same by a convention, counts where it fits one choice and no other comes near.
    """
    text = clean(answer)
    matches = [
        Match.SAME if clean(choice) == text else match_answers(answer, choice, tolerance) for choice in choices
    ]
    best = max(matches, default=Match.DIFFERENT)
    if best < Match.LOOSE:
        return ()
    meant = tuple(position for position, match in enumerate(matches) if match is best)
    if best is Match.SAME:
        return meant
    others = Match.UNKNOWN if best is Match.LOOSE else Match.LOOSE
    rivals = sum(match >= others for match in matches) - 1
    return meant if len(meant) == 1 and not rivals else ()


def match_answers(one: str, other: str, tolerance: Fraction = NOISE) -> Match:
    """How well two answers agree."""
    if clean(one) == clean(other):
        return Match.SAME if clean(one) else Match.UNKNOWN
    return _match(read_answer(one), read_answer(other), tolerance)


def _by_letter(answer: str, count: int) -> int | None:
    match = _LETTER.fullmatch(answer.strip())
    if match is None or (match[1].islower() and answer.strip() == match[1]):
        return None  # a bare small letter is a variable
    position = ord(match[1].upper()) - ord("A")
    return position if position < count else None


def _match(one: Form, other: Form, tolerance: Fraction) -> Match:
    match one, other:
        case Number(), Number():
            return _match_numbers(one, other, tolerance)
        case Truth(first), Truth(second):
            return Match.SAME if first == second else Match.DIFFERENT
        case Infinite(first), Infinite(second):
            return Match.SAME if first == second else Match.DIFFERENT
        case (Infinite(), Number()) | (Number(), Infinite()):
            return Match.DIFFERENT
        case Words(text), Words(second_text):
            return _match_words(text, second_text)
        case Named(name, form), Named(second_name, second):
            found = _match(form, second, tolerance)
            return found if name == second_name else min(found, Match.UNKNOWN, key=_certainty)
        case (Named(form=form), rest) | (rest, Named(form=form)):
            return _match(form, rest, tolerance)
        case Several(), Several():
            return _match_several(one, other, tolerance)
        case (Expression() | Number()), (Expression() | Number()):
            return _match_expressions(one, other)
    return Match.UNKNOWN


def _certainty(match: Match) -> int:
    return 0 if match is Match.UNKNOWN else 1


def _match_words(one: str, other: str) -> Match:
    """Case is ignored in words of four letters or more: `Co` is not `CO`."""
    first, second = one.split(), other.split()
    if len(first) != len(second):
        return Match.UNKNOWN
    for left, right in zip(first, second, strict=True):
        long = min(len(left), len(right)) >= 4 and left.isalpha() and (left[1:].islower() or left.isupper())
        if left != right and not (long and left.casefold() == right.casefold()):
            return Match.UNKNOWN
    return Match.SAME


# --- numbers -------------------------------------------------------------------------------------------------------

# Bases whose relation to another is not settled: an ounce may be of a liquid, a month has 28 to 31 days.
_UNSETTLED: Final = frozenset({"ounce", "ton", "gallon", "cup", "calorie", "psi", "month"})
_CONFUSED: Final = (
    ({"angle": 1}, {"temperature": 1}),  # 30° may be a temperature
    ({"current": 1, "time": 1}, {"temperature": 1}),  # C
    ({"current": 2, "length": -2, "mass": -1, "time": 4}, {"temperature": 1}),  # F
    ({"mass": 1}, {"pound sterling": 1}),
    ({"mass": 1}, {"length": 1, "mass": 1, "time": -2}),  # pounds, kilograms as a force
)


def _match_numbers(one: Number, other: Number, tolerance: Fraction) -> Match:
    if one.unit is not None and other.unit is not None:
        return _match_measured(one, one.unit, other, other.unit, tolerance)
    if one.unit is not None or other.unit is not None:
        measured, bare = (one, other) if one.unit is not None else (other, one)
        assert measured.unit is not None
        return _match_missing(measured, measured.unit, bare, tolerance)
    found = match_values(one, other, tolerance)
    if one.noun and other.noun and _singular(one.noun) != _singular(other.noun):
        return Match.UNKNOWN
    return found


def _singular(noun: str) -> str:
    return " ".join(word[:-1] if word.endswith("s") and not word.endswith("ss") else word for word in noun.split())


def _match_measured(one: Number, unit: Unit, other: Number, second: Unit, tolerance: Fraction) -> Match:
    if unit.dimension == second.dimension:
        return match_values(_in_base(one, unit), _in_base(other, second), tolerance)
    first, third = dict(unit.dimension), dict(second.dimension)
    if {*first, *third} == {"angle", "radian"} and {*first.values(), *third.values()} == {1}:
        return match_values(_in_radians(one, unit), _in_radians(other, second), tolerance)
    if _UNSETTLED & {*first, *third} or any(pair in ((first, third), (third, first)) for pair in _CONFUSED):
        return Match.UNKNOWN
    if not unit.dimension or not second.dimension:
        return Match.UNKNOWN  # per cent of something
    return Match.DIFFERENT


def _match_missing(measured: Number, unit: Unit, bare: Number, tolerance: Fraction) -> Match:
    """A number with a unit beside one without."""
    if bare.noun:
        return Match.UNKNOWN
    if not unit.dimension:  # 50% is 0.5, and may be what is meant by 50
        found = match_values(_in_base(measured, unit), bare, tolerance)
        if found >= Match.LOOSE:
            return found
        as_written = match_values(measured, bare, tolerance)
        return Match.LOOSE if as_written >= Match.ROUNDED else min(found, Match.UNKNOWN)
    as_written = match_values(measured, bare, tolerance)
    if as_written >= Match.LOOSE:
        return as_written if unit.obvious else Match.LOOSE
    if dict(unit.dimension) == {"angle": 1}:
        in_radians = match_values(_in_radians(measured, unit), bare, tolerance)
        return in_radians if in_radians >= Match.LOOSE or as_written is Match.DIFFERENT else as_written
    # 5000 may be the metres of 5 km.
    base = _in_base(measured, unit)
    others = units_of(unit.dimension)
    converted = any(match_values(_in_base(bare, each), base, tolerance) >= Match.LOOSE for each in others)
    return Match.UNKNOWN if converted or not others else as_written


def _in_base(number: Number, unit: Unit) -> Number:
    step = None if number.step is None else number.step * unit.factor
    if not unit.dimension and step is None and _is_whole(number.value):
        step = unit.factor  # 33% may stand for a third
    value = reals.add(reals.multiply(number.value, unit.factor), unit.offset)
    return replace(number, value=value, step=step)


def _in_radians(number: Number, unit: Unit) -> Number:
    if dict(unit.dimension) != {"angle": 1}:
        return _in_base(number, unit)
    step = None if number.step is None else number.step * Fraction(reals.PI) / 180
    return replace(number, value=reals.multiply(reals.divide(number.value, Fraction(180)), reals.PI), step=step)


def match_values(one: Number, other: Number, tolerance: Fraction = NOISE) -> Match:
    """How well two numbers agree, units aside."""
    if reals.is_equal(one.value, other.value):
        return Match.SAME
    difference = _distance(one.value, other.value)
    both_whole = all(number.step is None and _is_whole(number.value) for number in (one, other))
    # Two exact values differ, however near they are, unless the user allows more than noise.
    noisy = one.step is not None or other.step is not None or tolerance > NOISE
    size = max(abs(_fraction(one.value)), abs(_fraction(other.value)))
    if noisy and not both_whole and difference <= tolerance * size:
        return Match.SAME
    if one.step is None and other.step is None:
        return Match.DIFFERENT
    coarse, fine = (one, other) if (one.step or 0) >= (other.step or 0) else (other, one)
    assert coarse.step is not None
    if difference <= coarse.step / 2:
        precise = not fine.rough and (fine.step is None or fine.digits >= coarse.digits + 3)
        return Match.ROUNDED if coarse.digits >= _SIGNIFICANT and precise else Match.LOOSE
    if difference <= coarse.step and coarse.digits >= _SIGNIFICANT:
        return Match.UNKNOWN  # cut, not rounded, or rounded on the way
    return Match.DIFFERENT


def _distance(one: Real, other: Real) -> Fraction:
    return abs(_fraction(one) - _fraction(other))


def _fraction(value: Real) -> Fraction:
    return Fraction(value)


def _is_whole(value: Real) -> bool:
    return isinstance(value, Fraction) and value.denominator == 1


# --- lists, sets, intervals ----------------------------------------------------------------------------------------


def _match_several(one: Several, other: Several, tolerance: Fraction) -> Match:
    first, second = one.brackets, other.brackets
    if ":" in (first, second):
        return _match_ratios(one, other, tolerance) if first == second else Match.UNKNOWN
    if "U" in (first, second):
        return _match_unordered(one.parts, other.parts, tolerance) if first == second else Match.UNKNOWN
    if "{}" in (first, second):
        if first == second or "" in (first, second):
            return _match_unordered(one.parts, other.parts, tolerance)
        return Match.UNKNOWN
    if len(one.parts) != len(other.parts):
        return Match.DIFFERENT if first == second or min(len(one.parts), len(other.parts)) > 1 else Match.UNKNOWN
    found = _match_ordered(one.parts, other.parts, tolerance)
    if "" in (first, second) and found is Match.DIFFERENT:
        # Whether the order of a bare list matters is not said.
        anyhow = _match_unordered(one.parts, other.parts, tolerance)
        return Match.DIFFERENT if anyhow is Match.DIFFERENT else Match.UNKNOWN
    if first == second or "" in (first, second) or found is Match.DIFFERENT:
        return found
    half_open = "(]" in (first, second) or "[)" in (first, second)
    if half_open:
        return Match.DIFFERENT  # an end belongs to one interval and not to the other
    # Two numbers in [] and in (): a list and a point, or two intervals?
    return found if len(one.parts) > 2 else Match.UNKNOWN


def _match_ordered(one: Sequence[Form], other: Sequence[Form], tolerance: Fraction) -> Match:
    found = [_match(left, right, tolerance) for left, right in zip(one, other, strict=True)]
    return min(found, default=Match.SAME)


def _match_unordered(one: Sequence[Form], other: Sequence[Form], tolerance: Fraction) -> Match:
    """As sets: each member has its like on the other side."""
    if len(one) > 24 or len(other) > 24:
        return Match.UNKNOWN
    table = [[_match(left, right, tolerance) for right in other] for left in one]
    rows = [max(row, default=Match.DIFFERENT) for row in table]
    columns = [max((row[place] for row in table), default=Match.DIFFERENT) for place in range(len(other))]
    if not rows and not columns:
        return Match.SAME
    found = min([*rows, *columns], default=Match.DIFFERENT)
    return found if found is Match.DIFFERENT or len(one) == len(other) else min(found, Match.UNKNOWN)


def _match_ratios(one: Several, other: Several, tolerance: Fraction) -> Match:
    if len(one.parts) != len(other.parts):
        return Match.UNKNOWN
    found = _match_ordered(one.parts, other.parts, tolerance)
    if found is not Match.DIFFERENT:
        return found
    pairs = [
        (left.value, right.value)
        for left, right in zip(one.parts, other.parts, strict=True)
        if isinstance(left, Number) and isinstance(right, Number)
    ]
    products = itertools.pairwise(pairs)
    proportional = all(
        reals.is_equal(reals.multiply(a, d), reals.multiply(b, c)) for (a, b), (c, d) in products
    )
    return Match.UNKNOWN if proportional else Match.DIFFERENT  # 2:4 may stand for 1:2, and 3:30 for a time


# --- expressions ---------------------------------------------------------------------------------------------------

# Of both signs and different sizes, so that sqrt(x^2) is not x; rational, so that polynomials are exact.
_POINTS: Final = tuple(
    (Fraction(a, 1009), Fraction(b, 997), Fraction(c, 991))
    for a, b, c in ((7919, -3571, 613), (-1223, 2741, -5279), (353, 887, 4421), (-6101, -479, 1831), (29, -7, -11))
)


def _match_expressions(one: Expression | Number, other: Expression | Number) -> Match:
    letters = sorted(_letters(one) | _letters(other))
    if len(letters) > len(_POINTS[0]) or _is_measured(one) or _is_measured(other):
        return Match.UNKNOWN
    agreed, missed = 0, False
    for point in _POINTS:
        values = dict(zip(letters, point, strict=False))
        first, second = _value(one, values), _value(other, values)
        if first is None or second is None:
            missed = missed or first is not second
        elif reals.is_equal(first, second):
            agreed += 1
        else:
            # i may be the imaginary unit, of which i^2 = -1; a letter beside a number may be a unit.
            unsure = {"i", "j"} & set(letters) or isinstance(one, Number) or isinstance(other, Number)
            return Match.UNKNOWN if unsure else Match.DIFFERENT
    return Match.SAME if agreed >= 2 and not missed else Match.UNKNOWN


def _letters(form: Expression | Number) -> frozenset[str]:
    return form.letters if isinstance(form, Expression) else frozenset()


def _is_measured(form: Expression | Number) -> bool:
    return isinstance(form, Number) and (form.unit is not None or bool(form.noun))


def _value(form: Expression | Number, values: dict[str, Fraction]) -> Real | None:
    if isinstance(form, Number):
        return form.value
    try:
        return evaluate(form.formula, dict(values))
    except reals.Undefined:
        return None
