"""The program that a code item is: its prompt, its solution and its tests in one text, put together by reading lines.

Nothing here parses the code: it may be hostile, and a parser of this process is not the place for it.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any, Final

_CHECK: Final = re.compile(r"^def check\(", re.MULTILINE)
_CALLED: Final = re.compile(r"^check\(", re.MULTILINE)
_ASSERTION: Final = re.compile(r"\bassert|\braise\b|\.assert[A-Z]")


def build_program(fields: Mapping[str, Any], *, stub: bool = False) -> str:
    """The program that runs an item's solution and then its tests; it ends without an exception where they pass.

    A solution that defines the entry point stands behind the prompt, so that helpers and imports of the prompt are
    there; one that does not goes on where the prompt stops (HumanEval). A prompt in words is left out. Tests that
    define `check(candidate)` and do not call it are called with the entry point.

    stub: what the entry point names is replaced by a function that does nothing, before the tests run.
    """
    name, prompt, solution = str(fields["entry_point"]), str(fields["prompt"]), str(fields["solution"])
    defines = _definition(name)
    parts = [solution]
    if defines.search(prompt):
        parts = [_close(prompt), solution] if defines.search(solution) else [f"{prompt.rstrip()}\n{solution}"]
    if stub:
        parts.append(f"def {name}(*arguments, **named):\n    return None")
    tests = str(fields["tests"])
    parts.append(tests)
    if _CHECK.search(tests) and not _CALLED.search(tests):
        parts.append(f"check({name})")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def find_fault(fields: Mapping[str, Any]) -> str | None:
    """Why the fields of a code item cannot belong together, None where they can."""
    name, prompt, tests = str(fields["entry_point"]), str(fields["prompt"]), str(fields["tests"])
    if not name.isidentifier() or keyword.iskeyword(name):
        return "the entry point is no name of Python"
    named = re.compile(rf"\b{re.escape(name)}\b")
    if not named.search(prompt) and not named.search(tests):
        return "neither the prompt nor the tests name the entry point"
    if not _CHECK.search(tests) and not named.search(tests):
        return "the tests do not use the entry point"
    if not _ASSERTION.search(tests):
        return "the tests assert nothing"
    solution = fields.get("solution")
    if solution is None:
        return None
    if _definition(name).search(str(solution)):
        return None
    if not _definition(name).search(prompt):
        return "neither the prompt nor the solution defines the entry point"
    first = next((line for line in str(solution).splitlines() if line.strip()), "")
    return None if first[:1] in " \t" else "the solution does not go on where the prompt stops"


def _definition(name: str) -> re.Pattern[str]:
    """A statement at the margin that gives the name its meaning."""
    return re.compile(rf"^(?:(?:async\s+)?def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[:=]", re.MULTILINE)


def _close(prompt: str) -> str:
    """A prompt that stops within a function, as a program of its own."""
    text = prompt.rstrip()
    return f"{text}\n    pass" if text.endswith(":") else text
