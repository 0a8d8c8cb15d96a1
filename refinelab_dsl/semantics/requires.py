"""`requires = ">= 0.1"`: the versions of refinec that read a spec."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from importlib import metadata

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.source import Span

_PART = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(\d{1,6}(?:\.\d{1,6}){0,3})\s*")
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def check_requires(text: str, span: Span) -> Iterator[Diagnostic]:
    """What is wrong with a requirement: comparisons with versions, parted by commas, all of which must hold."""
    ours = metadata.version("refinec")
    current = _version(re.match(r"[\d.]+", ours)[0].strip("."))  # type: ignore[index]  # a version starts with digits
    parts = [_PART.fullmatch(part) for part in text.split(",")]
    if any(part is None for part in parts):
        yield faults.bad_requirement(span, text)
        return
    if not all(_COMPARE[part[1]](current, _version(part[2])) for part in parts if part is not None):
        yield faults.requirement_unmet(span, text.strip(), ours)


def _version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))
