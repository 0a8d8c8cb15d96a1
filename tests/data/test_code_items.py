"""Items of the task `code`: read from HumanEval and MBPP as they are, put together as programs, checked for sense."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data.answers import AnswerStyle
from refinelab_dsl.data.code import build_program, find_fault
from refinelab_dsl.data.invert import invert, invertible
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.operators import Unreadable, read_reply
from tests.data.sets import column, load, make_project, make_result

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
FIELDS = {"id": column("task_id"), "tests": column("test"), "solution": column("canonical_solution")}
BODY: dict[str, Any] = {
    "prompt": 'def double(n):\n    """Twice n."""\n', "tests": "def check(candidate):\n    assert candidate(4) == 8\n",
    "entry_point": "double", "solution": "    return 2 * n\n",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "prompt": "Write double(n), which gives back twice n.", "tests": "assert double(4) == 8", "entry_point": "double",
    "solution": "def double(n):\n    return 2 * n",
}  # fmt: skip


def need(name: str) -> Path:
    if not SHARED.is_dir():
        pytest.skip("NO DATA: ../shared/data is not here")
    return SHARED / name


def passes(program: str) -> bool:
    try:
        exec(program, {})
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("fields", [BODY, WHOLE, {**BODY, "solution": "def double(n):\n    return n + n\n"},
                                    {**WHOLE, "prompt": "def double(n):"}])  # fmt: skip
def test_a_program_runs_the_solution_and_then_the_tests(fields: dict[str, Any]) -> None:
    assert find_fault(fields) is None
    assert passes(build_program(fields))
    assert not passes(build_program(fields, stub=True))
    wrong = {**fields, "solution": fields["solution"].replace("return", "return 1 +")}
    assert not passes(build_program(wrong))


def test_helpers_of_the_prompt_are_there_for_a_whole_solution() -> None:
    fields = {
        **BODY, "prompt": 'import math\n\ndef half(n):\n    return n / 2\n\ndef double(n):\n    """Twice n."""\n',
        "solution": "def double(n):\n    return math.floor(half(n) * 4)\n",
    }  # fmt: skip
    assert passes(build_program(fields))


def test_tests_that_call_themselves_are_called_once() -> None:
    check = "def check(candidate):\n    calls.append(candidate(4))\n    assert calls == [8]\n"
    tests = f"calls = []\n{check}check(double)\n"
    assert passes(build_program({**BODY, "tests": tests}))


FAULTS = {
    "the entry point is no name of Python": {"entry_point": "double(n)"},
    "neither the prompt nor the tests name the entry point": {"entry_point": "triple"},
    "the tests assert nothing": {"tests": "def check(candidate):\n    candidate(4)\n"},
    "the tests do not use the entry point": {"tests": "assert 8 == 8"},
    "neither the prompt nor the solution defines the entry point": {"prompt": "Write double."},
    "the solution does not go on where the prompt stops": {"solution": "return 2 * n"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_belong_together_is_said(fault: str) -> None:
    assert find_fault({**BODY, **FAULTS[fault]}) == fault


def test_humaneval_is_read_as_it_is_and_written_back() -> None:
    path = need("humaneval/HumanEval.jsonl.gz")
    project = make_project(path.parent, {})
    dataset = Dataset(name="d", task="code", source=(path.name,), fields=FIELDS)
    _, items = load(dataset, project)
    assert len(items) == 164
    assert invertible(dataset) == ()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file.read().split("\n") if line]
    for item, row in zip(items, rows, strict=True):
        assert (item.id, item.question, item.fields["solution"]) == (
            row["task_id"], row["prompt"], row["canonical_solution"],
        )  # fmt: skip
        assert find_fault(item.fields) is None
        assert invert(dataset, item, AnswerStyle("text"), keep=True) == row


def test_tests_that_are_a_list_are_one_program_and_a_list_again(tmp_path: Path) -> None:
    row = {"text": "Write double.", "code": WHOLE["solution"], "name": "double",
           "test_list": ["assert double(4) == 8", "assert double(0) == 0"]}  # fmt: skip
    project = make_project(tmp_path, {"a.jsonl": json.dumps(row) + "\n"})
    fields = {"prompt": column("text"), "tests": column("test_list"), "solution": column("code"),
              "entry_point": column("name")}  # fmt: skip
    dataset = Dataset(name="d", task="code", source=("a.jsonl",), fields=fields)
    _, (item,) = load(dataset, project)
    assert item.fields["tests"] == "assert double(4) == 8\nassert double(0) == 0"
    assert passes(build_program(item.fields))
    made = make_result(item, task="code", tests="assert double(1) == 2\nassert double(2) == 4")
    assert invert(dataset, made, AnswerStyle("text"), keep=False)["test_list"] == [
        "assert double(1) == 2", "assert double(2) == 4",
    ]  # fmt: skip


def test_a_reply_keeps_the_indentation_of_its_code() -> None:
    reply = {**BODY, "entry_point": " double ", "solution": "\n\n    x = 2\n    return x * n  \n\n"}
    fields = read_reply("code", json.dumps(reply))
    assert not isinstance(fields, Unreadable)
    assert fields == {**BODY, "solution": "    x = 2\n    return x * n\n"}
    assert passes(build_program(fields))
    assert isinstance(read_reply("code", json.dumps({**BODY, "tests": ["assert 1"]})), Unreadable)
