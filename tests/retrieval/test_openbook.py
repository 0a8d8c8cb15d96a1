"""Retrieval on OpenBookQA, whose questions name the fact that they were written from."""

from __future__ import annotations

import pytest

from benchmarks.retrieval import QUERIES, load_index, load_questions, measure_recall
from tests.architecture.tree import ROOT

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
