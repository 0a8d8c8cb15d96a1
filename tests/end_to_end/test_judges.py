"""Judges as checks, from a spec: refused, revised, kept apart, logged, replayed, and held to the plan's ceiling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import refinec

SPEC = """edition = 1
seed = 4
dataset items { task = qa, source = "items.jsonl" }
measure words { kind = length }
dimension length {
  from = words, order = [short, long]
  bands = { short = below(8), long = above(8) }, target = { short = 0%, long = rest }
}
model small { provider = simulated, id = "small", params = { success = 100% } }
model critic { provider = simulated, id = "critic", price = { input = $1 / 1M, output = $2 / 1M }CRITIC }
operator lengthen { kind = rewrite, model = small, moves = { length = +1 }, checks = [keen] }
judge keen { model = critic, criteria = [accuracy, clarity], JUDGE }
budget { tokens = 400k }
run { on_overload = ignore }
output refined { path = "out.jsonl", provenance = "log.jsonl" }
"""


def apply(folder: Path, judge: str, critic: str = "") -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The end of a run of 24 items, its log, and what it said."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.refine").write_text(SPEC.replace("JUDGE", judge).replace("CRITIC", critic), encoding="utf-8")
    rows = [{"question": f"What is number {number}?", "answer": f"{number} things"} for number in range(24)]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = refinec("apply", "--auto-approve", "--format", "json", cwd=folder)
    assert found.code in (0, 9), found.err
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return found.json, log, found.err


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("strict")
    head, log, _ = apply(folder, "accept = score >= 8, on_reject = revise, max_rounds = 2")
    return folder, head, log


def test_what_a_judge_refuses_is_revised_as_often_as_it_says(
    strict: tuple[Path, dict[str, Any], list[dict[str, Any]]],
) -> None:
    folder, head, log = strict
    verdicts = [event for event in log if event["event"] == "verdict" and event["check"] == "keen"]
    assert {verdict["accept"] for verdict in verdicts} == {True, False}
    for verdict in verdicts:
        assert verdict["accept"] == (verdict["values"]["score"] >= 8)
        assert verdict["accept"] or verdict["reason"].startswith("the judge does not accept it: accuracy ")
    calls = [event for event in log if event["event"] == "call"]
    turns = {call["turn"] for call in calls if call["template"] == "lengthen" and "turn" in call}
    assert turns == {1, 2}
    assert {call["template"] for call in calls} == {"lengthen", "judge.keen.critic.results"}
    assert head["cost"]["usd"] != "0"
    for command in (("verify", "log.jsonl"), ("replay", "1")):
        answer = refinec(*command, cwd=folder)
        assert answer.code == 0, answer.err
    changed = next(event for event in log if event["event"] == "commit")
    traced = refinec("trace", changed["id"], cwd=folder)
    assert "keen: accepted" in traced.out
    assert "judge" in traced.out


def test_the_plan_prices_a_judge_and_no_run_takes_more(
    strict: tuple[Path, dict[str, Any], list[dict[str, Any]]],
) -> None:
    folder, head, _ = strict
    plan = json.loads((folder / ".refine/runs/0001/plan.refplan").read_text(encoding="utf-8").splitlines()[0])
    assert [template["name"] for template in plan["templates"]] == ["lengthen", "judge.keen.critic.results"]
    shown = refinec("show", ".refine/runs/0001/plan.refplan", cwd=folder)
    assert "lengthen, checks" in shown.out
    assert float(head["cost"]["usd"]) <= float(plan["usd"]["ceiling"])
    again = refinec("plan", "--format", "json", cwd=folder)
    assert again.json["plan_id"] == head["plan_id"], "nothing is to be bought again"


def test_quarantine_keeps_what_a_judge_refuses_and_a_bias_is_named(tmp_path: Path) -> None:
    head, log, _ = apply(tmp_path, "on_reject = quarantine")
    refused = [event for event in log if event["event"] == "reject" and event["check"] == "keen"]
    kept = [json.loads(line) for line in (tmp_path / "out.quarantine.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(kept) == len(refused) > 0
    assert all("the judge prefers what it was made of" in row["_reason"] for row in kept)
    assert "keen" in head["watch"]["judges"]
    biased, _, said = apply(tmp_path / "biased", "mode = pairwise", ", params = { position_bias = 100% }")
    told = biased["watch"]["judges"]["keen"]
    assert told["first_named"] == told["opinions"] >= 10
    assert "RF6024" in said
    assert "judge `keen` names the version that is shown first" in said
