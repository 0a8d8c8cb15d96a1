"""What people decide about edits: rejected ones are replaced, pinned ones stay, accepted ones cost nothing."""

from __future__ import annotations

import json
import random
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

import refinelab_dsl
from refinelab_dsl import Plan
from refinelab_dsl.diagnostics import RefineError
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

SPEC = """edition = 1
seed = 3
dataset items { task = mcq, source = "items.jsonl" }
measure subject { kind = column, column = "subject" }
measure words { kind = length, unit = words }
dimension topic { from = subject, target = TARGET }
dimension length { from = words, order = [short, long], bands = { short = below(14), long = above(14) }LENGTH }
model small { provider = simulated, id = "small" }
validator fresh { kind = duplicate, against = [originals, output] }
operator drop { kind = remove }
operator paraphrase { kind = expand, model = small, checks = [fresh], max_per_item = 2 }
operator author { kind = generate, model = small, moves = { topic = any }, checks = [fresh] }
operator stretch { kind = rewrite, model = small, moves = { length = +1 }, max_per_item = 2 }
constraints { size = keep, max_removed = 20%, distinct = at_least(50%) }
budget { tokens = 200k }
solve { SOLVE }
output refined { path = "out.jsonl", provenance = "out.prov.jsonl" }
"""
TEXTS = {"TARGET": "uniform()", "LENGTH": ", target = { short = 60%, long = 40% }", "SOLVE": "gap = 1e-9"}


