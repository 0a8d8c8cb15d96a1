"""HumanEval in the sandbox: all reference solutions at the embedded level, mutants and the strict level by sample."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import humaneval_exec
from refinelab_dsl.data.code import build_program
from refinelab_dsl.effects import Execute
from refinelab_dsl.sandbox import LEVELS, Limits, Sandbox
from tests.sandbox.levels import need, open_levels

SAMPLE = slice(3, None, 20)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from open_levels(Limits(seconds=20, waiting=60))


@pytest.fixture(scope="module")
def items() -> list[dict[str, str]]:
    if not humaneval_exec.DATA.exists():
        pytest.skip("NO DATA: HumanEval is not in ../shared/data")
    return humaneval_exec.load_items()


def test_every_reference_solution_passes_its_tests(items: list[dict[str, str]], sandbox: Sandbox) -> None:
    need(sandbox, "embedded")
    ended = {fields["id"]: sandbox.run(Execute(build_program(fields), "embedded")) for fields in items}
    assert len(ended) == 164
    assert {name: outcome for name, outcome in ended.items() if outcome.status != "ok"} == {}


def test_solutions_are_supported_and_mutants_refuted(items: list[dict[str, str]], sandbox: Sandbox) -> None:
    for level in LEVELS:
        need(sandbox, level)
    for fields in items[SAMPLE]:
        mutant = humaneval_exec.find_mutant(fields, sandbox)
        assert mutant is not None
        for level in LEVELS:
            assert humaneval_exec.verify(fields, level, sandbox).verdict == "supported"
            # Of the embedded level all but the few that rest on the order of a set; none of the sample does.
            assert humaneval_exec.verify({**fields, "solution": mutant}, level, sandbox).verdict == "refuted"


def test_mutants_differ_in_one_place_each() -> None:
    fields = {"prompt": 'def f(n):\n    """1 + 1 == 2"""\n', "solution": "    return n + 1 if n > 0 else True\n"}
    bodies = [mutant.splitlines()[-1].strip() for mutant in humaneval_exec.iterate_mutants(fields)]
    assert bodies == [
        "return [n + 1 if n > 0 else True]", "return n + 1 if not n > 0 else True", "return n - 1 if n > 0 else True",
        "return n + 2 if n > 0 else True", "return n + 1 if n >= 0 else True", "return n + 1 if n > 1 else True",
        "return n + 1 if n > 0 else False",
    ]  # fmt: skip
