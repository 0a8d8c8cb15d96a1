"""Word problems that a program must compute: from a spec to the refined set, simulated and over HTTP."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.providers.endpoint import Simulation
from tests.architecture.tree import ROOT
from tests.cli.command import Answer, refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = ROOT / "specs" / "gsm8k_pot.refine"


def lay_out(folder: Path, model: str | None = None) -> None:
    """The spec and its data; with another model where one is given."""
    text = SPEC.read_text(encoding="utf-8")
    if model is not None:
        text = text.replace('  provider = simulated\n  id = "simulated-small"\n', f"  {model}\n")
        assert model in text
    (folder / "data").mkdir()
    (folder / "gsm8k_pot.refine").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "specs" / "data" / "word_problems.jsonl", folder / "data")


def apply(folder: Path) -> Answer:
    return refinec("apply", "--auto-approve", "--format", "json", "gsm8k_pot.refine", cwd=folder)


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / "gsm8k_pot.prov.jsonl").read_text("utf-8").splitlines()]


def verdicts(folder: Path) -> list[dict[str, Any]]:
    return [event for event in events(folder) if event["event"] == "verdict" and event["check"] == "computed"]


@pytest.mark.parametrize("over_http", [False, True])
def test_what_is_written_anew_is_computed_by_a_program(tmp_path: Path, over_http: bool) -> None:
    if over_http:
        with ThreadServer(Behaviour(Simulation(success=0.9))) as server:
            lay_out(tmp_path, f'provider = openai\n  id = "some"\n  base_url = "{server.base_url}"')
            answer = apply(tmp_path)
            bodies = server.tally.bodies
        asked = [body for body in bodies if "writes a Python program" in str(body) or "`program`" in str(body)]
        assert asked
    else:
        lay_out(tmp_path)
        answer = apply(tmp_path)
    assert answer.code == 0, answer.err
    assert answer.json["size"]["measured"] == 48
    accepted = answer.json["operators"]["author"]["accepted"]
    assert accepted == 9
    found = verdicts(tmp_path)
    assert sum(event["accept"] for event in found) == accepted
    assert {event["values"]["verdict"] for event in found if event["accept"]} == {"supported"}
    ran = [event for event in events(tmp_path) if event["event"] == "call" and event["model"] == "sandbox"]
    assert len(ran) >= accepted
    replayed = refinec("replay", "1", cwd=tmp_path)
    assert replayed.code == 0, replayed.err
    assert refinec("verify", "out/gsm8k_pot.prov.jsonl", cwd=tmp_path).code == 0


def test_wrong_results_are_refuted(tmp_path: Path) -> None:
    """A model whose programs are wrong half of the time: nothing is accepted that is not supported."""
    lay_out(tmp_path, 'provider = simulated\n  id = "poor"\n  params = { success = 0.5, flaws = ["answer"] }')
    answer = apply(tmp_path)
    assert answer.code in (0, 9), answer.err
    found = verdicts(tmp_path)
    assert {event["values"]["verdict"] for event in found if event["accept"]} <= {"supported"}
    refused = [event for event in found if not event["accept"]]
    assert refused
    assert all(event["reason"] for event in refused)


REPAIR = """edition = 1
seed = 3
dataset quiz {
  task = mcq
  source = "items.jsonl"
  fields = { doubt = column("doubt"), truth = column("truth") }
}
model small {
  provider = simulated
  params = { success = 1.0 }
  price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }
}
validator computed { kind = auto, model = small }
operator repair {
  kind = correct
  model = small
  validator = computed
  where = doubt > 0.5
  prior = { success = 80% }
}
constraints { flagged = doubt > 0.5, max_removed = 0% }
budget { tokens = 400k }
output refined { path = "out/refined.jsonl", layout = task, columns = [question, choices, answer] }
"""


def test_wrong_keys_are_corrected_by_programs_that_agree(tmp_path: Path) -> None:
    """Twelve items, six of them with a wrong key under suspicion: `auto` computes them, `correct` puts them right."""
    with (tmp_path / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(12):
            right, wrong = str(7 * (number + 3)), str(7 * (number + 3) + 5)
            row = {
                "question": f"How many days are {number + 3} weeks?", "choices": [wrong, right, "1", "2"],
                "answer": wrong if number % 2 else right, "truth": right, "doubt": 0.9 if number % 2 else 0.1,
            }  # fmt: skip
            stream.write(json.dumps(row) + "\n")
    (tmp_path / "spec.refine").write_text(REPAIR, encoding="utf-8")
    answer = refinec("apply", "--auto-approve", "--format", "json", "spec.refine", cwd=tmp_path)
    assert answer.code == 0, answer.err
    rows = [json.loads(line) for line in (tmp_path / "out" / "refined.jsonl").read_text("utf-8").splitlines()]
    assert [row["answer"] for row in rows] == [str(7 * (number + 3)) for number in range(12)]
    assert answer.json["operators"]["repair"]["accepted"] == 6
    assert refinec("replay", "1", cwd=tmp_path).code == 0