class World:
    """A project whose model is simulated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = folder / "spec.refine"
        self.file = folder / "decisions.jsonl"

    def begin(self) -> None:
        """Its first run, and a file that accepts all of it."""
        self.write()
        dice = random.Random(5)
        rows = []
        for number in range(40):
            topic = "organic" if number < 22 else "physical" if number < 34 else "analytical"
            words = " ".join(dice.choice(("acid", "base", "bond", "ion", "mole", "heat", "gas")) for _ in range(8))
            choices = [f"{letter}{number}" for letter in "abcd"]
            row = {"id": f"i{number}", "question": f"Item {number}: {words}?", "choices": choices, "answer": choices[1]}
            rows.append({**row, "subject": topic})
        (self.folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        refinelab_dsl.load(self.spec).plan().apply()
        self.review(1)

    def write(self, **texts: str) -> None:
        text = SPEC
        for name, value in {**TEXTS, **texts}.items():
            text = text.replace(name, value)
        self.spec.write_text(text)

    def plan(self) -> Plan:
        return refinelab_dsl.load(self.spec).plan(decisions=self.file)

    def review(self, run: int) -> list[dict[str, Any]]:
        assert refinec("review", str(run), "-o", self.file, "-q", cwd=self.folder).code == 0
        return self.rows()

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def decide(self, *wanted: tuple[str, int, str]) -> list[str]:
        """Decides about the nth edit of an operator; gives the ids."""
        rows = self.rows()
        chosen = []
        for operator, number, decision in wanted:
            row = [row for row in rows if row["operator"] == operator][number]
            row["decision"] = decision
            chosen.append(row["id"])
        self.file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return chosen

    def output(self) -> dict[str, dict[str, Any]]:
        lines = (self.folder / "out.jsonl").read_text().splitlines()
        return {row["id"]: row for row in map(json.loads, lines)}

    def log(self, run: int, event: str) -> list[dict[str, Any]]:
        path = self.folder / f".refine/runs/{run:04d}/provenance.jsonl"
        return [entry for entry in map(json.loads, path.read_text().splitlines()) if entry["event"] == event]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    with chdir(folder):
        World(folder).begin()
    return folder


@pytest.fixture
def world(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    folder = Path(shutil.copytree(begun, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return World(folder)


def test_rejected_edits_are_replaced_pinned_ones_stay_and_accepted_ones_are_free(world: World) -> None:
    made = {row["operator"] for row in world.rows()}
    assert made >= {"drop", "stretch"}
    adding = "author" if "author" in made else "paraphrase"
    gone, kept, bad, good, back, out = world.decide(
        (adding, 0, "reject"), (adding, 1, "pin"), ("stretch", 0, "reject"), ("stretch", 1, "pin"),
        ("drop", 0, "reject"), ("drop", 1, "pin"),
    )  # fmt: skip
    accepted = {row["id"] for row in world.rows() if row["decision"] == "accept" and row["operator"] != "drop"}
    before = world.output()
    plan = world.plan()
    told = plan.header.decisions
    assert told is not None
    assert {row.id: row.decision for row in told.rows} == {
        gone: "reject", kept: "pin", bad: "reject", good: "pin", back: "reject", out: "pin"
    }
    assert plan.header.divergence["topic"]["planned"] < 0.01
    run = plan.apply()
    after = world.output()
    assert not {gone, bad, out} & after.keys()
    assert {kept, good, back} <= after.keys()
    assert len(after) == len(before) == 40
    assert len(accepted & after.keys()) >= len(accepted) - 2  # a better plan may leave out what is accepted
    assert all(after[name] == before[name] for name in accepted & after.keys())
    new = [step for step in plan.file.steps() if not step.replies]
    assert 0 < run.head["cost"]["calls"] <= 2 * len(new)
    assert [(entry["id"], entry["decision"]) for entry in world.log(2, "decision")] == [
        (row.id, row.decision) for row in told.rows
    ]
    inputs = {entry["kind"]: entry for entry in world.log(2, "run")[0]["inputs"]}
    assert inputs["decisions"] == {"kind": "decisions", "name": "decisions.jsonl", "sha256": told.sha256}
    assert refinec("verify", "out.jsonl", cwd=world.folder).code == 0
    assert refinec("replay", "2", cwd=world.folder).code == 0

    again = world.plan()
    assert again.file.path.read_bytes() == plan.file.path.read_bytes()
    assert again.apply().head["cost"]["tokens"] == 0
    rows = world.review(3)  # what was decided goes along
    assert {row["id"]: row["decision"] for row in rows if row["decision"] != "accept"} == {
        row.id: row.decision for row in told.rows
    }
    assert world.plan().header.decisions is not None


def test_what_is_pinned_stays_whatever_a_new_plan_wants(world: World) -> None:
    world.write(TARGET="{ organic = 55%, physical = 30%, analytical = 15% }", LENGTH="")
    plain = refinelab_dsl.load(world.spec).plan()
    assert not plain.header.actions
    adding = next(row["operator"] for row in world.rows() if row["operator"] in ("author", "paraphrase"))
    kept, changed, out = world.decide((adding, 0, "pin"), ("stretch", 0, "pin"), ("drop", 0, "pin"))
    plan = world.plan()
    assert plan.header.solution.objective >= plain.header.solution.objective
    plan.apply()
    after = world.output()
    assert {kept, changed} <= after.keys()
    assert out not in after
    world.spec.write_text(world.spec.read_text().replace("max_removed = 20%", "max_removed = 0%"))
    with pytest.raises(RefineError) as caught:
        world.plan()
    assert caught.value.exit_code == ExitCode.INFEASIBLE
    assert "pinned by decisions" in str(caught.value.diagnostics.errors[0].notes)


def test_the_rest_of_a_run_obeys_the_decisions_of_its_plan(world: World) -> None:
    world.write(SOLVE="gap = 1e-9, replan = 0.01", TARGET="{ organic = 20%, physical = 40%, analytical = 40% }")
    adding = next(row["operator"] for row in world.rows() if row["operator"] in ("author", "paraphrase"))
    gone, kept = world.decide((adding, 0, "reject"), (adding, 1, "pin"))
    run = world.plan().apply()
    assert run.head.get("legs"), "the run has several legs"
    after = world.output()
    assert gone not in after
    assert kept in after
    assert {entry["id"] for entry in world.log(run.head["run"], "decision")} == {gone, kept}
    assert refinec("replay", str(run.head["run"]), cwd=world.folder).code == 0


def test_a_saved_plan_is_stale_once_the_decisions_change(world: World) -> None:
    world.decide(("drop", 0, "reject"))
    answer = refinec("plan", "--decisions", "decisions.jsonl", "-o", "a.refplan", cwd=world.folder)
    assert "decided" in answer.out
    world.decide(("drop", 1, "reject"))
    refused = refinec("apply", "a.refplan", cwd=world.folder)
    assert refused.code == ExitCode.STALE
    assert "the decisions in `decisions.jsonl` changed" in refused.err
    world.decide(("drop", 1, "accept"))
    assert refinec("apply", "a.refplan", cwd=world.folder).code == 0
    for wrong in (("apply", "--resume"), ("apply", "a.refplan"), ("plan", "--no-inventory")):
        answer = refinec(*wrong, "--decisions", "decisions.jsonl", cwd=world.folder)
        assert answer.code == ExitCode.USAGE
        assert "decisions" in answer.err


@pytest.mark.parametrize(
    ("member", "value", "code", "said"),
    [
        ("id", "near", "RF6804", "nearest"), ("id", "nothing", "RF6804", "`.refine/`"),
        ("operator", "autor", "RF6806", "made it"),
    ],
)  # fmt: skip
def test_a_decision_about_no_edit_has_its_line(member: str, value: str, code: str, said: str, world: World) -> None:
    rows = world.rows()
    if value == "near":
        value = rows[2]["id"][:-1] + ("0" if rows[2]["id"][-1] != "0" else "1")
    rows[2][member] = value
    world.file.write_text("\n" + "".join(json.dumps(row) + "\n" for row in rows))
    answer = refinec("plan", "--decisions", "decisions.jsonl", cwd=world.folder)
    assert answer.code == ExitCode.SPEC
    assert f"[{code}]" in answer.err
    assert "decisions.jsonl:4" in answer.err
    assert said in answer.err


def test_decisions_about_another_spec_and_pins_that_cannot_be(world: World) -> None:
    (world.folder / "other.refine").write_text(world.spec.read_text())
    answer = refinec("apply", "--auto-approve", "other.refine", "--decisions", "decisions.jsonl", cwd=world.folder)
    assert answer.code == ExitCode.SPEC
    assert "RF6805" in answer.err
    assert "run 1 of `spec.refine` made it" in answer.err
    world.decide(("drop", 0, "pin"), ("stretch", 0, "pin"))
    world.spec.write_text(world.spec.read_text().replace("size = keep", "size = keep, protect = len(id) > 0"))
    answer = refinec("plan", "spec.refine", "--decisions", "decisions.jsonl", cwd=world.folder)
    assert answer.code == ExitCode.SPEC
    assert answer.err.count("[RF6807]") == 2
    assert "protected" in answer.err
