"""What is watched in every run: drift, variety, targets that stall, labels that are lost."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import refinelab_dsl
from refinelab_dsl.data.items import Item
from refinelab_dsl.execute.alarms import DRIFTED, FEWEST_RESULTS, find_alarms
from refinelab_dsl.execute.watch import SAMPLED, Sketch
from refinelab_dsl.source import Place
from tests.cli.command import refinec

SPEC = """edition = 1
seed = 3
dataset items { task = qa, source = "items.jsonl" }
measure subject { kind = column, column = "subject" }
dimension topic { from = subject, labels = [a, b, c, d], target = TARGET }
model small { provider = simulated, id = "small", params = { success = SUCCESS } }
validator near { kind = drift, accept = similarity > 0 }
validator fresh { kind = duplicate, against = [originals, output] }
validator never { kind = expression, accept = len(question) > 9_999 }
operator drop { kind = remove }
operator paraphrase { kind = expand, model = small, checks = CHECKS, max_per_item = 1, prior = { success = 90% } }
constraints { size = keep, max_removed = 50%, distinct = at_least(10%) }
budget { tokens = 100k }
output refined { path = "out.jsonl" }
"""


def run(folder: Path, **texts: str) -> dict[str, Any]:
    """What a run of 24 items says of itself: 12 of topic a, 8 of b, 4 of c."""
    given = {"TARGET": "{ a = 25%, b = 45%, c = 30%, d = 0% }", "SUCCESS": "0.9", "CHECKS": "[near, fresh]", **texts}
    text = SPEC
    for name, value in given.items():
        text = text.replace(name, value)
    (folder / "spec.refine").write_text(text)
    words = [f"{letter}{place}" for place, letter in enumerate("thequickbrownfoxjumps")]
    rows = [
        {"question": f"Why {number} {' '.join(words[number % 7 :])}?", "answer": f"because {number}", "subject": topic}
        for number, topic in enumerate("a" * 12 + "b" * 8 + "c" * 4)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    head = refinelab_dsl.load(folder / "spec.refine").plan(inventory=False).apply().head
    return dict(head)


def test_drift_and_variety(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checked = run(tmp_path)["watch"]
    assert checked["drift"]["paraphrase"]["by"] == "drift"
    assert checked["drift"]["paraphrase"]["results"] >= 4
    told = checked["drift"]["paraphrase"]
    assert 0 < told["low"] <= told["median"] <= told["high"] <= 1
    log = [json.loads(line) for line in (tmp_path / ".refine/runs/0001/provenance.jsonl").read_text().splitlines()]
    accepted = {event["step"] for event in log if event["event"] == "commit"}
    values = sorted(
        event["values"]["similarity"]
        for event in log
        if event["event"] == "verdict" and event["check"] == "near" and event["step"] in accepted
    )
    assert len(values) == told["results"]
    assert values[0] - 0.01 <= told["low"] <= told["median"] <= told["high"] <= values[-1] + 0.01
    refinement = checked["refinement"]
    assert refinement["added"] == pytest.approx(told["results"] / 24, abs=1e-3)
    assert refinement["removed"] == refinement["added"]
    assert 0 < refinement["word_pairs"]["before"] < 1
    assert refinement["word_pairs"]["after"] != refinement["word_pairs"]["before"]
    assert run(tmp_path, CHECKS="[fresh]")["watch"]["drift"]["paraphrase"]["by"] == "letters"


def test_labels_that_are_lost_and_targets_that_stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watch = run(tmp_path, TARGET="{ a = 60%, b = 40%, c = 0%, d = 0% }")["watch"]
    assert watch["tail"] == [], "what is to have no items may lose them"
    assert watch["stalled"] == {}
    watch = run(tmp_path, CHECKS="[near, fresh, never]")["watch"]
    assert watch["stalled"] == {"topic": 1.0}
    assert watch["drift"] == {}
    shown = refinec("show", "2", cwd=tmp_path).out
    assert "stalled topic" in shown


HEADER: Any = SimpleNamespace(spec_path="specs/a.refine")


def watched(**told: Any) -> dict[str, Any]:
    return {"stalled": {}, "tail": [], "drift": {}, **told}


def test_a_stall_is_said_unless_missing_results_are() -> None:
    (found,) = find_alarms(HEADER, watched(stalled={"topic": 0.4, "length": 0.3}), {"length"})
    assert (found.code, found.severity, str(found.place)) == ("RF6026", "warning", "specs/a.refine")
    assert "`topic` was missed, and the last 40% of the tokens" in found.message
    assert found.help


def test_lost_labels_are_listed_to_a_bound() -> None:
    tail = [{"dimension": "topic", "label": f"l{number}", "before": 3, "after": 0, "floor": 0} for number in range(7)]
    (found,) = find_alarms(HEADER, watched(tail=tail), ())
    assert found.code == "RF6027"
    assert found.message.startswith("7 labels have lost")
    assert found.notes[0] == "`l0` of topic: 3 before, 0 now"
    assert found.notes[-1] == "and 2 more"


def test_drift_is_said_of_enough_results_that_are_far_enough() -> None:
    def codes(results: int, median: float) -> list[str]:
        drift = {"reword": {"by": "letters", "results": results, "low": 0.0, "median": median, "high": 1.0}}
        return [found.code for found in find_alarms(HEADER, watched(drift=drift), ())]

    assert codes(FEWEST_RESULTS, DRIFTED - 0.01) == ["RF6028"]
    assert codes(FEWEST_RESULTS - 1, 0.0) == []
    assert codes(FEWEST_RESULTS, DRIFTED) == []


def test_a_sketch_keeps_the_same_items_in_any_order() -> None:
    def make(number: int) -> Item:
        fields = {"question": f"w{number} w{number + 1} x"}
        return Item(f"{number}", f"{number}", f"{number * 7919 % 10007:05d}", fields, {}, {}, Place(""))

    items = [make(number) for number in range(3 * SAMPLED)]
    one, other = Sketch(), Sketch()
    for item in items:
        one.add(item)
    for item in reversed(items):
        other.add(item)
    assert len(one.kept) <= 2 * SAMPLED
    assert one.diversity() == other.diversity() is not None
    assert Sketch().diversity() is None
