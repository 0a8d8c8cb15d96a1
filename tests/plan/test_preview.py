"""What `plan` says before a pilot: intervals where a model is still to be asked, and the price of asking."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import refinec

SPEC = """edition = 1
dataset quiz {
  task = qa
  source = "quiz.jsonl"
}
model small { provider = simulated, price = { input = $0.15 / 1M, output = $0.60 / 1M } }
measure field { kind = classify, model = small, labels = [plants, stones] }
measure words { kind = length }
dimension subject { from = field, target = { plants = 40%, stones = rest } }
dimension size {
  from = words
  bands = { short = below(4), long = above(4) }
}
operator drop { kind = remove }
budget { cost = $0.20 }
pilot { budget = $0.10 }
output refined { path = "out.jsonl" }
"""


def write_project(folder: Path) -> None:
    rows = [{"question": f"What is number {number}?", "answer": str(number)} for number in range(8)]
    (folder / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "quiz.refine").write_text(SPEC)


def test_shares_that_a_pilot_is_to_learn_are_intervals(tmp_path: Path) -> None:
    write_project(tmp_path)
    shown = refinec("plan", "--format", "json", cwd=tmp_path)
    assert shown.code == 0, shown.err
    document = json.loads(shown.out)
    assert document["status"] == "known_after_pilot"
    assert document["mix"]["subject"]["plants"] == {"now": {"low": 0.0, "high": 1.0}, "target": 0.4, "planned": None}
    assert document["mix"]["size"]["long"]["now"] == {"low": 1.0, "high": 1.0}
    assert document["unknown"] == [{"measure": "field", "dimensions": ["subject"], "items": 8, "of": 8}]
    (phase,) = document["pilot"]
    assert phase["wishes"][0]["expected"]["calls"] == 8
    assert document["cost"]["usd"] == {"low": "0", "high": "0.2"}
    page = refinec("plan", cwd=tmp_path)
    assert "known after pilot for 8 of 8 items" in page.out
    assert refinec("plan", "--exit-code", cwd=tmp_path).code == 10


def test_what_needs_a_plan_says_that_there_is_none(tmp_path: Path) -> None:
    write_project(tmp_path)
    for command in (("plan", "-o", "a.refplan"), ("apply", "--auto-approve")):
        refused = refinec(*command, cwd=tmp_path)
        assert refused.code == 1
        assert "RF5142" in refused.err
    assert not (tmp_path / "a.refplan").exists()


def test_a_pilot_makes_it_a_plan_that_its_evidence_can_make_stale(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert refinec("pilot", "--auto-approve", cwd=tmp_path).code == 0
    assert refinec("plan", "-o", "a.refplan", cwd=tmp_path).code == 0
    evidence = tmp_path / "refine.evidence.jsonl"
    lines = evidence.read_text().splitlines()
    flipped = lines[0].replace("plants", "\0").replace("stones", "plants").replace("\0", "stones")
    evidence.write_text("\n".join([flipped, *lines[1:]]) + "\n")
    refused = refinec("apply", "a.refplan", cwd=tmp_path)
    assert refused.code == 6
    assert "refine.evidence.jsonl" in refused.err
