"""What each code of the catalogue means, read from the catalogue itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from refinelab_dsl.diagnostics.diagnostic import Severity


def load_meanings() -> dict[str, str]:
    """Code -> what it means, codes in order: the first paragraph of what the catalogue says; the rest is for who
    words complaints."""
    return {code: text.partition("\n\n")[0].strip() for code, text, _ in _constructors()}


def load_severities() -> dict[str, Severity]:
    """Code -> how bad it is, codes in order."""
    return {code: _severity(constructor) for code, _, constructor in _constructors()}


def load_families() -> dict[str, str]:
    """What the codes of each family are about, families in order: `RF1` -> `the form of a spec`."""
    found: dict[str, str] = {}
    for family in _families():
        match = re.match(r"RF(\d+?)x+: (.+?)\.?$", inspect.getdoc(family) or "", re.M)
        assert match is not None, f"the docstring of {family.__name__} names no family"
        found[f"RF{match[1]}"] = match[2]
    return dict(sorted(found.items()))


@cache
def _constructors() -> tuple[tuple[str, str, Callable[..., Any]], ...]:
    """Code, what stands behind it in the docstring, and the constructor; codes in order."""
    found = []
    for family in _families():
        for _, function in inspect.getmembers(family, inspect.isfunction):
            match = re.match(r"(RF\d{4}): (.+)", inspect.getdoc(function) or "", re.S)
            if match is not None and function.__module__.startswith(family.__name__):
                found.append((match[1], match[2], function))
    return tuple(sorted(found, key=lambda entry: entry[0]))


def _families() -> Iterator[ModuleType]:
    from refinelab_dsl.diagnostics import catalog

    for name in catalog.__all__:
        family = getattr(catalog, name)
        if isinstance(family, ModuleType):
            yield family


def _severity(constructor: Callable[..., Any]) -> Severity:
    # A constructor that makes no error names the severity among its constants; `wording.error` makes all others.
    constants = constructor.__code__.co_consts
    return "warning" if "warning" in constants else "note" if "note" in constants else "error"
