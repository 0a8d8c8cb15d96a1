"""`exec`: solutions that really run, and what their ends say of an item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Finding
from refinelab_dsl.source import Place
from refinelab_dsl.validators import auto, exec
from tests.sandbox.levels import need
from tests.validators.driving import Driver, driver, make_questions, make_validator

EXEC = make_validator("exec")
QUESTIONS = make_questions("code", {})
FIELDS = {
    "prompt": 'def double(n):\n    """Twice n."""\n', "tests": "def check(candidate):\n    assert candidate(4) == 8\n",
    "entry_point": "double", "solution": "    return 2 * n\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def drives() -> Iterator[Driver]:
    with driver() as drives:
        yield drives


def find(drives: Driver, **fields: Any) -> Finding:
    return drives.drive(exec.inquire(EXEC, make_item({**FIELDS, **fields}), QUESTIONS))


def make_item(fields: dict[str, Any]) -> Item:
    return Item(id="a", key="a", hash="", fields=fields, attributes={}, raw={}, place=Place("a"))


def test_a_solution_that_passes_is_supported(drives: Driver) -> None:
    assert find(drives) == Finding("supported", 1.0)
    assert [outcome.status for outcome in drives.outcomes] == ["ok", "failed"]  # the second one does nothing


REFUTED = {
    "    return n + 1\n": "its tests end with AssertionError",
    "    return n / 0\n": "its tests end with ZeroDivisionError",
    "    return (\n": "its tests end with SyntaxError",
    "    while True: pass\n": "its tests take too long",
    "    return 'x' * 10 ** 12\n": "its tests take too much memory",
    "    while True: print('x' * 10000)\n": "its tests print too much",
    "return 2 * n": "the solution does not go on where the prompt stops",
    "def twice(n):\n    return 2 * n": "the solution does not go on where the prompt stops",
}


@pytest.mark.parametrize("solution", REFUTED)
def test_a_solution_that_does_not_is_refuted(drives: Driver, solution: str) -> None:
    assert find(drives, solution=solution) == Finding("refuted", 1.0, REFUTED[solution])


UNKNOWN: dict[str, dict[str, Any]] = {
    "the sandbox does not have the module `array`": {"solution": "    import array\n    return 2 * n\n"},
    "the sandbox does not have yield expressions": {"solution": "    def f():\n        yield 1\n    return 2 * n\n"},
    "a function that does nothing passes its tests, too": {"tests": "def check(candidate):\n    assert candidate or 1"},
}


@pytest.mark.parametrize("reason", UNKNOWN)
def test_what_cannot_be_told_is_unknown(drives: Driver, reason: str) -> None:
    assert find(drives, **UNKNOWN[reason]) == Finding("unknown", 0.0, reason)


def test_an_item_without_solution_or_tests_is_not_run(drives: Driver) -> None:
    for missing, reason in (("solution", "it has no solution that could be run"), ("tests", "it has no tests")):
        fields = {name: value for name, value in FIELDS.items() if name != missing}
        assert drives.drive(exec.inquire(EXEC, make_item(fields), QUESTIONS)) == Finding("unknown", 0.0, reason)
        assert drives.asked == []


def test_ending_before_the_tests_is_no_success(drives: Driver) -> None:
    """Quits before the first assertion, at the level where that can be done."""
    need(drives.sandbox, "strict")
    strict = make_validator("exec", sandbox="strict")
    fields = {**FIELDS, "solution": "    import os\n    os._exit(0)\n"}
    finding = drives.drive(exec.inquire(strict, make_item(fields), QUESTIONS))
    assert finding == Finding("refuted", 1.0, "its tests do not end: the process ended early")


def test_what_a_program_says_stands_in_no_reason(drives: Driver) -> None:
    finding = find(drives, solution="    raise ValueError('planted words')\n")
    assert finding == Finding("refuted", 1.0, "its tests end with ValueError")


def test_auto_runs_code(drives: Driver) -> None:
    validator = make_validator("auto")
    assert drives.drive(auto.inquire(validator, make_item(FIELDS), QUESTIONS)) == Finding("supported", 1.0)
