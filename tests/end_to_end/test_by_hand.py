"""Results that a check refused and a person accepts: taken as they are, at no cost, and said to be by hand."""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

import refinelab_dsl
from refinelab_dsl import Run
from refinelab_dsl.diagnostics import RefineError
from tests.cli.command import refinec

SPEC = """edition = 1
seed = 3
dataset items { task = qa, source = "items.jsonl" }
measure subject { kind = column, column = "subject" }
dimension topic { from = subject, target = uniform() }
model small { provider = simulated, id = "small", params = { success = 55%, flaws = [duplicate, answer, schema] } }
operator drop { kind = remove }
operator author { kind = generate, model = small, moves = { topic = any }, checks = [CHECKS] }
validator fresh { kind = duplicate, against = [originals, output], on_reject = quarantine }
validator form { kind = format, on_reject = quarantine }
validator even { kind = expression, accept = len(question) / 2 == 1_000, on_reject = quarantine }
judge strict { model = small, accept = score >= 9, on_reject = revise }
constraints { size = keep, max_removed = 40%, distinct = at_least(50%) }
budget { tokens = 200k }
run { on_overload = ignore }
output refined { path = "out.jsonl", provenance = "log.jsonl" }
"""


class World:
    """A project with one run."""

    def __init__(self, folder: Path, checks: str = "") -> None:
        self.folder, self.file, self.spec = folder, folder / "decisions.jsonl", folder / "spec.refine"
        if not checks:
            return
        rows = [
            {"id": f"i{number}", "question": f"What is {number} of it?", "answer": "so", "subject": "aab"[number % 3]}
            for number in range(24)
        ]
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.spec.write_text(SPEC.replace("CHECKS", checks))
        refinelab_dsl.load(self.spec).plan().apply()

    def refused(self, *checks: str) -> list[str]:
        """Ids of what these checks refused in the first run."""
        edits = refinec("review", "1", "--format", "json", cwd=self.folder).json["edits"]
        return [
            edit["id"] for edit in edits if edit["kind"] in ("rejected", "quarantined") and edit["check"] in checks
        ]

    def decide(self, *ids: str, word: str = "accept") -> None:
        """Writes a file that says only this."""
        rows = [{"id": each, "parent": "-", "operator": "author", "decision": word} for each in ids]
        self.file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def apply(self) -> Run:
        return refinelab_dsl.load(self.spec).plan(decisions=self.file).apply()

    def ids(self) -> set[str]:
        return {json.loads(line)["id"] for line in (self.folder / "out.jsonl").read_text().splitlines()}

    def log(self, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, (self.folder / "log.jsonl").read_text().splitlines())
        return [entry for entry in lines if entry["event"] == event]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    with chdir(folder):
        World(folder, "form, fresh, strict")
    return folder


@pytest.fixture
def world(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    folder = Path(shutil.copytree(begun, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return World(folder)


def test_what_a_person_accepts_is_taken_as_it_is_and_costs_nothing(world: World) -> None:
    kept_apart, revised = world.refused("fresh")[0], world.refused("strict")[0]
    held = (world.folder / "out.quarantine.jsonl").read_text().splitlines()
    text = next(row for row in map(json.loads, held) if row["id"] == kept_apart)["question"]
    assert refinec("review", "1", "-o", world.file, "-q", cwd=world.folder).code == 0
    rows = {row["id"]: row for row in map(json.loads, world.file.read_text().splitlines())}
    assert (rows[kept_apart]["decision"], rows[kept_apart]["note"]) == ("reject", "refused by fresh")
    assert revised not in rows, "nobody is asked about what was dropped"
    world.decide(kept_apart, revised)
    run = world.apply()
    assert {kept_apart, revised} <= world.ids()
    output = [json.loads(line) for line in (world.folder / "out.jsonl").read_text().splitlines()]
    assert next(row for row in output if row["id"] == kept_apart)["question"] == text
    assert run.head["operators"]["author"]["by_hand"] == 2
    told = {entry["check"]: entry for entry in world.log("verdict") if entry.get("by_hand")}
    assert told.keys() == {"fresh", "strict"}
    assert all(entry["accept"] and entry["reason"] for entry in told.values())
    assert {(entry["id"], entry["decision"], entry["by_hand"]) for entry in world.log("decision")} == {
        (kept_apart, "accept", True), (revised, "accept", True),
    }  # fmt: skip
    for command in (("verify", "log.jsonl"), ("replay", "2")):
        answer = refinec(*command, cwd=world.folder)
        assert answer.code == 0, answer.err
    assert "accepted by hand" in refinec("trace", revised, cwd=world.folder).out

    again = world.apply()
    assert again.head["cost"]["tokens"] == 0
    assert {kept_apart, revised} <= world.ids(), "a later run takes them as long as somebody says so"
    refinelab_dsl.load(world.spec).plan().apply()
    assert not {kept_apart, revised} & world.ids(), "and no longer"


def test_a_pin_holds_it_and_a_rejection_says_what_holds_anyway(world: World) -> None:
    one, other = world.refused("strict")[:2]
    world.decide(one, word="pin")
    plan = refinelab_dsl.load(world.spec).plan(decisions=world.file)
    assert plan.header.decisions is not None
    assert [(row.id, row.decision, row.by_hand) for row in plan.header.decisions.rows] == [(one, "pin", True)]
    shown = " ".join(refinec("plan", "--decisions", world.file, cwd=world.folder).out.split())
    assert "0 pinned, 1 accepted by hand" in shown
    world.decide(other, word="reject")
    plan = refinelab_dsl.load(world.spec).plan(decisions=world.file)
    assert plan.header.decisions is not None
    assert plan.header.decisions.rows == ()


@pytest.mark.parametrize(("check", "why"), [("form", "refused its form"), ("reply", "came to no item")])
def test_nobody_can_accept_what_is_no_item(world: World, check: str, why: str) -> None:
    world.decide(world.refused(check)[0])
    with pytest.raises(RefineError) as caught:
        world.apply()
    (found,) = caught.value.diagnostics.errors
    assert found.code == "RF6808"
    assert why in found.notes[0]
    assert found.place is not None
    assert found.place.line == 1


def test_nobody_can_accept_what_lacks_a_value_that_counts(world: World) -> None:
    spec = world.spec.read_text()
    world.spec.write_text(spec.replace(
        "operator drop",
        "measure heard { kind = classify, model = small, labels = [easy, hard] }\n"
        "dimension level { from = heard, target = uniform(), on_new = measure }\noperator drop",
    ))  # fmt: skip
    refused = world.refused("strict")[0]
    assert refinec("pilot", "spec.refine", "--auto-approve", cwd=world.folder).code == 0
    world.decide(refused)
    with pytest.raises(RefineError) as caught:
        world.apply()
    (found,) = caught.value.diagnostics.errors
    assert found.code == "RF6807"
    assert "results are measured for level" in found.notes[0]
    assert found.place is not None
    assert found.place.line == 1


def test_a_later_check_of_its_form_still_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path, "even, form")
    refused = world.refused("even")
    refused = refused[:6]
    world.decide(*refused)
    run = world.apply()
    broken = {name.split("`")[1] for name in (each.message for each in run.diagnostics) if "by hand" in name}
    assert 0 < len(broken) < len(refused)
    assert world.ids() & {*refused} == {*refused} - broken
    assert {each.code for each in run.diagnostics if "by hand" in each.message} == {"RF6809"}
