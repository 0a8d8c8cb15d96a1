"""The pure functions of the language over one item. `column`, `stem`, `line` and `z` need their surroundings and are
added by who has them (`data.tasks`, `data.scope`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from refinelab_dsl.expressions.evaluate import EvaluationError, as_number

_NUMBER = re.compile(
    r"\s*([-+]?)\s*([$€£]?)\s*([-+]?)(\d{1,3}(?:,\d{3})+|\d+)?(\.\d+)?([eE][-+]?\d{1,3})?\s*(%?)\s*", re.ASCII
)


def length(value: Any) -> int:
    """`len(x)`: characters of a text, entries of a list."""
    if isinstance(value, str | list | tuple):
        return len(value)
    raise EvaluationError(f"`len()` needs text or a list, not {_kind(value)}")


def words(value: Any) -> int:
    """`words(x)`: pieces of a text between white space."""
    return len(_text(value, "words").split())


def lower(value: Any) -> str:
    """`lower(x)`."""
    return _text(value, "lower").lower()


def strip(value: Any) -> str:
    """`strip(x)`: without white space at both ends."""
    return _text(value, "strip").strip()


def before(value: Any, mark: Any) -> str:
    """`before(x, mark)`: what stands before the last `mark`, stripped."""
    return _around(value, mark, "before")[0].strip()


def after(value: Any, mark: Any) -> str:
    """`after(x, mark)`: what stands after the last `mark`, stripped (GSM8K: `after(column("answer"), "####")`)."""
    return _around(value, mark, "after")[1].strip()


def remove_suffix(value: Any, suffix: Any) -> str:
    """`remove_suffix(x, s)`: x without s at its end, if it stands there."""
    return _text(value, "remove_suffix").removesuffix(_text(suffix, "remove_suffix"))


def number(value: Any) -> Decimal | int | None:
    """`number(x)`: "1,234" "$5" "-$5" ".5" "1e3" "40%" (0.4) as a number; a number stays; null stays null.

    Commas count only as thousands separators. Fractions and text around the number are errors.
    """
    if value is None:
        return None
    exact = as_number(value)
    if exact is not None:
        return exact
    text = _text(value, "number")
    match = _NUMBER.fullmatch(text)
    if match is None or (match[4] is None and match[5] is None) or (match[1] and match[3]):
        short = text if len(text) <= 40 else text[:39] + "…"
        raise EvaluationError(f'`number()` finds no number in the text "{short}"')
    digits = (match[4] or "0").replace(",", "") + (match[5] or "") + (match[6] or "")
    result = Decimal(digits)
    if match[7]:
        result = result.scaleb(-2)
    return -result if "-" in (match[1], match[3]) else result


def matches(value: Any, pattern: Any) -> bool:
    """`matches(x, pattern)`: whether the pattern occurs anywhere in x.

    The engine is Rust's `regex` (in pydantic-core): its time is linear in the text for every pattern, so a spec or a
    data file from a stranger cannot make it hang. It has no look-around and no back-references.
    """
    text = _text(value, "matches")
    compiled = _compile_pattern(_text(pattern, "matches"))
    if isinstance(compiled, str):
        raise EvaluationError(compiled)
    return compiled.isinstance_python(text)


def look_up(row: Mapping[str, Any], name: str, default: Any) -> Any:
    """`column(name)`: the value of a column, or of a place inside of a nested row: `question.stem`.

    A column of exactly that name comes first. Over a list of maps a part gives the list of that member of each:
    `question.choices.text`.
    """
    value: Any = row.get(name, default)
    if value is not default or name in row or "." not in name:
        return value
    value = row
    for part in name.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and value and all(isinstance(entry, Mapping) and part in entry for entry in value):
            value = [entry[part] for entry in value]
        else:
            return default
    return value


def check_pattern(pattern: str) -> str | None:
    """What is wrong with a pattern of `matches`, None if nothing is."""
    compiled = _compile_pattern(pattern)
    return compiled if isinstance(compiled, str) else None


ITEM_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "len": length,
        "words": words,
        "lower": lower,
        "strip": strip,
        "before": before,
        "after": after,
        "remove_suffix": remove_suffix,
        "number": number,
        "matches": matches,
    }
)


@lru_cache(maxsize=64)
def _compile_pattern(pattern: str) -> SchemaValidator | str:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))
    except SchemaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[-1])
        return f"the pattern of `matches()` cannot be used: {reason}"


def _around(value: Any, mark: Any, function: str) -> tuple[str, str]:
    text, sign = _text(value, function), _text(mark, function)
    if not sign:
        raise EvaluationError(f"`{function}()` needs a mark that is not empty")
    left, found, right = text.rpartition(sign)
    if not found:
        raise EvaluationError(f'`{function}()` does not find the mark "{sign[:40]}"')
    return left, right


def _text(value: Any, function: str) -> str:
    if isinstance(value, str):
        return value
    raise EvaluationError(f"`{function}()` needs text, not {_kind(value)}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list | tuple):
        return "a list"
    return "a map" if isinstance(value, Mapping) else "a number"
