"""What the embedded level lacks is its own outcome, never a wrong answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from refinelab_dsl.effects import Execute, Outcome
from refinelab_dsl.sandbox import Sandbox
from tests.sandbox.levels import need, open_levels


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from open_levels()


def run(sandbox: Sandbox, code: str, answer: str | None = None) -> Outcome:
    need(sandbox, "embedded")
    return sandbox.run(Execute(code, "embedded", answer))


LACKING = {
    "def f():\n  yield 1\nlist(f())": "yield expressions",
    "a = {1: 2}\ndel a[1]": "`del` statement",
    "class A: pass\nclass B(A): pass": "class inheritance and metaclasses",
    "import array": "the module `array`",
    "import statistics\nstatistics.stdev([1, 2])": "a part of `statistics`",
    "import sympy": "a module that is not part of Python",
    "from collections import OrderedDict": "a part of `collections`",
    "import sys\nsys.exit(0)": "a part of `sys`",
    "class A:\n  def __init__(self): super().__init__()\nA()": "`super`",
    "[1].__len__()": "`list.__len__`",
    "(3).__class__": "`int.__class__`",
    "next(x for x in [1])": "iterators of generator expressions",
    "class A:\n  def __bool__(self): return False\nassert not A()": "the method `__bool__` of classes",
    "class A:\n  def __lt__(self, other): return True\nsorted([A(), A()])": "the method `__lt__` of classes",
    "class A:\n  def __getitem__(self, i): return [1][i]\nlist(A())": "the method `__getitem__` of classes in loops",
    "from dataclasses import dataclass\n@dataclass(order=True)\nclass A:\n  x: int": "an option of `dataclass`",
    "pow(3, -1, 7)": "`pow` with a negative exponent and a modulus",
    "import itertools\nnext(x for x in itertools.count() if x > 3)": "endless iterators",
    # It would catch what tells that something is missing, and give another answer.
    "try:\n  answer = vars(3)\nexcept Exception:\n  answer = 1": "`vars`",
    # The order of a set is Python's own business, and these assertions rest on it.
    "assert list({3, 1, 2}) == [1, 2, 3]": "the order of a set",
    "assert list(set([3, 1, 2])) == [1, 2, 3]": "the order of a set",
    "assert list({x for x in (3, 1, 2)}) == [1, 2, 3]": "the order of a set",
}


@pytest.mark.parametrize("code", LACKING)
def test_what_is_lacking_is_said(sandbox: Sandbox, code: str) -> None:
    assert run(sandbox, code) == Outcome("unsupported", message=LACKING[code])


MISTAKES = {
    "raise NotImplementedError": "NotImplementedError",
    "raise NotImplementedError('not yet')": "NotImplementedError",
    "undefined + 1": "NameError",
    "(3).missing": "AttributeError",
    "1 / 0": "ZeroDivisionError",
    "assert 1 == 2": "AssertionError",
    "assert sorted(list(set([3, 1]))) == [1, 2]": "AssertionError",
    "assert {1: 2} == {1: 3}, f'{1}'": "AssertionError",
    "def input(x): return x\nassert input(1) == 2": "AssertionError",
    "'a' + 1": "TypeError",
    "[][0]": "IndexError",
    "raise MyError": "NameError",
    "x = (": "SyntaxError",
}


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_is_no_lack(sandbox: Sandbox, code: str) -> None:
    outcome = run(sandbox, code)
    assert (outcome.status, outcome.message) == ("failed", MISTAKES[code])


VALUES = {
    "answer = 6 * 7": "42",
    "answer = 1 / 4": "0.25",
    "answer = 'a\\nb'": "a\nb",
    "answer = None": "None",
    "answer = [1, (2, 'x')]": "[1, (2, 'x')]",
    "answer = {'a': True}": "{'a': True}",
    "answer = 2 ** 200": str(2**200),
    "answer = [round(x, 2) for x in (2.675, 1.005, 0.125, 123456.785)]": "[2.67, 1.0, 0.12, 123456.79]",
    "answer = [round(2.5), round(-3.5), round(1250, -2), round(7, 1), round(2.0, ndigits=1)]": "[2, -4, 1200, 7, 2.0]",
    "from decimal import Decimal\nanswer = Decimal('0.10') + 1": "1.10",
    "import string\nanswer = string.ascii_lowercase[:3] + string.digits": "abc0123456789",
    "import math, json, re, itertools, functools, datetime\nanswer = math.comb(5, 2)": "10",
    "import random\nrandom.seed(1)\nanswer = random.randint(1, 1)": "1",
    "def f(n: int) -> int:\n  return 1 if n == 0 else n * f(n - 1)\nanswer = f(20)": "2432902008176640000",
    "print('working')\nanswer = 3": "3",
}


@pytest.mark.parametrize("level", ["embedded", "strict"])
def test_both_levels_give_the_same_values(sandbox: Sandbox, level: str) -> None:
    for code, value in VALUES.items() if level == "embedded" else list(VALUES.items())[::3]:
        need(sandbox, level)  # type: ignore[arg-type]
        outcome = sandbox.run(Execute(code, level, "answer"))  # type: ignore[arg-type]
        assert (code, outcome.status, outcome.value) == (code, "ok", value)
        assert outcome.stdout == ("working\n" if "print" in code else "")


def test_a_program_that_sets_no_answer_has_failed(sandbox: Sandbox) -> None:
    for level in ("embedded", "strict"):
        need(sandbox, level)
        outcome = sandbox.run(Execute("x = 1", level, "answer"))
        assert (outcome.status, outcome.message) == ("failed", "NameError")


def test_runs_are_alike(sandbox: Sandbox) -> None:
    """What may be stored does not depend on when a program ran: hashes and draws start alike."""
    code = "import random\nanswer = [random.random(), hash('a') == hash('a')]\nprint(answer)"
    for level in ("embedded", "strict"):
        need(sandbox, level)
        assert sandbox.run(Execute(code, level, "answer")) == sandbox.run(Execute(code, level, "answer"))
