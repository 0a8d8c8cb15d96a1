"""The loop that scikit-learn closes: what its program measures, and a small run of the benchmark on real questions."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.benchmarks.test_difficulty import load
from tests.cli.command import refinec

# It is looked for, not imported: that takes seconds in each process that collects the tests.
pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="NO SCIKIT-LEARN: pip install 'refinec[dev]'")

EXAMPLE = ROOT / "specs/data/topics.jsonl"


def average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def test_labels_that_are_wrong_are_hard_and_believed_less_and_the_truth_is_not_read() -> None:
    classifier = load("closed_loop").load_classifier()
    rows = classifier.load_rows(EXAMPLE)
    measured = classifier.measure_rows(rows)
    assert measured == classifier.measure_rows([{**row, "truth": "hidden"} for row in rows])
    assert [each["id"] for each in measured] == [row["id"] for row in rows]
    wrong = [each for each, row in zip(measured, rows, strict=True) if row["answer"] != row["truth"]]
    right = [each for each in measured if each not in wrong]
    assert len(wrong) == 32
    for name in ("loss_before", "loss_after"):
        assert average([each[name] for each in wrong]) > 1.2 * average([each[name] for each in right])
    assert average([each["grade"] for each in right]) > 1.5 * average([each["grade"] for each in wrong])
    assert all(0 <= each["nearness"] <= 1 and 0 < each["grade"] <= 10 for each in measured)


def test_the_command_of_the_example_writes_its_signals_and_tells_its_accuracy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier = load("closed_loop").load_classifier()
    classifier.main(EXAMPLE, tmp_path / "signals", ROOT / "specs/data/topics_heldout.jsonl")
    assert classifier.load_rows(tmp_path / "signals") == classifier.measure_rows(classifier.load_rows(EXAMPLE))
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "107 questions of 5 topics"
    assert re.fullmatch(r"held-out accuracy 0\.[5-7]\d{3} of 44 questions", told[1])


def test_chance_deals_out_the_same_signals(tmp_path: Path) -> None:
    module = load("closed_loop")
    classifier = module.load_classifier()
    for name in ("first", "again", "other"):
        module.deal_signals(str(EXAMPLE), str(tmp_path / name), "2" if name == "other" else "1")
    dealt = {name: classifier.load_rows(tmp_path / name) for name in ("first", "again", "other")}
    measured = classifier.measure_rows(classifier.load_rows(EXAMPLE))
    assert dealt["first"] == dealt["again"] != dealt["other"]
    assert [each["id"] for each in dealt["first"]] == [each["id"] for each in measured]
    grades = [[each["grade"] for each in rows] for rows in (dealt["first"], measured)]
    assert grades[0] != grades[1]
    assert sorted(grades[0]) == sorted(grades[1])


def test_a_small_loop_corrects_labels_of_real_questions_within_its_budget(tmp_path: Path) -> None:
    module = load("closed_loop")
    if not module.DATA.exists():
        pytest.skip("NO DATA: MMLU-Pro is not in ../shared/data")
    train, exam = module.draw_noise(module.load_questions(), seed=1, items=150, exam=100, noise=0.3)
    assert sum(row["answer"] != row["truth"] for row in train) == 45
    assert not {row["question"] for row in train} & {row["question"] for row in exam}
    module.write_project(tmp_path / "loop", train, exam, "signals", seed=1, right=0.9, budget="40k", rounds=1)
    answer = refinec(*module.APPLY, cwd=tmp_path / "loop")
    assert answer.json["loop"]["status"] == "complete", answer.err
    arm = module.measure_arm(tmp_path / "loop", answer.json["loop"], train, exam, "signals", seed=1)
    assert arm.wrong[0] == 45
    assert 45 - arm.right <= arm.wrong[1] < 45
    assert 0 < arm.tokens[1] <= 40_000
    assert all(0.2 < share < 1 for share in arm.accuracy)


def test_what_is_shown_follows_from_the_arms() -> None:
    module = load("closed_loop")
    draw = random.Random(0)
    arms: list[Any] = []
    for seed in range(4):
        for name, gain in (("signals", 0.06), ("random", 0.02)):
            accuracy = (0.6, 0.6 + gain + draw.uniform(-0.01, 0.01))
            arms.append(module.Arm(seed, name, accuracy, (180, 120), (0, 50_000), 100, 60, "rounds"))
    shown = module.render(arms, [0.7, 0.72, 0.71, 0.71])
    assert "| what came in | 60.0 ± 0.0 | 180 | 0k | 60.0 ± 0.0 | 180 | 0k | +0.0 ± 0.0 |" in shown
    assert "every label right: 71.0 ± 1.3" in shown  # t of 3 degrees, 3.18, times 0.816 / 2
    assert "signals: 400 labels verified, 240 changed (60%); loops ended by rounds: 4" in shown
