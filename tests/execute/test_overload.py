"""An operator whose checks refuse far more than was expected is stopped, wherever replies stand when that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import refinelab_dsl
from refinelab_dsl import Run
from refinelab_dsl.execute.overload import LEAST
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

SPEC = """edition = 1
dataset items { task = qa, source = "items.jsonl" }
measure subject { kind = column, column = "subject" }
dimension topic { from = subject, target = uniform() }
model small { provider = simulated, id = "small", limits = { concurrency = 64 } }
validator strict { kind = expression, accept = ACCEPT }
operator author {
  kind = generate, model = small, moves = { topic = any }, checks = [strict], prior = { success = 95% }
}
operator paraphrase { kind = expand, model = small, max_per_item = 2 }
constraints { size = 150, distinct = at_least(40%) }
budget { tokens = 400k }
run { on_overload = WORD }
output refined { path = "out.jsonl" }
"""


def apply(folder: Path, accept: str, *, word: str = "stop", concurrency: int | None = None) -> tuple[Run, list[Any]]:
    folder.mkdir()
    (folder / "spec.refine").write_text(SPEC.replace("ACCEPT", accept).replace("WORD", word))
    rows = [
        {"question": f"Where is place {number} of the old town?", "answer": f"at {number}", "subject": "ab"[number % 2]}
        for number in range(30)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = refinelab_dsl.load(folder / "spec.refine").plan(inventory=False).apply(concurrency=concurrency)
    log = (folder / ".refine/runs/0001/provenance.jsonl").read_text()
    return run, [json.loads(line) for line in log.splitlines()]


def test_it_is_stopped_at_the_same_step_at_any_concurrency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run, log = apply(tmp_path / "one", "len(question) > 9_000", concurrency=1)
    (stop,) = [event for event in log if event["event"] == "overload"]
    assert (stop["operator"], stop["judged"], stop["accepted"]) == ("author", LEAST, 0)
    place = log.index(stop)
    assert log[place - 1]["event"] == "reject"
    assert log[place - 1]["step"] == stop["step"]
    assert not [event for event in log[place:] if event.get("operator") == "author" and event["event"] == "reject"]
    assert run.head["watch"]["overload"] == {
        "author": {"judged": LEAST, "accepted": 0, "expected": stop["expected"]}
    }
    assert run.exit_code == ExitCode.INCOMPLETE
    assert "RF6025" in [problem.code for problem in run.diagnostics]
    many, _ = apply(tmp_path / "many", "len(question) > 9_000", concurrency=64)
    one, other = (tmp_path / name / ".refine/runs/0001/provenance.jsonl" for name in ("one", "many"))
    assert one.read_bytes() == other.read_bytes()
    assert (tmp_path / "one/out.jsonl").read_bytes() == (tmp_path / "many/out.jsonl").read_bytes()
    assert many.head["cost"]["calls"] == run.head["cost"]["calls"], "no attempt was made in vain"
    assert refinec("replay", "1", cwd=tmp_path / "one").code == 0
    assert "stopped: 0 of 50 accepted" in refinec("show", "1", cwd=tmp_path / "one").out


def test_it_may_be_told_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run, log = apply(tmp_path / "on", "len(question) > 9_000", word="ignore")
    assert not [event for event in log if event["event"] == "overload"]
    assert run.head["rejected"]["strict"] > LEAST
    assert run.head["watch"]["overload"] == {}


def test_one_that_does_as_expected_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run, log = apply(tmp_path / "well", "len(question) > 1", concurrency=64)
    assert run.head["operators"]["author"]["accepted"] == run.head["operators"]["author"]["wanted"]
    assert not [event for event in log if event["event"] == "overload"]
