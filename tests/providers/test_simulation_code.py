"""The simulated model's code: what is good passes its own tests, what has a wrong answer does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refinelab_dsl.data.code import build_program, find_fault
from refinelab_dsl.prompts import Subject, item_schema
from refinelab_dsl.prompts.compose import builtin_template
from refinelab_dsl.providers.simulation import FLAWS, simulate

ITEM = {
    "prompt": 'def double(n: int) -> int:\n    """Return twice the number n, whatever its sign may be.\n\n'
    "    >>> double(4)\n    8\n    \"\"\"\n",
    "tests": "def check(candidate):\n    assert candidate(4) == 8\n    assert candidate(-1) == -2\n",
    "entry_point": "double",
    "solution": "    return 2 * n\n",
}  # fmt: skip
WORDED = {**ITEM, "prompt": "Write double(n), which returns twice the number n.",
          "solution": "def double(n):\n    return 2 * n"}  # fmt: skip
BAND = {"length": {"label": "long", "low": 40, "high": 60, "unit": "words"}}


def ask(kind: str, item: dict[str, Any], sample: int, *, success: str = "1", target: Any = None, **options: Any) -> Any:
    subject = Subject(kind, "code", item, target or {}, success)
    reply = simulate(subject, seed=3, sample=sample, schema=item_schema("code"), **options)
    return json.loads(reply.text), reply.flaw


def passes(fields: dict[str, Any]) -> bool:
    try:
        exec(build_program(fields), {})
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("kind", ["expand", "generate"])
@pytest.mark.parametrize("item", [ITEM, WORDED], ids=["docstring", "words"])
def test_what_is_good_passes_its_tests(kind: str, item: dict[str, Any]) -> None:
    seen = set()
    for sample in range(20):
        fields, flaw = ask(kind, item, sample)
        assert flaw is None
        assert find_fault(fields) is None
        assert passes(fields)
        assert fields["prompt"] != item["prompt"]
        assert (fields["entry_point"] == "double") == (kind == "expand")
        seen.add(fields["prompt"])
    assert len(seen) == 20


@pytest.mark.parametrize("kind", ["expand", "generate"])
def test_prompts_are_as_long_as_is_wanted(kind: str) -> None:
    for sample in range(20):
        fields, _ = ask(kind, ITEM, sample, target=BAND)
        assert 40 <= len(fields["prompt"].split()) < 60
        if kind == "expand":
            assert ">>> double(4)\n    8\n" in fields["prompt"]


def test_what_has_a_wrong_answer_fails_its_tests() -> None:
    for kind in ("expand", "generate"):
        fields, flaw = ask(kind, ITEM, 1, success="0", flaws=("answer",))
        assert flaw == "answer"
        assert find_fault(fields) is None
        assert not passes(fields)


def test_a_repetition_repeats_and_a_broken_shape_lacks_a_member() -> None:
    assert "duplicate" in FLAWS
    assert ask("generate", ITEM, 1, success="0", flaws=("duplicate",))[0] == ITEM
    assert "solution" not in ask("generate", ITEM, 1, success="0", flaws=("schema",))[0]


@pytest.mark.parametrize("kind", ["expand", "generate"])
def test_the_example_in_the_prompt_is_a_good_reply(kind: str) -> None:
    """What a model is shown as a good reply is one: it can be read, and it passes."""
    system, _ = builtin_template(kind, "code")
    part = system[system.index('task == "code" -%}') :]
    lines = [line for line in part.splitlines() if line.startswith('{"prompt"')]
    fields = json.loads(lines[0])
    assert find_fault(fields) is None
    assert passes(fields)
    assert not passes({**fields, "solution": "    return None"})
