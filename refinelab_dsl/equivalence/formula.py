"""Closed expressions, read and evaluated without running any text: `3/4`, `2 1/2`, `1.5e3`, `2sqrt(3)`, `x^2 - 1`.

What has two usual readings is not read: `1/2x`, `3-5` (a range?), `1/2/2020` (a date?), `log 5` (which base?).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

from refinelab_dsl.equivalence import reals
from refinelab_dsl.equivalence.reals import Real


class Unreadable(Exception):
    """The text is no expression, or has more than one reading."""


@dataclass(frozen=True, slots=True)
class Literal:
    """`12.50`: its value, the unit of its last digit where it is a decimal (0.01), its significant digits."""

    value: Fraction
    step: Fraction | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi` or `e`."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`x`: one letter."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """`a + b`, `-a`, `a!`, `sqrt(a)`: an operation or function and what it is applied to."""

    function: str
    arguments: tuple[Formula, ...]


Formula: TypeAlias = Literal | Constant | Variable | Apply

MAX_LENGTH: Final = 300
_MAX_DEPTH: Final = 40
_FUNCTIONS: Final = (
    "sqrt", "cbrt", "abs", "exp", "ln", "log10", "log2", "sin", "cos", "tan", "sec", "csc", "cot", "binom",
)  # fmt: skip
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") - {"e", "E"}
_RUNS: Final = (frozenset("xyz"), frozenset("abc"), frozenset("mnk"), frozenset("pqr"))
"""Letters that may stand together as a product: `xy` is one, `go` is a word."""
_FACTORS: Final = frozenset("abcknmrtxyz")
"""Letters that may stand before a bracket as a factor: `x(x + 1)`."""

_NUMBER: Final = re.compile(
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,3}(?:_\d{3})+(?!\d)|\d+)?(?P<part>\.\d*)?(?P<exponent>[eE][-+]?\d{1,4}(?![\d.]))?",
    re.ASCII,
)
_MIXED: Final = re.compile(r"(\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.,])", re.ASCII)
_BESIDE: Final = re.compile(r"\d+\s*\(\s*\d+\s*/\s*\d+\s*\)", re.ASCII)  # 2(1/2): two and a half, or one?
_RANGE: Final = re.compile(r"\s*\d+(?:\.\d+)?-\d+(?:\.\d+)?\s*", re.ASCII)
_DATE: Final = re.compile(r"\d+/\d+/\d+|\d{4}-\d\d-\d\d", re.ASCII)
_DEGREES: Final = Fraction(1, 180)


def read_formula(text: str) -> Formula:
    """The expression that a text in plain notation (`notation.plain`) writes.

    Raises:
        Unreadable: it writes none, or may be read in two ways.
    """
    if len(text) > MAX_LENGTH or _RANGE.fullmatch(text) or _DATE.search(text) or _BESIDE.search(text):
        raise Unreadable
    reader = _Reader(text)
    formula = reader.sum(0)
    reader.skip()
    if reader.at < len(text):
        raise Unreadable
    return formula


def variables(formula: Formula) -> frozenset[str]:
    """The letters that an expression holds."""
    if isinstance(formula, Variable):
        return frozenset({formula.name})
    if isinstance(formula, Apply):
        return frozenset().union(*(variables(part) for part in formula.arguments))
    return frozenset()


def evaluate(formula: Formula, values: Mapping[str, Real]) -> Real:
    """The value where its variables have these.

    Raises:
        reals.Undefined: it has none.
    """
    match formula:
        case Literal(value):
            return value
        case Constant(name):
            return reals.PI if name == "pi" else reals.E
        case Variable(name):
            return values[name]
        case Apply(function, arguments):
            return _apply(function, [evaluate(part, values) for part in arguments])


def literal(formula: Formula) -> Literal | None:
    """The number that an expression writes out, with the unit of its last digit: a literal, its negative, or either
    times a power of ten. None for what has to be computed."""
    match formula:
        case Literal():
            return formula
        case Apply("negate", (inner,)):
            found = literal(inner)
            return None if found is None else Literal(-found.value, found.step, found.digits)
        case Apply("*", (mantissa, Apply("^", (Literal(value=ten), exponent)))) if ten == 10:
            found, scale = literal(mantissa), literal(exponent)
            if found is None or scale is None or scale.value.denominator != 1 or abs(scale.value) > 400:
                return None
            factor = Fraction(10) ** scale.value.numerator
            # A whole mantissa is as rounded as any other: 5 x 10^3.
            step = Fraction(1) if found.step is None else found.step
            return Literal(found.value * factor, step * factor, found.digits)
    return None


def is_rough(formula: Formula) -> bool:
    """Whether it holds decimals."""
    if isinstance(formula, Apply):
        return any(is_rough(part) for part in formula.arguments)
    return isinstance(formula, Literal) and formula.step is not None


def _apply(function: str, values: list[Real]) -> Real:
    first = values[0]
    match function:
        case "+":
            return reals.add(first, values[1])
        case "-":
            return reals.add(first, reals.negate(values[1]))
        case "*":
            return reals.multiply(first, values[1])
        case "/":
            return reals.divide(first, values[1])
        case "^":
            return reals.power(first, values[1])
        case "negate":
            return reals.negate(first)
        case "!":
            return reals.factorial(first)
        case "sqrt":
            return reals.square_root(first)
        case "cbrt":
            root = reals.power(max(first, reals.negate(first)), Fraction(1, 3))
            return root if first >= 0 else reals.negate(root)
        case "abs":
            return max(first, reals.negate(first))
        case "exp":
            return reals.exponential(first)
        case "ln":
            return reals.logarithm(first)
        case "log10" | "log2":
            return _logarithm(first, 10 if function == "log10" else 2)
        case "degrees":
            return reals.multiply(reals.multiply(first, _DEGREES), reals.PI)
        case "binom":
            return _choose(first, values[1])
    return _circular(function, first)


def _circular(function: str, angle: Real) -> Real:
    sine, cosine = reals.sine(angle), reals.cosine(angle)
    match function:
        case "sin":
            return sine
        case "cos":
            return cosine
        case "tan":
            return reals.divide(sine, cosine)
        case "cot":
            return reals.divide(cosine, sine)
        case "sec":
            return reals.divide(Fraction(1), cosine)
    return reals.divide(Fraction(1), sine)


def _logarithm(value: Real, base: int) -> Real:
    """The logarithm to a whole base; exact for its powers."""
    if isinstance(value, Fraction) and value > 0:
        larger = max(value.numerator, value.denominator)
        exponent, rest = 0, larger
        while rest % base == 0 and rest > 1:
            rest //= base
            exponent += 1
        if rest == 1 and min(value.numerator, value.denominator) == 1:
            return Fraction(exponent if value >= 1 else -exponent)
    return reals.divide(reals.logarithm(value), reals.logarithm(Fraction(base)))


def _choose(one: Real, other: Real) -> Real:
    if isinstance(one, Fraction) and isinstance(other, Fraction) and 0 <= other <= one:
        below = reals.multiply(reals.factorial(other), reals.factorial(one - other))
        return reals.divide(reals.factorial(one), below)
    raise reals.Undefined


class _Reader:
    """Reads by descent; `depth` bounds nesting."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def peek(self) -> str:
        self.skip()
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self, mark: str) -> bool:
        self.skip()
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def sum(self, depth: int) -> Formula:
        if depth > _MAX_DEPTH:
            raise Unreadable
        left = self.product(depth)
        while self.peek() in ("+", "-"):
            sign = self.peek()
            self.at += 1
            left = Apply(sign, (left, self.product(depth)))
        return left

    def product(self, depth: int) -> Formula:
        left = self.signed(depth)
        divided = False
        while True:
            if self.text.startswith("**", self.at):
                raise Unreadable
            if self.take("*"):
                left = Apply("*", (left, self.signed(depth)))
            elif self.take("/"):
                left, divided = Apply("/", (left, self.signed(depth))), True
            elif self.juxtaposed():
                if divided:
                    raise Unreadable  # 1/2x
                left = Apply("*", (left, self.raised(depth)))
            else:
                return left

    def juxtaposed(self) -> bool:
        """Whether a factor follows without a sign: `2x`, `3(4)`, `(a)(b)`; a number does not follow anything."""
        sign = self.peek()
        return sign == "(" or (sign.isascii() and sign.isalpha())

    def signed(self, depth: int) -> Formula:
        if depth > _MAX_DEPTH:
            raise Unreadable
        if self.take("-"):
            return Apply("negate", (self.signed(depth + 1),))
        if self.take("+"):
            return self.signed(depth + 1)
        return self.raised(depth)

    def raised(self, depth: int) -> Formula:
        base = self.atom(depth)
        while self.peek() in ("!", "°"):
            base = Apply("!" if self.text[self.at] == "!" else "degrees", (base,))
            self.at += 1
        if self.take("^") or self.take("**"):
            return Apply("^", (base, self.exponent(depth + 1)))
        return base

    def exponent(self, depth: int) -> Formula:
        if depth > _MAX_DEPTH:
            raise Unreadable
        if self.take("-"):
            return Apply("negate", (self.exponent(depth + 1),))
        return self.raised(depth)

    def atom(self, depth: int) -> Formula:
        sign = self.peek()
        if sign == "(":
            return self.bracketed(depth)
        if sign.isdigit() or sign == ".":
            return self.number()
        if sign.isascii() and sign.isalpha():
            return self.word(depth)
        raise Unreadable

    def bracketed(self, depth: int) -> Formula:
        if not self.take("("):
            raise Unreadable
        inner = self.sum(depth + 1)
        if not self.take(")"):
            raise Unreadable
        return inner

    def number(self) -> Formula:
        mixed = _MIXED.match(self.text, self.at)
        if mixed and int(mixed[2]) < int(mixed[3]) and not self.text[: self.at].rstrip().endswith(("/", "^", "*")):
            self.at = mixed.end()
            return Literal(int(mixed[1]) + Fraction(int(mixed[2]), int(mixed[3])))
        match = _NUMBER.match(self.text, self.at)
        if match is None or not (match["whole"] or (match["part"] and len(match["part"]) > 1)):
            raise Unreadable
        if len(match[0]) > 200 or re.match(r"0\d", match[0]):
            raise Unreadable  # 0400 may be a time or a code
        self.at = match.end()
        if self.at < len(self.text) and self.text[self.at] in ".,_":
            raise Unreadable
        whole = (match["whole"] or "").replace(",", "").replace("_", "")
        part = (match["part"] or "")[1:]
        exponent = int(match["exponent"][1:]) if match["exponent"] else 0
        if abs(exponent) > 400:
            raise Unreadable
        value = Fraction(int(whole + part or "0")) * Fraction(10) ** (exponent - len(part))
        if not match["part"] and not match["exponent"]:
            return Literal(value, None, len(whole.lstrip("0")))
        return Literal(value, Fraction(10) ** (exponent - len(part)), len((whole + part).lstrip("0")))

    def word(self, depth: int) -> Formula:
        end = self.at
        while end < len(self.text) and self.text[end].isascii() and self.text[end].isalpha():
            end += 1
        word = self.text[self.at : end]
        for name in _FUNCTIONS:
            stem = name.rstrip("0123456789")
            if word == stem and self.text.startswith(name, self.at):
                self.at += len(name)
                return self.function(name, depth)
        if word in ("pi", "e"):
            self.at = end
            return Constant(word)
        if word.startswith("pi") and len(word) == 3:  # `pir`: a product
            self.at += 2
            return Constant("pi")
        if len(word) == 1 and word in _LETTERS:
            self.at = end
            if self.text.startswith("(", end) and word not in _FACTORS:
                raise Unreadable  # f(2), P(A): a function is meant
            return Variable(word)
        if len(word) <= 3 and any(set(word) <= run for run in _RUNS):
            self.at += 1
            return Variable(word[0])
        raise Unreadable

    def function(self, name: str, depth: int) -> Formula:
        if self.take("^"):
            raise Unreadable  # sin^2 x, sin^-1 x
        if name == "binom":
            if not self.take("("):
                raise Unreadable
            upper = self.sum(depth + 1)
            if not self.take(";"):
                raise Unreadable
            lower = self.sum(depth + 1)
            if not self.take(")"):
                raise Unreadable
            return Apply(name, (upper, lower))
        if self.peek() == "(":
            return Apply(name, (self.bracketed(depth),))
        # Without brackets: one number, or one letter, and nothing that could belong to it.
        argument = self.raised(depth + 1)
        if not isinstance(argument, Literal | Variable | Constant) and not (
            isinstance(argument, Apply) and argument.function == "degrees"
        ):
            raise Unreadable
        if self.juxtaposed():
            raise Unreadable  # sqrt 2x, sin 2x
        return Apply(name, (argument,))
