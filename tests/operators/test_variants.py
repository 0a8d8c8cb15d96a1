"""`expand { variants }`: several paraphrases for one call, each an attempt of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.operators import Unreadable
from refinelab_dsl.operators.replies import read_variants
from tests.cli.command import refinec

SPEC = """edition = 1
dataset quiz { task = qa, source = "quiz.jsonl", fields = { kind = column("kind") } }
model small { provider = simulated, price = { input = $0.15 / 1M, output = $0.60 / 1M } }
measure field { kind = column, column = kind }
dimension subject { from = field, target = { plants = 50%, stones = rest } }
constraints { size = 24, distinct = at_least(40%) }
operator more { kind = expand, model = small, variants = 3, checks = [fresh], prior = { success = 90% } }
validator fresh { kind = duplicate, accept = similarity < 0.97 }
budget { tokens = 900k }
output refined { path = "out.jsonl", provenance = "out.prov.jsonl" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rows = [
        {"question": f"Which {kind} of the garden grows beside wall number {number}?", "answer": f"{kind} {number}",
         "kind": kind}
        for kind, count in (("plants", 12), ("stones", 4))
        for number in range(count)
    ]  # fmt: skip
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "quiz.refine").write_text(SPEC)
    return tmp_path


def read_log(project: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project / "out.prov.jsonl").read_text().splitlines()]


def test_attempts_on_one_item_share_a_call_that_is_paid_once(project: Path) -> None:
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=project)
    assert answer.code == 0, answer.err
    events = read_log(project)
    calls = [event for event in events if event["event"] == "call"]
    commits = [event for event in events if event["event"] == "commit"]
    assert len(commits) == 8
    parents = {commit["parents"][0] for commit in commits}
    assert len(parents) < len(commits)
    assert len({call["request"] for call in calls}) == answer.json["cost"]["calls"] <= len(calls) / 2
    paid = [call for call in calls if call["input_tokens"]]
    assert len({call["request"] for call in paid}) == len(paid)
    total = sum(call["input_tokens"] + call["output_tokens"] for call in paid)
    assert total <= answer.json["cost"]["tokens"]  # calls in flight at the end are paid and not told
    rows = [json.loads(line) for line in (project / "out.jsonl").read_text().splitlines()]
    assert len({row["question"] for row in rows}) == len(rows) == 24


def test_a_run_without_the_cache_shares_them_too(project: Path) -> None:
    first = refinec("apply", "--auto-approve", "--format", "json", cwd=project)
    again = refinec("apply", "--auto-approve", "--format", "json", "--no-cache", cwd=project)
    assert again.json["cost"]["calls"] == first.json["cost"]["calls"] > 0
    assert again.json["outputs"] == first.json["outputs"]


def test_it_is_replayed_and_verified(project: Path) -> None:
    assert refinec("apply", "--auto-approve", cwd=project).code == 0
    assert refinec("replay", "1", cwd=project).code == 0
    assert refinec("verify", "out.prov.jsonl", cwd=project).code == 0


def test_the_plan_counts_a_shared_call_once(project: Path) -> None:
    shown = refinec("plan", "--format", "json", cwd=project)
    one = refinec("plan", "--format", "json", "--chdir", str(project), cwd=project)
    assert shown.json["cost"]["tokens"] == one.json["cost"]["tokens"]
    (project / "quiz.refine").write_text(SPEC.replace("variants = 3", "variants = 1, max_per_item = 3"))
    single = refinec("plan", "--format", "json", cwd=project)
    assert shown.json["cost"]["tokens"]["expected"] < single.json["cost"]["tokens"]["expected"]


def test_the_prompt_asks_for_so_many(project: Path) -> None:
    text = refinec("render", "more", cwd=project)
    assert text.code == 0, text.err
    assert "3 new items" in text.out
    assert "variants" in text.out


QA = {"question": "Which?", "answer": "b"}


def test_replies_of_several_items() -> None:
    assert read_variants("qa", json.dumps({"variants": [QA, {**QA, "question": " Why? "}]})) == [
        QA, {**QA, "question": "Why?"},
    ]  # fmt: skip
    for text in ("{}", '{"variants": []}', '{"variants": [{"question": "x"}]}', json.dumps(QA)):
        assert isinstance(read_variants("qa", text), Unreadable)
