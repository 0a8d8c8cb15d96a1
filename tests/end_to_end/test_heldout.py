"""Held-out items: what comes near to one is refused, and nobody is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import refinelab_dsl
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

SPEC = """edition = 1
dataset items { task = qa, source = "items.jsonl" }
dataset exam { role = heldout, task = qa, source = "exam.jsonl", on_bad_row = stop }
measure subject { kind = column, column = "subject" }
dimension topic { from = subject, target = uniform() }
model small { provider = simulated, id = "small" }
embedding grams { provider = hashed }
validator fresh { kind = duplicate, against = output, heldout = exam, embedding = grams, accept = similarity < 0.2 }
operator drop { kind = remove }
operator paraphrase { kind = expand, model = small, checks = [fresh], max_per_item = 1 }
constraints { size = keep, max_removed = 50%, distinct = at_least(10%) }
budget { tokens = 100k }
output refined { path = "out.jsonl" }
"""
WORDS = (
    "river", "engine", "planet", "violin", "harbour", "candle", "market", "glacier", "orchard", "lantern", "saddle",
)  # fmt: skip


def rows(first: int, count: int) -> list[dict[str, str]]:
    return [
        {
            "question": f"How does the {WORDS[number % 11]} change the {WORDS[number * 5 % 11]} of region {number}?",
            "answer": f"by {WORDS[number * 7 % 11]} {number}", "subject": "a" if number < 12 else "b",
        }
        for number in range(first, first + count)
    ]  # fmt: skip


def write(folder: Path, exam: list[dict[str, str]]) -> Path:
    spec = folder / "spec.refine"
    spec.write_text(SPEC)
    for name, content in (("items.jsonl", rows(0, 18)), ("exam.jsonl", exam)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    return spec


def test_what_comes_near_to_a_held_out_item_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = write(tmp_path, rows(12, 6))  # the very items that would be paraphrased
    head = refinelab_dsl.load(spec).plan().apply().head
    refused = head["rejected"]["fresh"]
    assert refused > 0
    assert head["operators"]["paraphrase"]["accepted"] == 0
    assert head["watch"]["heldout"] == {"fresh": {"nearest": 0.0, "refused": refused}}
    log = (tmp_path / ".refine/runs/0001/provenance.jsonl").read_text()
    verdicts = [entry for entry in map(json.loads, log.splitlines()) if entry["event"] == "verdict"]
    judged = [entry for entry in verdicts if entry["check"] == "fresh"]
    assert {entry["reason"] for entry in judged} == {"it is too like a held-out item"}
    assert all(entry["values"].keys() == {"heldout"} for entry in judged)


def test_what_is_far_from_them_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    far = [{"question": "Name twelve Zulu proverbs.", "answer": "none known", "subject": "c"}]
    spec = write(tmp_path, far)
    spec.write_text(SPEC.replace("similarity < 0.2", "similarity < 0.95"))
    plan = refinelab_dsl.load(spec).plan(tmp_path / "a.refplan")
    assert plan.header.seeds["heldout.exam"].dataset.role == "heldout"
    assert "Zulu" not in (tmp_path / "a.refplan").read_text()
    head = plan.apply().head
    assert head["operators"]["paraphrase"]["accepted"] > 0
    held = head["watch"]["heldout"]["fresh"]
    assert held["refused"] == 0
    assert 0 <= held["nearest"] < 0.95
    assert "held out fresh" in refinec("show", "1", cwd=tmp_path).out


def test_held_out_files_that_change_or_cannot_be_read(tmp_path: Path) -> None:
    spec = write(tmp_path, rows(30, 2))
    assert refinec("plan", "-o", "a.refplan", cwd=tmp_path).code == 0
    write(tmp_path, rows(30, 3))
    refused = refinec("apply", "a.refplan", cwd=tmp_path)
    assert refused.code == ExitCode.STALE
    assert "the held-out items of `exam` changed" in refused.err
    (tmp_path / "exam.jsonl").write_text("{\n")
    refused = refinec("plan", cwd=tmp_path)
    assert refused.code == ExitCode.SPEC
    assert "exam.jsonl:1" in refused.err
    (tmp_path / "exam.jsonl").unlink()
    refused = refinec("plan", cwd=tmp_path)
    assert refused.code == ExitCode.SPEC
    assert "exam.jsonl" in refused.err
    spec.write_text(SPEC.replace("role = heldout", "role = seeds"))
    assert "RF2228" in refinec("check", "spec.refine", cwd=tmp_path).out
