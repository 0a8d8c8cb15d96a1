"""`scrub` from a spec to a clean set: simulated and over HTTP, on good days and bad ones; nothing private leaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.detectors import PRIVATE, TOXICITY, Watch, detect
from refinelab_dsl.providers.endpoint import Simulation
from tests.architecture.tree import ROOT
from tests.cli.command import Answer, refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = ROOT / "specs" / "mailbox_scrub.refine"
SECRETS = ("gonzalez", "Solberg", "84.173.22.9", "4770 9145", "536-22", "tomasz", "imbecile", "Vogelsang", "CTZqpGpe")
ALL = Watch((*PRIVATE, TOXICITY))


def lay_out(folder: Path, model: str = "", **changes: str) -> None:
    text = SPEC.read_text(encoding="utf-8")
    if model:
        text = text.replace('  provider = simulated\n  id = "simulated-small"\n', f"  {model}\n")
        assert model in text
    for old, new in changes.items():
        assert f"\n  {old} = " in text
        lines = text.split("\n")
        text = "\n".join(f"  {old} = {new}" if line.strip().startswith(f"{old} = ") else line for line in lines)
    (folder / "data").mkdir()
    (folder / "mailbox_scrub.refine").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "specs" / "data" / "mailbox.jsonl", folder / "data")


def apply(folder: Path) -> Answer:
    return refinec("apply", "--auto-approve", "--format", "json", "mailbox_scrub.refine", cwd=folder)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out/mailbox.jsonl").read_text("utf-8").splitlines()]


def verdicts(folder: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (folder / "out/mailbox.prov.jsonl").read_text("utf-8").splitlines()]
    return [event for event in events if event["event"] == "verdict"]


@pytest.mark.parametrize(
    "day", ["good", "bad", "hopeless", "http"],
)
def test_the_set_is_clean_whatever_the_model_does(tmp_path: Path, day: str) -> None:
    success = {"good": 1.0, "bad": 0.4, "hopeless": 0.0, "http": 0.6}[day]
    if day == "http":
        with ThreadServer(Behaviour(Simulation(success=success))) as server:
            lay_out(tmp_path, f'provider = openai\n  id = "some"\n  base_url = "{server.base_url}"')
            answer = apply(tmp_path)
    else:
        lay_out(tmp_path, f"provider = simulated\n  params = {{ success = {success} }}")
        answer = apply(tmp_path)
    assert answer.code == 0, answer.err
    assert answer.json["changed"] == 12
    assert answer.json["watch"]["tail"] == [], "what is to be cleaned may be gone"
    assert "RF6027" not in answer.err
    found = rows(tmp_path)
    assert len(found) == 24
    assert [detect(row["question"] + "\n" + row["answer"], ALL) for row in found] == [()] * 24
    told = verdicts(tmp_path)
    tries = {"good": 12, "hopeless": 48}.get(day)
    assert tries is None or len(told) == tries
    assert sum(event["check"] == "scrub:mask" for event in told) == {"good": 0, "hopeless": 12}.get(
        day, sum(event["check"] == "scrub:mask" for event in told)
    )
    assert sum(event["accept"] for event in told) == 12
    assert refinec("verify", "out/mailbox.prov.jsonl", cwd=tmp_path).code == 0
    replayed = refinec("replay", "1", cwd=tmp_path)
    assert replayed.code == 0, replayed.err


def test_nothing_private_stands_outside_of_data_and_store(tmp_path: Path) -> None:
    lay_out(tmp_path, "provider = simulated\n  params = { success = 0.4 }")
    events = tmp_path / "events.jsonl"
    answer = refinec(
        "apply", "--auto-approve", "--json-file", str(events), "mailbox_scrub.refine", cwd=tmp_path
    )
    assert answer.code == 0, answer.err
    shown = answer.out + answer.err + refinec("logs", "1", cwd=tmp_path).out
    shown += refinec("plan", "--format", "json", "mailbox_scrub.refine", cwd=tmp_path).out
    texts = {"shown": shown}
    for path in tmp_path.rglob("*"):
        if path.is_file() and "data" not in path.parts and not path.name.startswith("store"):
            texts[path.name] = path.read_bytes().decode("utf-8", "replace")
    assert {"mailbox.jsonl", "mailbox.prov.jsonl", "plan.refplan", "events.jsonl"} <= set(texts)
    leaks = [(name, secret) for name, text in texts.items() for secret in SECRETS if secret in text]
    assert leaks == []


def test_what_cannot_be_scrubbed_leaves_the_set(tmp_path: Path) -> None:
    """Short items change by more than 2%, whatever takes the place of what was found."""
    lay_out(tmp_path, max_change="2%", max_flagged="100%")
    answer = apply(tmp_path)
    assert answer.code == 9, answer.err
    found = rows(tmp_path)
    assert len(found) == 12 == answer.json["size"]["measured"]
    assert {row["_origin"] for row in found} == {"original"}
    assert [detect(row["question"], ALL) for row in found] == [()] * 12
    assert answer.json["removed"] == 12
    log = (tmp_path / "out/mailbox.prov.jsonl").read_text("utf-8")
    assert log.count('"event":"remove"') == 12
    assert refinec("replay", "1", cwd=tmp_path).code == 0
    assert "clean" in refinec("trace", "mail-01", cwd=tmp_path).out


def test_the_plan_holds_every_call_and_the_second_run_makes_none(tmp_path: Path) -> None:
    lay_out(tmp_path, "provider = simulated\n  params = { success = 0 }")
    planned = refinec("plan", "--format", "json", "mailbox_scrub.refine", cwd=tmp_path).json
    spent = apply(tmp_path).json["cost"]["tokens"]
    assert 0 < spent <= planned["cost"]["tokens"]["ceiling"]
    assert apply(tmp_path).json["cost"]["calls"] == 0


def test_what_the_budget_did_not_reach_is_not_passed_on(tmp_path: Path) -> None:
    """Replies of a model that is always wrong take more than the plan expects of them."""
    lay_out(tmp_path, "provider = simulated\n  params = { success = 0 }", max_flagged="100%", tokens="16k")
    answer = apply(tmp_path)
    assert answer.code == 5, answer.err
    assert answer.json["status"] == "partial"
    assert answer.json["cost"]["tokens"] <= 16_000
    assert 0 < answer.json["changed"] < 12
    found = rows(tmp_path)
    assert len(found) == 12 + answer.json["changed"]
    assert [detect(row["question"], ALL) for row in found] == [()] * len(found)
    assert refinec("replay", "1", cwd=tmp_path).code == 0


def test_what_an_earlier_leg_could_not_scrub_leaves_too(tmp_path: Path) -> None:
    lay_out(tmp_path, max_change="4%", max_flagged="100%", tokens="60k")
    path = tmp_path / "mailbox_scrub.refine"
    path.write_text(path.read_text("utf-8") + "\nsolve {\n  replan = 0.05\n}\n", encoding="utf-8")
    answer = apply(tmp_path)
    assert answer.code == 9, answer.err
    found = rows(tmp_path)
    assert {row["_origin"] for row in found} == {"original", "changed"}
    assert [detect(row["question"], ALL) for row in found] == [()] * len(found)
    assert len(list((tmp_path / ".refine/runs").iterdir())) > 1


def test_patterns_and_categories_of_a_measure_are_those_of_the_operator(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = tmp_path / "mailbox_scrub.refine"
    text = path.read_text("utf-8").replace("measure private { kind = pii }", (
        'measure private { kind = pii, categories = [email], patterns = { animals = "three cats" } }'
    ))
    path.write_text(text, encoding="utf-8")
    answer = apply(tmp_path)
    assert answer.code == 0, answer.err
    assert answer.json["changed"] == 5  # two addresses, one pattern, two insults
    assert "Vogelsang" in json.dumps(rows(tmp_path))
    assert "three cats" not in json.dumps(rows(tmp_path))


SOFTEN = """edition = 1
seed = 3
dataset mail { task = qa, source = "data/mailbox.jsonl" }
measure tone { kind = classify, model = small, labels = [civil, toxic] }
dimension tone_of { from = tone, labels = [civil, toxic] }
validator civil { kind = expression, accept = tone_of == civil }
model small { provider = simulated }
operator soften {
  kind = scrub
  model = small
  criteria = [toxicity]
  where = tone_of == toxic
  unmarked = true
  checks = [civil]
}
constraints { size = keep }
pilot { items = 5, label = all, budget = 200k }
budget { tokens = 200k }
output refined { path = "out/mailbox.jsonl", provenance = "out/mailbox.prov.jsonl" }
"""


def test_what_a_model_found_toxic_is_rewritten_and_asked_about_again(tmp_path: Path) -> None:
    """The simulated model's labels mean nothing, and stay what they are for the same text."""
    lay_out(tmp_path)
    (tmp_path / "mailbox_scrub.refine").write_text(SOFTEN, encoding="utf-8")
    assert refinec("pilot", "--auto-approve", cwd=tmp_path).code == 0
    planned = refinec("plan", "--format", "json", cwd=tmp_path).json
    toxic = planned["mix"]["tone_of"]["toxic"]["now"]
    assert toxic > 0
    answer = apply(tmp_path)
    assert answer.code in (0, 9), answer.err
    assert answer.json["mix"]["tone_of"]["toxic"]["measured"] == 0
    assert answer.json["changed"] > 0
    assert answer.json["changed"] + answer.json["removed"] == round(24 * toxic)
    assert answer.json["cost"]["tokens"] <= planned["cost"]["tokens"]["ceiling"]
    replayed = refinec("replay", str(answer.json["run"]), cwd=tmp_path)
    assert replayed.code == 0, replayed.err
