"""Conversations for fine-tuning: one per item, and only what it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data.chat import build_messages
from refinelab_dsl.data.invert import Unfit
from refinelab_dsl.data.write import write_outputs
from refinelab_dsl.declarations import Dataset
from tests.data.sets import (
    MMLU_COLUMNS,
    MMLU_FIELDS,
    added,
    call,
    codes,
    load,
    make_project,
    make_result,
    originals,
    output,
)


def said(task: str, **fields: Any) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in build_messages(task, fields)]


def test_an_mcq_names_its_key_by_letter_and_text() -> None:
    fields = {"context": "Read.", "question": "Which?", "choices": ["one", "two", "three"], "answer": "three"}
    assert said("mcq", **fields) == [
        ("user", "Read.\n\nWhich?\n\nA. one\nB. two\nC. three"), ("assistant", "C. three"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("solution", "reply"),
    [
        (None, "6"),
        ("2 * 3 = 6", "2 * 3 = 6"),
        ("Twice three.\n#### 6\n", "Twice three.\n#### 6\n"),
        ("Twice three.", "Twice three.\n\nAnswer: 6"),
    ],
)
def test_a_solution_comes_before_its_answer(solution: str | None, reply: str) -> None:
    fields = {"question": "2 * 3?", "answer": "6", **({"solution": solution} if solution else {})}
    assert said("math", **fields)[1] == ("assistant", reply)


def test_code_answers_with_its_solution() -> None:
    fields = {"prompt": "def f():", "tests": "assert f()", "entry_point": "f"}
    assert said("code", **fields, solution="    return 1") == [("user", "def f():"), ("assistant", "    return 1")]
    with pytest.raises(Unfit, match="no solution"):
        build_messages("code", fields)


def test_a_chat_stays_as_it_is() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert build_messages("chat", {"messages": messages}) == messages


def test_rows_hold_messages_and_what_columns_name(tmp_path: Path) -> None:
    fields = {**MMLU_FIELDS, "s": call("stem")}
    dataset = Dataset(name="m", task="mcq", source=("m.csv",), columns=MMLU_COLUMNS, fields=fields)
    project = make_project(tmp_path, {"m.csv": "Q,1,2,3,4,B\n"})
    files, items = load(dataset, project)
    # Five choices have no place in the columns of the source, and need none here.
    wide = make_result(items[0], "n", choices=["1", "2", "3", "4", "5"], answer="5")
    outputs = [
        output("a.jsonl", format="sft"),
        output("b.jsonl", format="sft", name="b", columns=("id", "s", "messages")),
        output("c/", format="sft", name="c", columns=("messages",)),
    ]
    digests, diagnostics = write_outputs(
        outputs, dataset, files, project, [*originals(items), added(wide, simulated=True, s="m")]
    )
    assert codes(diagnostics) == []
    assert [digest.file for digest in digests] == ["a.jsonl", "b.jsonl", "c/m.jsonl"]
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [["messages", "_origin"], ["messages", "_origin", "_simulated"]]
    assert rows[1]["messages"][1] == {"role": "assistant", "content": "E. 5"}
    chosen = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert [list(row) for row in chosen] == [["id", "s", "messages"]] * 2
    assert json.loads((tmp_path / "c/m.jsonl").read_text().splitlines()[0]) == {"messages": rows[0]["messages"]}
