"""LaTeX and Unicode brought to one plain notation, as far as that leaves the meaning alone.

`\\frac{3}{4}` becomes `((3)/(4))`, `2\\frac{1}{2}` `2 1/2`, `10²` `10^2`, `½` `1/2`, `−` `-`. What has no plain reading
(`\\pm`, a command that is not known, a dash between two numbers) makes the text unreadable, which is no error: it is
then compared as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from refinelab_dsl.equivalence.formula import Unreadable

MAX_LENGTH: Final = 600

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT: Final = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
        "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
    }
)  # fmt: skip
_SIGNS: Final = str.maketrans(
    {
        "\N{MINUS SIGN}": "-", "\N{SMALL HYPHEN-MINUS}": "-", "\N{FULLWIDTH HYPHEN-MINUS}": "-",
        "\N{MULTIPLICATION SIGN}": "*", "\N{MULTIPLICATION X}": "*", "\N{DOT OPERATOR}": "*", "\N{MIDDLE DOT}": "*",
        "\N{BULLET OPERATOR}": "*", "\N{ASTERISK OPERATOR}": "*", "\N{DIVISION SIGN}": "/", "\N{DIVISION SLASH}": "/",
        "\N{FRACTION SLASH}": "/", "π": "pi", "∞": "inf", "\N{MASCULINE ORDINAL INDICATOR}": "°",
        "\N{RING ABOVE}": "°", "\N{GREEK SMALL LETTER MU}": "µ", "\N{OHM SIGN}": "Ω", "\N{UNION}": "U", "≤": "<=",
        "≥": ">=", "≠": "!=", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2007": " ", "“": '"', "”": '"',
        "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{LEFT SINGLE QUOTATION MARK}": "'", "\u200b": "", "\ufeff": "",
    }
)  # fmt: skip
_GROUPED: Final = re.compile("(?<![\\d.,])\\d{1,3}(?:[\u00a0\u2009\u202f]\\d{3})+(?!\\d)", re.ASCII)
_DASHED: Final = re.compile(r"\d\s*[\u2013\u2014]\s*\d", re.ASCII)  # 3–5: a range, or a difference?

_PLAIN_COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "times": "*", "cdot": "*", "ast": "*", "div": "/", "pi": "pi", "infty": "inf", "degree": "°", "left": "",
        "right": "", "quad": " ", "qquad": " ", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "lt": "<", "gt": ">",
        "cup": " U ", "in": " in ", "ln": " ln", "sin": " sin", "cos": " cos", "tan": " tan", "sec": " sec",
        "csc": " csc", "cot": " cot", "exp": " exp", "log": " log", "displaystyle": "", "big": "", "Big": "",
        "bigl": "", "bigr": "", "mu": "µ", "Omega": "Ω", "lbrace": "\\{", "rbrace": "\\}", "circ": "°", "colon": ":",
    }
)  # fmt: skip
_TEXT_COMMANDS: Final = (
    "text", "textbf", "textit", "textrm", "mathrm", "mathbf", "mathit", "mathsf", "operatorname", "mbox", "hbox", "rm",
)  # fmt: skip
_FRACTIONS: Final = ("frac", "dfrac", "tfrac", "cfrac")
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
_LAST_DIGIT: Final = re.compile(r"\d\s*\Z", re.ASCII)


def plain(text: str) -> str:
    """A text in plain notation, blanks joined.

    Raises:
        Unreadable: it holds a sign without a plain reading, or is longer than an answer is.
    """
    if len(text) > MAX_LENGTH or _DASHED.search(text):
        raise Unreadable
    text = _GROUPED.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    for sign, fraction in _VULGAR.items():
        if sign in text:
            text = re.sub(rf"(\d)\s*{sign}", rf"\1 {fraction}", text, flags=re.ASCII).replace(sign, fraction)
    opening, closing = ("{", "}") if "\\" in text else ("(", ")")
    text = _SUPERSCRIPT.sub(lambda match: f"^{opening}{match[0].translate(_SUPERSCRIPTS)}{closing}", text)
    text = re.sub(r"√\s*(\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z]))", r"sqrt(\1)", text, flags=re.ASCII)
    text = text.replace("√(", "sqrt(").replace("√", "\\?").translate(_SIGNS)
    text = re.sub(r"(?<=\d)\{,\}(?=\d{3}(?!\d))", "", _strip_dollars(text), flags=re.ASCII)
    text = _read_latex(text) if "\\" in text else re.sub(r"\^\{([^{}]*)\}", r"^(\1)", text)
    text = re.sub(r"(\d)\s*[xX]\s*(10\s*(?:\^|\*\*))", r"\1*\2", text, flags=re.ASCII)
    return " ".join(text.split())


def _strip_dollars(text: str) -> str:
    """The text without the signs around mathematics; a price keeps its sign."""
    stripped = text.strip()
    for mark in ("$$", "$"):
        inner = stripped[len(mark) : -len(mark)]
        if len(stripped) > 2 * len(mark) and stripped.startswith(mark) and stripped.endswith(mark):
            return inner if "$" not in inner.replace("\\$", "") else text
    return text


def _read_latex(text: str) -> str:
    boxed = text.rfind("\\boxed{")
    if boxed >= 0:
        text, _ = _group(text, boxed + len("\\boxed"))
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]")):
        text = text.replace(opening, " ").replace(closing, " ")
    # 1\,000 is one number.
    text = re.sub(r"(?<=\d)\\[,;:! ](?=\d{3}(?!\d))", "", text, flags=re.ASCII)
    return _translate(text, 0)


def _translate(text: str, depth: int) -> str:
    """LaTeX to plain notation; braces that group become brackets."""
    if depth > 20:
        raise Unreadable
    out: list[str] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "{":
            inner, at = _group(text, at)
            out.append(f"({_translate(inner, depth + 1)})")
        elif sign == "}":
            raise Unreadable
        elif sign == "^":
            exponent, at = _argument(text, at + 1)
            inner = _translate(exponent, depth + 1).strip()
            out.append("°" if inner == "°" else f"^({inner})")
        elif sign == "~":
            out.append(" ")
            at += 1
        elif sign != "\\":
            out.append(sign)
            at += 1
        else:
            piece, at = _command(text, at + 1, "".join(out), depth)
            out.append(piece)
    return "".join(out)


def _command(text: str, at: int, before: str, depth: int) -> tuple[str, int]:
    """What a command after a backslash at `at - 1` reads as, and where the text goes on."""
    match = re.compile(r"[A-Za-z]+").match(text, at)
    if match is None:
        sign = text[at : at + 1]
        if sign in ("%", "$", "{", "}", "#", "&"):
            return sign, at + 1
        if sign in (",", ";", ":", "!", " "):
            return " ", at + 1
        raise Unreadable
    name, at = match[0], match.end()
    if name in _FRACTIONS:
        upper, at = _argument(text, at)
        lower, at = _argument(text, at)
        if _LAST_DIGIT.search(before):
            if not (_DIGITS.fullmatch(upper.strip()) and _DIGITS.fullmatch(lower.strip())):
                raise Unreadable
            return f" {upper.strip()}/{lower.strip()}", at
        if _DIGITS.fullmatch(upper.strip()) and _DIGITS.fullmatch(lower.strip()) and not before.strip():
            return f"{upper.strip()}/{lower.strip()}", at
        return f"(({_translate(upper, depth + 1)})/({_translate(lower, depth + 1)}))", at
    if name == "sqrt":
        degree = None
        if text[at : at + 1] == "[":
            end = text.find("]", at)
            if end < 0:
                raise Unreadable
            degree, at = text[at + 1 : end], end + 1
        inner, at = _argument(text, at)
        shown = _translate(inner, depth + 1)
        if degree is None:
            return f" sqrt({shown})", at
        if degree.strip() == "3":
            return f" cbrt({shown})", at
        return f"(({shown})^(1/({_translate(degree, depth + 1)})))", at
    if name == "binom":
        upper, at = _argument(text, at)
        lower, at = _argument(text, at)
        return f" binom({_translate(upper, depth + 1)};{_translate(lower, depth + 1)})", at
    if name in _TEXT_COMMANDS:
        inner, at = _argument(text, at)
        return f" {_translate(inner, depth + 1)} ", at
    if name == "log" and text[at : at + 1] == "_":
        base, at = _argument(text, at + 1)
        if base.strip() not in ("2", "10"):
            raise Unreadable
        return f" log{base.strip()}", at
    if name in ("left", "right") and text[at : at + 2] in ("\\{", "\\}"):
        return text[at + 1], at + 2
    if name in _PLAIN_COMMANDS:
        return _PLAIN_COMMANDS[name].replace("\\", ""), at
    raise Unreadable


def _argument(text: str, at: int) -> tuple[str, int]:
    """The argument of a command: a group, a command, or one sign."""
    while text[at : at + 1] == " ":
        at += 1
    if text[at : at + 1] == "{":
        return _group(text, at)
    if text[at : at + 1] == "\\":
        match = re.compile(r"\\(?:[A-Za-z]+|.)").match(text, at)
        if match is None or match[0][1:] in (*_FRACTIONS, "sqrt", "binom", *_TEXT_COMMANDS):
            raise Unreadable
        return match[0], match.end()
    if at >= len(text) or text[at] in "}^_":
        raise Unreadable
    if text[at] == "-" and text[at + 1 : at + 2].isdigit():  # 10^-3, as it is often written
        match = re.compile(r"-\d+").match(text, at)
        assert match is not None
        return match[0], match.end()
    return text[at], at + 1


def _group(text: str, at: int) -> tuple[str, int]:
    """What stands in the braces that open at `at`, and where they have closed."""
    depth = 0
    index = at
    while index < len(text):
        sign = text[index]
        if sign == "\\":
            index += 2
            continue
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return text[at + 1 : index], index + 1
        index += 1
    raise Unreadable
