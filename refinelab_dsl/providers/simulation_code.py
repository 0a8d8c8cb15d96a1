"""What the simulated model writes for the task `code`: small functions whose tests pass, told in noise.

A good result runs: `exec` supports it. One with the flaw `answer` returns something else and fails its own tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.vocabulary import ADJECTIVES, NOUNS

Tell: TypeAlias = Callable[[str, str], str]
"""(text to say, the rest of the prompt) -> the text in other words, so long that the whole is as long as is wanted."""

_DOCUMENTED: Final = re.compile(r'\A(.*?^[ \t]*(?:"""|\'\'\'))(.*)((?:"""|\'\'\')\s*)\Z', re.DOTALL | re.MULTILINE)
_EXAMPLES: Final = re.compile(r"^[ \t]*>>>.*\Z", re.DOTALL | re.MULTILINE)


class _Function(NamedTuple):
    """A function of a list of whole numbers: its expression in Python, what it does in words, and what it gives."""

    expression: str
    told: str
    compute: Callable[[list[int]], Any]


def write_code(draw: Draw, tell: Tell) -> dict[str, Any]:
    """A new item: prompt, tests, entry point and the body that goes on where the prompt stops."""
    name = "_".join(re.sub(r"\W", "", draw.pick(words)) for words in (ADJECTIVES, NOUNS))
    function = _pick_function(draw)
    head = f'def {name}(values: list) -> {"list" if isinstance(function.compute([1]), list) else "int"}:\n    """ '
    tail = '\n    """\n'
    lists = [[draw.between(-9, 40) for _ in range(size)] for size in (1, 3, 5, 8)]
    calls = [f"    assert candidate({values}) == {function.compute(values)!r}" for values in lists]
    return {
        "prompt": f'{head}{tell(function.told, head + tail)}{tail}',
        "tests": "def check(candidate):\n" + "\n".join(calls) + "\n",
        "entry_point": name,
        "solution": f"    return {function.expression}\n",
    }


def reword_code(item: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """The same function told in other words: what a docstring says before its examples, else the whole prompt."""
    prompt, name = str(item.get("prompt", "")), str(item.get("entry_point", ""))
    documented = _DOCUMENTED.match(prompt)
    if documented:
        head, told, tail = documented.groups()
        found = _EXAMPLES.search(told)
        examples = found[0] if found else ""
        body = told[: len(told) - len(examples)]
        reworded = f"{head} {tell(body, head + examples + tail)}\n{examples or '    '}{tail}"
    else:
        reworded = tell(prompt, "")
        if name not in reworded:
            reworded += f" It is called {name}."
    return {"prompt": reworded, **{key: str(item.get(key, "")) for key in ("tests", "entry_point", "solution")}}


def break_code(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The item with a solution that gives nothing back."""
    return {**fields, "solution": f"def {fields['entry_point']}(*arguments):\n    return None\n"}


def _pick_function(draw: Draw) -> _Function:
    a, b = draw.between(2, 9), draw.between(1, 30)
    return draw.pick((
        _Function(
            f"[{a} * value + {b} for value in values]", f"Return each value times {a} plus {b}.",
            lambda values: [a * value + b for value in values],
        ),
        _Function(
            f"sum(1 for value in values if value > {b})", f"Return how many values are greater than {b}.",
            lambda values: sum(1 for value in values if value > b),
        ),
        _Function(
            f"[value for value in values if value % {a} != 0]", f"Return the values that {a} does not divide.",
            lambda values: [value for value in values if value % a != 0],
        ),
        _Function(
            f"sum(values) * {a} - {b}", f"Return the sum of the values times {a}, less {b}.",
            lambda values: sum(values) * a - b,
        ),
        _Function(
            f"sorted(values, reverse=True)[:{a}]", f"Return the {a} greatest values, the greatest first.",
            lambda values: sorted(values, reverse=True)[:a],
        ),
    ))  # fmt: skip
