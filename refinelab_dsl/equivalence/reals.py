"""Real numbers of answers: fractions as long as arithmetic stays among them, else decimals of 60 digits.

Two values of which one is a decimal are equal where they agree in 40 digits. That is no proof, but no answer of a few
signs is that near to another: the famous near miss e^(pi sqrt(163)) differs from its integer in the 31st digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from fractions import Fraction
from typing import Final, TypeAlias

Real: TypeAlias = Fraction | Decimal

_CONTEXT: Final = Context(prec=60, Emin=-9_999, Emax=9_999, traps=[InvalidOperation, DivisionByZero, Overflow])
_WIDE: Final = Context(prec=80, traps=[InvalidOperation, DivisionByZero, Overflow])
_AGREE: Final = Decimal("1e-40")
_BITS: Final = 20_000  # of an exact numerator or denominator

PI: Final = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534")
E: Final = Decimal("2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138217852")


class Undefined(Exception):
    """The value does not exist among the reals, or is too large to be computed."""


def to_decimal(value: Real) -> Decimal:
    """A value with 60 digits."""
    if isinstance(value, Decimal):
        return value
    return _guard(lambda: _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator)))


def add(one: Real, other: Real) -> Real:
    """The sum."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return _bounded(one + other)
    return _guard(lambda: _CONTEXT.add(to_decimal(one), to_decimal(other)))


def negate(value: Real) -> Real:
    """The value with the other sign, all its digits kept."""
    return -value if isinstance(value, Fraction) else value.copy_negate()


def multiply(one: Real, other: Real) -> Real:
    """The product."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return _bounded(one * other)
    return _guard(lambda: _CONTEXT.multiply(to_decimal(one), to_decimal(other)))


def divide(one: Real, other: Real) -> Real:
    """The quotient.

    Raises:
        Undefined: the divisor is zero, or so near to it that it may be.
    """
    if isinstance(other, Fraction):
        if other == 0:
            raise Undefined
        return multiply(one, 1 / other)
    if abs(other) < _AGREE:
        raise Undefined
    return _guard(lambda: _CONTEXT.divide(to_decimal(one), other))


def power(base: Real, exponent: Real) -> Real:
    """base ** exponent; a negative base takes whole exponents only.

    Raises:
        Undefined: no real value, or one of more than 20 000 bits.
    """
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        return _whole_power(base, exponent.numerator)
    if base == 0 and exponent > 0:
        return Fraction(0)
    if base <= 0:
        raise Undefined
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        root = _exact_root(base, exponent.denominator)
        if root is not None:
            return _whole_power(root, exponent.numerator)
    return _guard(lambda: _CONTEXT.power(to_decimal(base), to_decimal(exponent)))


def square_root(value: Real) -> Real:
    """The root that is not negative."""
    if value < 0:
        raise Undefined
    if isinstance(value, Fraction):
        exact = _exact_root(value, 2)
        if exact is not None:
            return exact
    return _guard(lambda: _CONTEXT.sqrt(to_decimal(value)))


def exponential(value: Real) -> Real:
    """e ** value."""
    return Fraction(1) if value == 0 else _guard(lambda: _CONTEXT.exp(to_decimal(value)))


def logarithm(value: Real) -> Real:
    """The natural logarithm."""
    if value <= 0:
        raise Undefined
    return Fraction(0) if value == 1 else _guard(lambda: _CONTEXT.ln(to_decimal(value)))


def sine(angle: Real) -> Real:
    """The sine of an angle in radians of at most a million."""
    return _series(angle, 1)


def cosine(angle: Real) -> Real:
    """The cosine of an angle in radians of at most a million."""
    return _series(angle, 0)


def factorial(value: Real) -> Real:
    """value! of a whole number up to 500."""
    if not isinstance(value, Fraction) or value.denominator != 1 or not 0 <= value <= 500:
        raise Undefined
    return Fraction(math.factorial(value.numerator))


def is_equal(one: Real, other: Real) -> bool:
    """Equal as fractions, or in 40 digits."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one == other
    first, second = to_decimal(one), to_decimal(other)
    # What is left of terms that cancel out (1e-59) is zero.
    size = max(abs(first), abs(second), _AGREE)
    return _guard(lambda: abs(_CONTEXT.subtract(first, second))) <= _guard(lambda: _CONTEXT.multiply(size, _AGREE))


def _whole_power(base: Real, exponent: int) -> Real:
    if base == 0 and exponent <= 0:
        raise Undefined
    if isinstance(base, Decimal):
        return _guard(lambda: _CONTEXT.power(base, exponent))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if (bits - 1) * abs(exponent) > _BITS:
        raise Undefined
    return Fraction(base**exponent)


def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The root of a positive fraction where it is one."""
    if degree > 64:
        return None
    parts = []
    for part in (value.numerator, value.denominator):
        root = _integer_root(part, degree)
        if root**degree != part:
            return None
        parts.append(root)
    return Fraction(parts[0], parts[1])


def _integer_root(value: int, degree: int) -> int:
    """The floor of the root, by Newton's iteration from above."""
    if value < 2:
        return value
    guess = 1 << -(-value.bit_length() // degree)
    while True:
        better = ((degree - 1) * guess + value // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess
        guess = better


def _series(angle: Real, first: int) -> Real:
    """The Taylor series of sine (first = 1) or cosine (first = 0) after the angle is brought between -pi and pi."""
    exact = to_decimal(angle)
    if abs(exact) > 1_000_000:
        raise Undefined
    turn = _WIDE.multiply(PI, Decimal(2))
    turns = _WIDE.divide(exact, turn).to_integral_value()
    rest = _WIDE.subtract(exact, _WIDE.multiply(turns, turn))
    square = _WIDE.multiply(rest, rest)
    term = rest if first else Decimal(1)
    total, index = term, first
    while term and abs(term) > Decimal("1e-75"):
        term = _WIDE.divide(_WIDE.multiply(term.copy_negate(), square), Decimal((index + 1) * (index + 2)))
        total = _WIDE.add(total, term)
        index += 2
    return Fraction(0) if abs(total) < Decimal("1e-45") else _CONTEXT.plus(total)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
        raise Undefined
    return value


def _guard(compute: Callable[[], Decimal]) -> Decimal:
    try:
        return compute()
    except (InvalidOperation, DivisionByZero, Overflow):
        raise Undefined from None
