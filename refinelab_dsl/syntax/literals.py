"""The exact values of literals: numbers and their units, quoted text, text blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal

from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax.nodes import Literal

# What a decimal of the standard library holds without rounding; nothing in a spec comes near it.
MAX_DIGITS = 28
MAX_MAGNITUDE = 28

_EXACT = Context(prec=4 * (MAX_DIGITS + MAX_MAGNITUDE))
_NUMBER = re.compile(r"\$?(?P<digits>[0-9_]+(?:\.[0-9]+)?)(?:[eE](?P<exponent>[+-]?[0-9]+))?(?P<unit>%|[A-Za-z]*)")
_FACTORS = {
    "": Decimal(1),
    "%": Decimal("0.01"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "B": Decimal(10) ** 9,
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r'\\(?:([nrt"\\])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([uU][0-9A-Fa-f]{0,8}|.?))')


def parse_number(text: str) -> Decimal | None:
    """The value of `25%` (a share), `$0.15` (dollars), `400k`, `10s` (seconds), `1_000`, `1e-6`; None if it is too
    long or too large to be kept exactly.

    Equal values are equal in form too: no zeros at the end of a fraction, no exponent (`400k` is `Decimal("400000")`).
    """
    found = _NUMBER.fullmatch(text)
    assert found is not None, text
    digits = found["digits"].replace("_", "")
    exponent = found["exponent"] or "0"
    if len(digits.replace(".", "").lstrip("0")) > MAX_DIGITS or len(exponent.lstrip("+-0")) > 3 or len(digits) > 4000:
        return None
    value = _EXACT.multiply(Decimal(f"{digits}e{exponent}"), _FACTORS[found["unit"]])
    if value and not -MAX_MAGNITUDE <= value.adjusted() <= MAX_MAGNITUDE:
        return None
    return Decimal(format(value.normalize(_EXACT), "f"))


@dataclass(frozen=True, slots=True)
class BadEscape:
    """Characters `[start, end)` of the quoted text, counted from its opening quote, are no escape."""

    start: int
    end: int


def parse_text(text: str) -> str | BadEscape:
    r"""The value of a quoted text, quotes included: `\n \r \t \" \\ \uXXXX \UXXXXXXXX`."""
    if "\\" not in text:
        return text[1:-1]
    parts: list[str] = []
    position, end = 1, len(text) - 1
    while (slash := text.find("\\", position, end)) >= 0:
        parts.append(text[position:slash])
        found = _ESCAPE.match(text, slash, end)
        assert found is not None
        simple, short, long, _ = found.groups()
        if simple:
            parts.append(_ESCAPES[simple])
        elif short or long:
            number = int(short or long, 16)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF or number == 0:
                return BadEscape(slash, found.end())
            parts.append(chr(number))
        else:
            return BadEscape(slash, found.end())
        position = found.end()
    parts.append(text[position:end])
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class BadIndent:
    """Characters `[start, end)` of the block, counted from its opening mark, are a line indented less than its end."""

    start: int
    end: int


def parse_block(text: str) -> str | BadIndent:
    r"""The value of a text block, marks included: its lines without the indentation of the closing mark, joined by
    "\n"; no line break before the closing mark. Blank lines may be shorter.
    """
    lines = text.split("\n")
    indent = lines[-1][: -len('"""')]
    position = len(lines[0]) + 1
    values: list[str] = []
    for line in lines[1:-1]:
        bare = line.removesuffix("\r")
        if bare.startswith(indent):
            values.append(bare[len(indent) :])
        elif not bare.strip(" \t"):
            values.append("")
        else:
            return BadIndent(position, position + len(bare))
        position += len(line) + 1
    return "\n".join(values)


def find_in_block(source: Source, literal: Literal, line: int, column: int = 1) -> Span:
    """The place in the source of a line and column (from 1) of a literal's value, to the end of that line: where a
    template's error stands."""
    text = source.text[literal.span.start : literal.span.end]
    if literal.kind != "block":
        return _find_in_text(source, literal, text, line, column)
    lines = text.split("\n")
    if not 1 <= line <= len(lines) - 2:
        return literal.span
    indent = len(lines[-1]) - len('"""')
    start = literal.span.start + sum(len(before) + 1 for before in lines[:line])
    content = lines[line].removesuffix("\r")
    offset = min(len(content), indent + column - 1)
    end = len(content) if offset < len(content) else offset
    return Span(source.name, start + offset, start + max(end, offset))


def _find_in_text(source: Source, literal: Literal, text: str, line: int, column: int) -> Span:
    """The same in quoted text, whose escapes take more characters than they stand for; the whole literal where it has
    no such place."""
    starts, position = [], 1  # where each character of the value is written
    while position < len(text) - 1:
        starts.append(position)
        found = _ESCAPE.match(text, position)
        position = position + 1 if found is None else found.end()
    value = str(literal.value)
    lines = value.split("\n")
    if len(starts) != len(value) or not 1 <= line <= len(lines):
        return literal.span
    starts.append(len(text) - 1)
    first = sum(len(before) + 1 for before in lines[: line - 1])
    begin = first + min(column - 1, len(lines[line - 1]))
    end = first + len(lines[line - 1])
    return Span(source.name, literal.span.start + starts[begin], literal.span.start + starts[end])
