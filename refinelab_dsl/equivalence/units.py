"""Units of answers: a small table, and products and quotients of its entries (`km/h`, `m s^-2`, `J/(mol K)`).

A unit is a factor and an offset to the base of its dimension. Only factors that are exact by definition are here; a
word that means several sizes (ton, calorie, pint, ounce of a liquid) is a dimension of its own, so that it equals
itself and nothing else. A month is not a number of days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Final

Dimension = tuple[tuple[str, int], ...]
"""Bases and their exponents, sorted by name: a speed is (("length", 1), ("time", -1))."""


@dataclass(frozen=True, slots=True)
class Unit:
    """`value * factor + offset` is the value in the base. `obvious`: written so that it can be nothing else; a single
    letter may be a variable."""

    dimension: Dimension
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    obvious: bool = field(default=True, compare=False)


def _of(base: str, factor: Fraction | int | str = 1) -> Unit:
    return Unit(((base, 1),), Fraction(factor))


def _derived(factor: Fraction | int | str = 1, /, **exponents: int) -> Unit:
    return Unit(tuple(sorted(exponents.items())), Fraction(factor))


_PREFIXES: Final[Mapping[str, int]] = MappingProxyType(
    {"n": -9, "µ": -6, "u": -6, "m": -3, "c": -2, "d": -1, "k": 3, "M": 6, "G": 9, "T": 12}
)
_LONG_PREFIXES: Final[Mapping[str, int]] = MappingProxyType(
    {"nano": -9, "micro": -6, "milli": -3, "centi": -2, "deci": -1, "kilo": 3, "mega": 6, "giga": 9}
)

# Symbol, names, unit: these take prefixes.
_METRIC: Final[tuple[tuple[str, tuple[str, ...], Unit], ...]] = (
    ("m", ("meter", "metre"), _of("length")),
    ("g", ("gram", "gramme"), _of("mass", "1/1000")),
    ("s", ("second",), _of("time")),
    ("A", ("ampere", "amp"), _of("current")),
    ("K", ("kelvin",), _of("temperature")),
    ("mol", ("mole",), _of("amount")),
    ("L", ("liter", "litre"), _derived("1/1000", length=3)),
    ("l", (), _derived("1/1000", length=3)),
    ("N", ("newton",), _derived(1, length=1, mass=1, time=-2)),
    ("J", ("joule",), _derived(1, length=2, mass=1, time=-2)),
    ("W", ("watt",), _derived(1, length=2, mass=1, time=-3)),
    ("Pa", ("pascal",), _derived(1, length=-1, mass=1, time=-2)),
    ("bar", (), _derived(100_000, length=-1, mass=1, time=-2)),
    ("Hz", ("hertz",), _derived(1, time=-1)),
    ("V", ("volt",), _derived(1, current=-1, length=2, mass=1, time=-3)),
    ("Ω", ("ohm",), _derived(1, current=-2, length=2, mass=1, time=-3)),
    ("C", ("coulomb",), _derived(1, current=1, time=1)),
    ("F", ("farad",), _derived(1, current=2, length=-2, mass=-1, time=4)),
    ("T", ("tesla",), _derived(1, current=-1, mass=1, time=-2)),
    ("Wb", ("weber",), _derived(1, current=-1, length=2, mass=1, time=-2)),
    ("eV", ("electronvolt",), _derived("1.602176634e-19", length=2, mass=1, time=-2)),
    ("cal", (), _derived("4.184", length=2, mass=1, time=-2)),
    ("Wh", (), _derived(3600, length=2, mass=1, time=-2)),
)

_KELVIN: Final = (("temperature", 1),)
_ANGLE_DEGREE: Final = Unit((("angle", 1),), Fraction(1))  # an angle's base is the degree: pi is no fraction

_OTHERS: Final[Mapping[tuple[str, ...], Unit]] = MappingProxyType(
    {
        ("%", "percent", "per cent", "percentage points", "pct"): Unit((), Fraction(1, 100)),
        ("inch", "inches", "in.", "in"): _of("length", "0.0254"),
        ("foot", "feet", "ft", "ft."): _of("length", "0.3048"),
        ("yard", "yards", "yd", "yds"): _of("length", "0.9144"),
        ("mile", "miles", "mi", "mi."): _of("length", "1609.344"),
        ("angstrom", "angstroms", "Å"): _of("length", "1e-10"),
        ("lb", "lbs", "lb.", "lbs.", "pound", "pounds"): _of("mass", "0.45359237"),
        ("oz", "oz.", "ounce", "ounces"): _of("ounce"),
        ("ton", "tons"): _of("ton"),
        ("tonne", "tonnes", "metric ton", "metric tons"): _of("mass", 1000),
        ("min", "min.", "mins", "minute", "minutes"): _of("time", 60),
        ("h", "hr", "hrs", "hr.", "hrs.", "hour", "hours"): _of("time", 3600),
        ("sec", "secs", "sec."): _of("time"),
        ("day", "days"): _of("time", 86_400),
        ("week", "weeks"): _of("time", 604_800),
        ("month", "months"): _of("month"),
        ("year", "years", "yr", "yrs"): _of("month", 12),
        ("decade", "decades"): _of("month", 120),
        ("century", "centuries"): _of("month", 1200),
        ("cc",): _derived("1e-6", length=3),
        ("hectare", "hectares", "ha"): _derived(10_000, length=2),
        ("acre", "acres"): _derived("4046.8564224", length=2),
        ("gallon", "gallons"): _of("gallon"),
        ("quart", "quarts"): _of("gallon", "1/4"),
        ("pint", "pints"): _of("gallon", "1/8"),
        ("cup", "cups"): _of("cup"),
        ("calorie", "calories", "Calorie", "Calories"): _of("calorie"),
        ("mph",): _derived("0.44704", length=1, time=-1),
        ("kph", "kmh", "kmph"): _derived("5/18", length=1, time=-1),
        ("atm", "atmosphere", "atmospheres"): _derived(101_325, length=-1, mass=1, time=-2),
        ("torr", "Torr"): _derived("101325/760", length=-1, mass=1, time=-2),
        ("psi",): _of("psi"),
        ("°C", "° C", "celsius", "Celsius", "degrees celsius", "degrees Celsius", "°celsius", "deg C"): Unit(
            _KELVIN, Fraction(1), Fraction("273.15")
        ),
        ("°F", "° F", "fahrenheit", "Fahrenheit", "degrees fahrenheit", "degrees Fahrenheit", "deg F"): Unit(
            _KELVIN, Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)
        ),
        ("°", "degree", "degrees", "deg"): _ANGLE_DEGREE,
        ("rad", "radian", "radians"): _of("radian"),
        ("$", "dollar", "dollars", "USD", "US dollars", "bucks"): _of("dollar"),
        ("¢", "cent", "cents"): _of("dollar", "1/100"),
        ("€", "euro", "euros", "EUR"): _of("euro"),
        ("£", "GBP"): _of("pound sterling"),
        ("¥", "yen", "JPY"): _of("yen"),
        ("₹", "rupee", "rupees", "INR"): _of("rupee"),
        ("bit", "bits"): _of("bit"),
        ("byte", "bytes"): _of("bit", 8),
    }
)

MULTIPLIERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
        "dozen": 12,
    }
)  # fmt: skip
"""Words that multiply the number before them. `k`, `M` and `bn` are read after a price alone."""

PRICE_SIGNS: Final = "$€£¥₹"

NOT_COUNTED: Final = frozenset(
    {
        "negative", "minus", "plus", "below", "above", "under", "over", "more", "less", "fewer", "least", "most",
        "than", "times", "fold", "to", "of", "in", "out", "and", "or", "not", "no", "per", "by", "from", "about",
        "around", "nearly", "almost", "roughly", "approximately", "only", "half", "halves", "quarter", "quarters",
        "third", "thirds", "fourth", "fourths", "fifth", "fifths", "sixth", "sixths", "seventh", "sevenths", "eighth",
        "eighths", "ninth", "ninths", "tenth", "tenths", "hundredth", "hundredths", "thousandth", "thousandths",
        "millionth", "millionths", "pair", "pairs", "couple", "couples", "score", "gross", "hundreds", "thousands",
        "millions", "billions", "tens", "dozens", "double", "triple", "twice", "thrice", "squared", "cubed",
        "factorial", "root", "roots", "power", "mod", "modulo", "base", "pi", "inf", "infinity", "square", "cubic",
        "degree", "degrees", "each", "if", "when", "with", "without", "plus-minus", "square-root", "log", "exp",
        "sin", "cos", "tan", "sqrt", "alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "sigma",
        "omega", "phi", "psi", "mu", "nu", "rho", "tau", "hbar", "units", "unit", "other", "another",
    }
)  # fmt: skip
"""Words after a number that may change it: what ends in one of them is no count of things."""


def unit_of(text: str) -> Unit | None:
    """The unit that a text writes, None where it writes none of the table."""
    text = " ".join(text.split())
    if not text or len(text) > 60:
        return None
    single = _TABLE.get(text)
    if single is not None:
        return single
    return _read_compound(text)


def units_of(dimension: Dimension) -> tuple[Unit, ...]:
    """The sizes in which the table has a dimension, each once."""
    return tuple(dict.fromkeys(unit for unit in _TABLE.values() if unit.dimension == dimension))


_FACTOR: Final = re.compile(
    r"\s*(?P<name>[A-Za-zµΩ°%$¢€£¥₹Å]+\.?)\s*(?:(?:\^|\*\*)\s*\(?\s*(?P<power>-?\d)\s*\)?|(?P<digit>[23])(?![\d.]))?",
    re.ASCII,
)
_AREAS: Final[Mapping[str, int]] = MappingProxyType({"square": 2, "sq": 2, "cubic": 3, "cu": 3})


def _read_compound(text: str) -> Unit | None:
    """Products by blank, `*` or `-`, quotients by `/` or `per`; after `/` a bracket may hold a product. A second `/`
    has two readings and is none."""
    upper, divided, lower = re.sub(r"\bper\b", "/", text).partition("/")
    above = _read_product(upper) if upper.strip() else Unit(())
    if not divided:
        return above
    lower = lower.strip()
    if lower.startswith("(") and lower.endswith(")"):
        lower = lower[1:-1]
    elif len(lower.split()) > 1 and _AREAS.get(lower.split()[0]) is None:
        return None  # m/s kg
    below = _read_product(lower)
    if above is None or below is None or not upper.strip():
        return None
    return _combine(above, below, -1)


def _read_product(text: str) -> Unit | None:
    words = text.replace("*", " ").split()
    result = Unit((), obvious=True)
    times, index = 1, 0
    while index < len(words):
        if words[index] in _AREAS:
            times = _AREAS[words[index]]
            index += 1
            continue
        # "degrees Celsius", "US dollars"
        pair = _TABLE.get(" ".join(words[index : index + 2])) if index + 1 < len(words) else None
        if pair is not None:
            found, index = pair, index + 2
        else:
            match = _FACTOR.fullmatch(words[index])
            known = _TABLE.get(match["name"]) if match else None
            if match is None or known is None:
                return None
            exponent = int(match["power"] or match["digit"] or 1)
            found, index = _combine(Unit(()), known, exponent), index + 1
        if found.offset and (len(words) > 1 or times != 1):
            found = Unit(found.dimension, found.factor)  # a difference of temperatures, as in J/°C
        result = _combine(result, found, times) if (result.dimension or times != 1) else _merge(result, found)
        times = 1
    return result if times == 1 and words else None


def _merge(empty: Unit, found: Unit) -> Unit:
    return Unit(found.dimension, empty.factor * found.factor, found.offset, found.obvious)


def _combine(one: Unit, other: Unit, times: int) -> Unit:
    exponents = dict(one.dimension)
    for base, exponent in other.dimension:
        exponents[base] = exponents.get(base, 0) + exponent * times
    dimension = tuple(sorted((base, exponent) for base, exponent in exponents.items() if exponent))
    offset = other.offset if times == 1 and not one.dimension else Fraction(0)
    return Unit(dimension, one.factor * other.factor**times, offset, bool(one.dimension) or other.obvious)


def _build_table() -> Mapping[str, Unit]:
    table: dict[str, Unit] = {}

    def put(name: str, unit: Unit) -> None:
        obvious = len(name) > 1 or not name.isalpha()
        table.setdefault(name, Unit(unit.dimension, unit.factor, unit.offset, obvious))

    for names, unit in _OTHERS.items():
        for name in names:
            put(name, unit)
    for symbol, words, unit in _METRIC:
        put(symbol, unit)
        for prefix, power in _PREFIXES.items():
            if prefix + symbol not in ("min", "cd", "Tm", "dT", "cT"):
                put(prefix + symbol, Unit(unit.dimension, unit.factor * Fraction(10) ** power))
        for word in words:
            for prefix, power in (("", 0), *_LONG_PREFIXES.items()):
                for ending in ("", "s"):
                    put(prefix + word + ending, Unit(unit.dimension, unit.factor * Fraction(10) ** power))
    return MappingProxyType(table)


_TABLE: Final = _build_table()
