"""A target over several dimensions together, from the spec to the result."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from refinelab_dsl import compiler, load
from refinelab_dsl.metrics import jsd_of_counts

TOPICS = ("algebra", "geometry")
LEVELS = ("easy", "hard")
# Each dimension alone is as it should be, and hard algebra does not exist.
COUNTS = {("algebra", "easy"): 20, ("geometry", "hard"): 20}

SPEC = """edition = 1
seed = 1
dataset items {{
  task = qa
  source = "items.jsonl"
  fields = {{ topic = column("topic"), level = column("level") }}
}}
measure subject {{ kind = column, column = topic }}
measure grade {{ kind = column, column = level }}
dimension topic {{ from = subject, labels = [algebra, geometry]{target} }}
dimension level {{ from = grade, order = [easy, hard]{target} }}
model small {{ provider = simulated }}
operator drop {{ kind = remove }}
operator author {{
  kind = generate
  model = small
  moves = {{ topic = any, level = any }}
  prior = {{ success = 95% }}
}}
constraints {{ max_removed = 60%{constraint} }}
budget {{ tokens = 400k }}
output refined {{ path = "out/refined.jsonl", layout = task, columns = [question, topic, level] }}
"""


def _project(folder: Path, constraint: str, target: str = ", target = uniform()") -> Path:
    with (folder / "items.jsonl").open("w", encoding="utf-8") as stream:
        for (topic, level), count in COUNTS.items():
            for number in range(count):
                row = {"question": f"{topic} {level} {number}?", "answer": str(number), "topic": topic, "level": level}
                stream.write(json.dumps(row) + "\n")
    spec = folder / "spec.refine"
    spec.write_text(SPEC.format(constraint=constraint, target=target), encoding="utf-8")
    return spec


def test_without_one_there_is_nothing_to_do(tmp_path: Path) -> None:
    header = load(_project(tmp_path, "")).plan().header
    assert header.actions == header.removals == ()


def test_independent_dimensions(tmp_path: Path) -> None:
    plan = load(_project(tmp_path, ", joint = independent(topic, level)")).plan()
    header = plan.header
    cells = {f"{topic}/{level}" for topic, level in product(TOPICS, LEVELS)}
    shares = header.mix["topic & level"]
    assert set(shares) == cells
    assert {share.count_planned for share in shares.values()} == {10}
    assert header.divergence["topic & level"]["planned"] == 0
    assert header.divergence["topic & level"]["now"] == pytest.approx(jsd_of_counts([20, 0, 0, 20], [0.25] * 4))
    assert {tuple(action.to.items()) for action in header.actions} == {
        (("topic", "algebra"), ("level", "hard")), (("topic", "geometry"), ("level", "easy"))
    }  # fmt: skip

    run = plan.apply()
    rows = [json.loads(line) for line in (tmp_path / "out" / "refined.jsonl").read_text("utf-8").splitlines()]
    made = Counter((row["topic"], row["level"]) for row in rows)
    assert len(rows) == 40
    assert set(made.values()) <= {9, 10, 11}
    assert run.head["divergence"]["topic & level"]["intended"] == pytest.approx(
        jsd_of_counts([made[cell] for cell in product(TOPICS, LEVELS)], [0.25] * 4), abs=1e-9
    )


def test_no_prompt_is_told_of_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.refplan"
    assert compiler.plan(_project(tmp_path, ", joint = independent(topic, level)"), destination=path).plan
    steps = [json.loads(line) for line in path.read_text("utf-8").splitlines() if '"record":"step"' in line]
    assert steps
    assert all(set(step["target"]) == {"topic", "level"} for step in steps)


def test_a_table_of_combinations(tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_text("cell,share\neasy/algebra,40\nhard/algebra,10\nhard/geometry,50\n", "utf-8")
    spec = _project(tmp_path, ', joint = load("cells.csv", key = "cell", value = "share")', target="")
    header = load(spec).plan().header
    planned = {label: share.count_planned for label, share in header.mix["level & topic"].items()}
    assert planned == {"easy/algebra": 16, "easy/geometry": 0, "hard/algebra": 4, "hard/geometry": 20}
    assert set(header.divergence) == {"level & topic"}
