"""Refine-n-Judge on conversations: answers that are there, and missing ones; on data of ours and on public sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data.conversation import count_open, find_fault, read_messages
from tests.architecture.tree import ROOT
from tests.cli.command import refinec

SHARED = ROOT / "../shared/data"
SPECS = ROOT / "specs/refine_n_judge"
PUBLIC = {
    "truthfulqa": "truthfulqa/TruthfulQA.csv",
    "acronyms": "acronyms/acronyms.tsv",
    "mt_bench": "mt_bench/question.jsonl",
    "openassistant": "openassistant/en_trees_first50.jsonl.gz",
}
SPEC = """\
edition = 1
dataset talk { task = chat, source = "talk.jsonl" }
model small { provider = simulated, params = { success = 1, judge_accuracy = 1 } }
judge careful { model = small, swap = true }
operator improve { kind = refine, model = small, judge = careful, max_rounds = 3 }
budget { tokens = 3M }
output best { path = "out/best.jsonl" }
output pairs { path = "out/pairs.jsonl", format = preference }
output tuning { path = "out/tuning.jsonl", format = sft }
"""


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def apply(folder: Path, spec: str, *arguments: str) -> dict[str, Any]:
    """The head of a run whose log is whole and whose outputs are made again byte by byte."""
    answer = refinec("apply", spec, "--auto-approve", "--format", "json", *arguments, cwd=folder)
    assert answer.code == 0, answer.err
    head: dict[str, Any] = answer.json
    assert head["status"] == "complete"
    for command in (("verify", head["provenance"]["file"]), ("replay", str(head["run"]))):
        checked = refinec(*command, cwd=folder)
        assert checked.code == 0, checked.err
    return head


def turns(*pairs: str) -> list[dict[str, str]]:
    names = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": names[pair[0]], "content": pair[1:]} for pair in pairs]


def test_the_last_answer_is_refined_and_missing_ones_are_made(tmp_path: Path) -> None:
    came = [
        turns("sBe brief.", "uWhy is the sea salty?", "aRivers carry salts from the rocks into it."),
        turns("uWhat makes the tides?", "aThe moon, for the most part.", "uAnd the sun?", "aHalf as much again."),
        turns("uWhy is the sky blue at noon?"),
        turns("uName three rivers of France.", "uWhich of them is the longest?"),
    ]
    lines = (json.dumps({"n": n, "messages": messages}) + "\n" for n, messages in enumerate(came))
    (tmp_path / "talk.jsonl").write_text("".join(lines))
    (tmp_path / "talk.refine").write_text(SPEC)
    apply(tmp_path, "talk.refine")
    best = rows_of(tmp_path / "out/best.jsonl")
    assert [row["n"] for row in best] == [0, 1, 2, 3]
    for row, before in zip(best, came, strict=True):
        messages = read_messages(row["messages"])
        assert (row["_origin"], count_open(messages), messages[-1]["role"]) == ("changed", 0, "assistant")
        # What people said stays, and so does every answer before the last one.
        assert [turn for turn in messages if turn["role"] != "assistant"] == [
            turn for turn in before if turn["role"] != "assistant"
        ]
    assert best[1]["messages"][:3] == came[1][:3]
    assert best[0]["messages"][-1] != came[0][-1]
    assert [len(row["messages"]) for row in best] == [3, 4, 2, 4]
    pairs = rows_of(tmp_path / "out/pairs.jsonl")
    assert {row["prompt"][-1]["content"] for row in pairs} == {
        "Why is the sea salty?", "And the sun?", "Why is the sky blue at noon?", "Which of them is the longest?",
    }  # fmt: skip
    for row in pairs:
        assert find_fault([*row["prompt"], *row["chosen"]]) is None
        assert row["chosen"] != row["rejected"]
    tuning = rows_of(tmp_path / "out/tuning.jsonl")
    assert [row["messages"] for row in tuning] == [row["messages"] for row in best]


@pytest.mark.parametrize("spec", PUBLIC)
def test_a_spec_on_a_public_set_runs(spec: str, tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"NO DATA: {spec}.refine reads ../shared/data, which is not here")
    shutil.copy(SPECS / f"{spec}.refine", tmp_path)
    data = (SHARED / PUBLIC[spec]).resolve()
    chosen = ("--allow-outside", "--var", f"data={data}", "--var", "rows=3")
    head = apply(tmp_path, f"{spec}.refine", *chosen)
    assert head["size"]["measured"] == 3
    rows = rows_of(tmp_path / head["outputs"][0]["file"])
    if spec == "openassistant":
        assert {frozenset(row) >= {"message_tree_id", "prompt", "tree_state"} for row in rows} == {True}
        assert all(read_messages(row["prompt"]) for row in rows)
    elif spec != "truthfulqa":
        assert [count_open(row["messages"]) for row in rows] == [0, 0, 0]
