"""`rewrite_distractors` from a spec: question and key stay, and the mistakes behind the choices are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import refinec

SPEC = """\
edition = 1
dataset quiz { task = mcq, source = "data/quiz.jsonl", fields = { level = column("level") } }
measure level { kind = column, column = "level" }
dimension difficulty { from = level, order = [easy, hard], target = { easy = 50%, hard = 50% }, on_new = assume }
model small { provider = simulated }
operator sharpen { kind = rewrite_distractors, model = small, moves = { difficulty = +1 }, checks = [well_formed] }
validator well_formed { kind = format }
budget { tokens = 900k }
output refined { path = "out/quiz.jsonl", layout = task }
expect "mistakes differ" { assert = distractor_diversity() >= 0.5 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / ".refine").mkdir()
    (tmp_path / "quiz.refine").write_text(SPEC)
    rows = [
        {"id": f"q{at}", "question": f"What is {at} plus {at}?", "answer": "B",
         "choices": [str(2 * at + more) for more in (1, 0, 2, 3)], "level": "hard" if at < 4 else "easy"}
        for at in range(20)
    ]  # fmt: skip
    (tmp_path / "data/quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_mistakes_are_measured_and_held_to_what_is_expected(project: Path) -> None:
    planned = refinec("plan", cwd=project)
    assert "mistakes differ" in planned.out
    applied = refinec("apply", "--auto-approve", "--format", "json", cwd=project)
    assert applied.code == 0, applied.err
    rows = [json.loads(line) for line in (project / "out/quiz.jsonl").read_text().splitlines()]
    changed = [row for row in rows if row["_origin"] == "changed"]
    assert changed
    for row in changed:
        at = int(row["question"].split()[2])
        assert row["answer"] == str(2 * at)
        assert row["choices"].count(row["answer"]) == 1
        assert len(set(row["choices"])) == len(row["choices"]) == len(row["mistakes"])
    found = applied.json["distractor_diversity"]
    assert found["items"] == len(changed)
    assert found["kinds"] == len({kind for row in changed for kind in row["mistakes"] if kind})
    assert 0.5 <= found["value"] <= 1
    assert [check["status"] for check in applied.json["checks"]] == ["passed"]
    assert "distractor diversity" in refinec("show", "1", cwd=project).out
    assert refinec("replay", "1", cwd=project).code == 0


def test_without_new_distractors_nothing_is_known(project: Path) -> None:
    spec = SPEC.replace("easy = 50%, hard = 50%", "easy = 80%, hard = 20%")
    (project / "quiz.refine").write_text(spec)
    applied = refinec("apply", "--auto-approve", "--format", "json", cwd=project)
    assert applied.code == 11
    assert applied.json["distractor_diversity"] is None
    assert "not known" in applied.json["checks"][0]["value"]
