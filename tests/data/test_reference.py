"""A target that is the mix of another dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl import load
from refinelab_dsl.diagnostics import RefineError
from tests.cli.command import refinec

SPEC = """edition = 1
seed = 1
dataset items {{ task = qa, source = "items.jsonl", fields = {{ topic = column("topic") }} }}
dataset exam {{ role = seeds, task = qa, source = "exam.jsonl", fields = {{ topic = {field} }} }}
measure subject {{ kind = column, column = topic }}
dimension topic {{ from = subject{labels}, target = like(exam) }}
model small {{ provider = simulated }}
operator drop {{ kind = remove }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }} }}
constraints {{ max_removed = 80% }}
budget {{ tokens = 400k }}
output refined {{ path = "out/refined.jsonl", layout = task }}
"""


def _write(path: Path, counts: dict[str, int]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for topic, count in counts.items():
            for number in range(count):
                row = {"question": f"{topic} {number}?", "answer": str(number), "topic": topic}
                stream.write(json.dumps(row) + "\n")


def _project(folder: Path, labels: str = "", field: str = 'column("topic")') -> Path:
    _write(folder / "items.jsonl", {"algebra": 30, "geometry": 10})
    _write(folder / "exam.jsonl", {"algebra": 5, "topology": 3, "geometry": 2})
    spec = folder / "spec.refine"
    spec.write_text(SPEC.format(labels=labels, field=field), encoding="utf-8")
    return spec


def test_its_shares_are_wanted_and_its_labels_too(tmp_path: Path) -> None:
    mix = load(_project(tmp_path)).plan().header.mix["topic"]
    assert {label: share.target for label, share in mix.items()} == {"algebra": 0.5, "geometry": 0.2, "topology": 0.3}
    planned = {label: share.count_planned for label, share in mix.items()}
    assert planned == {"algebra": 20, "geometry": 8, "topology": 12}


def test_labels_that_the_dimension_does_not_list_are_left_out(tmp_path: Path) -> None:
    mix = load(_project(tmp_path, labels=", labels = [algebra, geometry]")).plan().header.mix["topic"]
    assert mix["algebra"].target == pytest.approx(5 / 7, abs=1e-9)
    assert mix["geometry"].target == pytest.approx(2 / 7, abs=1e-9)


def test_a_dataset_without_any_label_is_no_model(tmp_path: Path) -> None:
    labels = ", labels = [algebra, geometry]"
    with pytest.raises(RefineError) as caught:
        load(_project(tmp_path, labels, field='lower("History")')).plan()
    assert [each.code for each in caught.value.diagnostics.errors] == ["RF3045"]


def test_a_plan_is_stale_when_it_changes(tmp_path: Path) -> None:
    _project(tmp_path)
    assert refinec("plan", "spec.refine", "-o", "a.refplan", cwd=tmp_path).code == 0
    _write(tmp_path / "exam.jsonl", {"algebra": 1, "geometry": 1})
    refused = refinec("apply", "a.refplan", cwd=tmp_path)
    assert refused.code == 6
    assert "the further data in `exam.jsonl` changed" in refused.err
