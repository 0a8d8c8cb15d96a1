"""What an answer may be, once it is read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from refinelab_dsl.equivalence.formula import Formula
from refinelab_dsl.equivalence.reals import Real
from refinelab_dsl.equivalence.units import Unit


@dataclass(frozen=True, slots=True)
class Number:
    """A number, perhaps with a unit or with a noun for what is counted.

    step: the unit of the last digit of a decimal (12.50: 0.01), None for what is exact. digits: its significant
    digits. rough: computed from decimals, which may be rounded themselves. unit: None where there is none.
    """

    value: Real
    step: Fraction | None = None
    digits: int = 0
    unit: Unit | None = None
    noun: str = ""
    rough: bool = False


@dataclass(frozen=True, slots=True)
class Infinite:
    positive: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """Yes or true, no or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that holds letters."""

    formula: Formula
    letters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Several:
    """`brackets` says how they stand: `{}` a set, `()` `[]` `(]` `[)` in order, an interval where they are two; ``
    bare, `:` a ratio, `U` a union."""

    brackets: Literal["{}", "()", "[]", "(]", "[)", "", ":", "U"]
    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """`x = 5`, `x > 3`."""

    name: str
    form: Form


@dataclass(frozen=True, slots=True)
class Words:
    """Any other text, blanks joined."""

    text: str


Form: TypeAlias = Number | Infinite | Truth | Expression | Several | Named | Words
