"""Retrieval on OpenBookQA, whose questions name the fact that they were written from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.retrieval import QUERIES, load_index, load_questions, measure_recall
from tests.architecture.tree import ROOT
from tests.cli.command import refinec

SHARED = ROOT / "../shared/data"


def test_keywords_find_the_fact_more_often_than_the_question_does() -> None:
    folder = SHARED / "openbookqa"
    if not folder.is_dir():
        pytest.skip("NO DATA: ../shared/data/openbookqa is not here")
    index = load_index(folder)
    questions = load_questions(folder / "test_complete.jsonl")
    plain = measure_recall(index, questions, QUERIES["question"])
    ours = measure_recall(index, questions, QUERIES["keywords (24)"])
    assert ours[4] > plain[4] + 0.05
    assert ours[4] == pytest.approx(0.616, abs=0.01)


def test_the_spec_runs_on_the_real_set(tmp_path: Path) -> None:
    """In place, with the simulated model: new items rest on facts of the book, whose lines the log names."""
    folder = SHARED / "openbookqa"
    if not folder.is_dir():
        pytest.skip("NO DATA: ../shared/data/openbookqa is not here")
    shutil.copy(ROOT / "specs/openbookqa_rag.refine", tmp_path)
    given = ["--var", f"data={folder.resolve()}/test_complete.jsonl", "--var", f"facts={folder.resolve()}/openbook.txt"]
    answer = refinec("apply", "--auto-approve", "--format", "json", "--allow-outside", *given, cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert answer.json["size"]["measured"] == 500
    log = (tmp_path / "out/openbookqa_rag.prov.jsonl").read_text("utf-8")
    verdicts = [event for line in log.splitlines() if (event := json.loads(line))["event"] == "verdict"]
    named = [event["values"]["passages"] for event in verdicts if "passages" in event.get("values", {})]
    assert len(named) > 50
    assert all(name.startswith("openbook.txt:") for names in named for name in names.split())
    assert str(folder.resolve()) not in log
