"""Functions with tests, from a spec to an output in which every one runs; and a model that writes hostile code."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from benchmarks.humaneval_exec import verify
from refinelab_dsl.effects import Level
from refinelab_dsl.sandbox import LEVELS, Sandbox
from refinelab_dsl.serving import calls
from tests.architecture.tree import ROOT
from tests.cli.command import refinec
from tests.harness.openai_server import Behaviour, ThreadServer
from tests.sandbox.levels import need, open_levels

HUMANEVAL = ROOT / "../shared/data/humaneval/HumanEval.jsonl.gz"
ESCAPE = Path("/tmp/refinec-escape")

SPEC = """\
edition = 1
dataset functions {{ task = code, source = "functions.jsonl" }}
measure subject {{ kind = column, column = area }}
dimension topic {{ from = subject, target = uniform() }}
constraints {{ max_removed = 80% }}
model small {{ provider = openai, id = "small", base_url = "{base_url}" }}
operator drop {{ kind = remove }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }}, checks = [well_formed, tested] }}
validator well_formed {{ kind = format }}
validator tested {{ kind = exec, sandbox = {level} }}
budget {{ tokens = 1M }}
output refined {{ path = "out.jsonl" }}
run {{ retries = 0 }}
"""
ITEM = {"tests": "assert double(2) == 4", "entry_point": "double", "solution": "def double(n): return 2 * n"}

HOSTILE = {
    f"open({str(ESCAPE)!r}, 'w').write('x')": "its tests end with",
    f"import os\nassert os.system('touch {ESCAPE}') == 0": None,
    "import os\nos._exit(0)": None,
    "raise SystemExit(0)": None,
    "while True: print('x' * 10000)": "its tests print too much",
    "x = 'a' * 10 ** 12": "its tests take too much memory",
    "raise ValueError('planted words')": "its tests end with ValueError",
}
"""What stands before an honest solution, and the reason that must be given; None where the levels differ in it."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from open_levels()


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_humaneval_is_refined_and_every_function_runs(tmp_path: Path, sandbox: Sandbox) -> None:
    need(sandbox, "embedded")
    if not HUMANEVAL.exists():
        pytest.skip("NO DATA: HumanEval is not in ../shared/data")
    shutil.copy(ROOT / "specs/humaneval_exec.refine", tmp_path)
    arguments = ("--auto-approve", "--allow-outside", "--var", f"data={HUMANEVAL.resolve()}", "--format", "json")
    answer = refinec("apply", *arguments, cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert any(each.startswith("tested") for each in answer.json["rejected"]), answer.json["rejected"]
    rows = read_rows(tmp_path / "out/humaneval_exec.jsonl")
    assert len(rows) == 164
    added = [row for row in rows if row["_origin"] == "added"]
    assert added
    for row in added[::6]:
        fields = {
            "id": row["task_id"], "prompt": row["prompt"], "tests": row["test"], "entry_point": row["entry_point"],
            "solution": row["canonical_solution"],
        }  # fmt: skip
        assert verify(fields, "embedded", sandbox).verdict == "supported"


@pytest.mark.parametrize("level", LEVELS)
def test_hostile_code_is_rejected_with_a_reason(tmp_path: Path, level: Level, sandbox: Sandbox) -> None:
    need(sandbox, level)
    areas = ["sums"] * 8 + ["signs"] * 2  # so more of the second are wanted
    items = [{**ITEM, "prompt": f"Write double(n) as {number}.", "area": area} for number, area in enumerate(areas)]
    (tmp_path / "functions.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    hostile = list(HOSTILE)
    sent: list[str] = []

    def write(body: Mapping[str, Any], simulation: Any) -> dict[str, Any]:
        code = hostile[len(sent) % len(hostile)]
        sent.append(code)
        reply = {**ITEM, "prompt": f"Write double(n), anew {len(sent)}.", "solution": f"{code}\n{ITEM['solution']}"}
        message = {"role": "assistant", "content": json.dumps(reply)}
        return {
            "id": f"chatcmpl-{len(sent)}", "object": "chat.completion", "created": 0, "model": "small",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
        }  # fmt: skip

    with mock.patch.object(calls, "answer_body", write), ThreadServer(Behaviour()) as server:
        spec = SPEC.format(base_url=server.base_url, level=level)
        (tmp_path / "functions.refine").write_text(spec, encoding="utf-8")
        answer = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert set(sent) == set(HOSTILE)
    assert answer.json["status"] == "complete", answer.err
    assert all(row["_origin"] == "original" for row in read_rows(tmp_path / "out.jsonl"))
    assert not ESCAPE.exists()
    (log,) = (tmp_path / ".refine/runs/0001").glob("provenance.jsonl")
    verdicts = [event for event in read_rows(log) if event["event"] == "verdict"]
    reasons = [event["reason"] for event in verdicts if event["check"] == "tested"]
    assert len(reasons) == len(sent)
    assert all(reasons)
    assert "planted" not in " ".join(reasons)
    for wanted in filter(None, HOSTILE.values()):
        assert any(reason.startswith(wanted) for reason in reasons), (wanted, reasons)


FAULTS = """\
edition = 1
dataset functions {
  task = code
  source = "functions.jsonl"
  fields = { id = column("task_id"), tests = column("test"), solution = column("canonical_solution") }
}
measure sound { kind = verdict, validator = tested }
dimension soundness {
  from = sound
  unknown = keep
  target = { supported = 100%, refuted = 0%, unknown = 0% }
}
constraints { size = between(10, 24), max_removed = 40% }
operator drop { kind = remove }
validator tested { kind = exec }
pilot { label = all, budget = 10k }
output refined { path = "out.jsonl" }
"""


def test_planted_faults_are_found_by_running_and_leave(tmp_path: Path, sandbox: Sandbox) -> None:
    """Every fifth solution is exchanged for a wrong one; the pilot runs them all, and the plan drops those."""
    need(sandbox, "embedded")
    rows = read_rows(ROOT / "specs/data/functions.jsonl")
    wrong = {row["task_id"] for row in rows[::5]}
    for row in rows[::5]:
        row["canonical_solution"] = "    return [1, 'wrong']\n"
    (tmp_path / "functions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "functions.refine").write_text(FAULTS, encoding="utf-8")
    learnt = refinec("pilot", "--auto-approve", cwd=tmp_path)
    assert learnt.code == 0, learnt.err
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    kept = {row["task_id"] for row in read_rows(tmp_path / "out.jsonl")}
    assert kept == {row["task_id"] for row in rows} - wrong


AUTO = """\
edition = 1
dataset functions {
  task = code
  source = "functions.jsonl"
  fields = { id = column("task_id"), tests = column("test"), solution = column("canonical_solution") }
}
measure words { kind = length }
dimension length {
  from = words
  order = [brief, long]
  bands = { brief = below(40), long = above(40) }
  target = { brief = 50%, long = 50% }
}
constraints { max_removed = 60% }
model small { provider = simulated, params = { success = 0.5, flaws = [answer] } }
operator drop { kind = remove }
operator author { kind = generate, model = small, moves = { length = any }, checks = [verified] }
validator verified { kind = auto, model = small }
budget { tokens = 1M }
output refined { path = "out.jsonl" }
"""


def test_auto_runs_code_and_asks_nobody(tmp_path: Path, sandbox: Sandbox) -> None:
    need(sandbox, "embedded")
    shutil.copy(ROOT / "specs/data/functions.jsonl", tmp_path)
    (tmp_path / "functions.refine").write_text(AUTO, encoding="utf-8")
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert answer.json["status"] == "complete", answer.err
    verdicts = [
        event for event in read_rows(tmp_path / ".refine/runs/0001/provenance.jsonl") if event["event"] == "verdict"
    ]
    found = {(event["accept"], event["values"].get("verdict")) for event in verdicts if event["check"] == "verified"}
    assert found == {(True, "supported"), (False, "refuted")}
    (added,) = {row["task_id"] for row in read_rows(tmp_path / "out.jsonl")[-1:]}
    traced = refinec("trace", added, cwd=tmp_path).out
    assert re.search(r"^  solution        return ", traced, re.MULTILINE)  # line by line, as it is indented
    assert len(re.findall(r"^  run +a program in the sandbox", traced, re.MULTILINE)) == 2
    assert "tokens in 1 call" in traced
