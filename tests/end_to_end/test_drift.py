"""The quickstart, its results checked by embeddings: planned, applied and replayed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

ROOT = Path(__file__).resolve().parents[2]
CHECKS = """
embedding letters { provider = hashed }
validator close { kind = drift, embedding = letters }
validator new { kind = duplicate, embedding = letters, accept = similarity < 0.8 }
"""

EMBEDDED = """
embedding letters { provider = hashed }
validator close { kind = drift, embedding = letters, accept = similarity > 0.3 }
"""


def test_results_are_compared_with_their_parents_and_with_all_others(tmp_path: Path) -> None:
    spec = (ROOT / "specs/quickstart.refine").read_text(encoding="utf-8") + CHECKS
    checks = "checks = [well_formed, fresh"
    assert checks in spec
    (tmp_path / "quiz.refine").write_text(spec.replace(checks, f"{checks}, close, new", 1), encoding="utf-8")
    (tmp_path / ".refine").mkdir()
    shutil.copytree(ROOT / "specs/data", tmp_path / "data")
    done = refinec("apply", "--auto-approve", cwd=tmp_path)
    assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE), done.err
    log = (tmp_path / ".refine/runs/0001/provenance.jsonl").read_text(encoding="utf-8").splitlines()
    verdicts = [event for line in log if (event := json.loads(line))["event"] == "verdict"]
    found = {
        name: [(event["accept"], event["values"]["similarity"]) for event in verdicts if event["check"] == name]
        for name in ("close", "new")
    }
    assert found["close"]
    assert found["new"]
    assert all(accept == (value >= 0.3) for accept, value in found["close"])
    assert all(accept == (value < 0.8) for accept, value in found["new"])
    assert len({accept for accept, _ in found["new"]}) == 2
    assert refinec("replay", "1", cwd=tmp_path).code == ExitCode.DONE


def test_what_another_embedding_let_pass_is_no_inventory(tmp_path: Path) -> None:
    spec = (ROOT / "specs/quickstart.refine").read_text(encoding="utf-8")
    spec = re.sub(r"^expect .*?^}\n", "", spec, flags=re.M | re.S)
    spec = spec.replace("checks = [well_formed, fresh", "checks = [well_formed, fresh, close", 1)
    spec = spec.replace("max_removed = 30%", "max_removed = 10%") + EMBEDDED
    file = tmp_path / "quiz.refine"
    file.write_text(spec, encoding="utf-8")
    (tmp_path / ".refine").mkdir()
    shutil.copytree(ROOT / "specs/data", tmp_path / "data")
    assert refinec("apply", "--auto-approve", cwd=tmp_path).code in (ExitCode.DONE, ExitCode.INCOMPLETE)
    edited = spec.replace("max_removed = 10%", "max_removed = 30%")
    file.write_text(edited, encoding="utf-8")
    assert "paraphrase" in _list_inventory(tmp_path)
    other = 'provider = openai, id = "e", base_url = "http://127.0.0.1:1/v1", price = { input = $1 / 1M }'
    file.write_text(edited.replace("provider = hashed", other), encoding="utf-8")
    assert "paraphrase" not in _list_inventory(tmp_path)


def _list_inventory(folder: Path) -> set[str]:
    """The operators of which a plan takes results of earlier runs."""
    planned = refinec("plan", "-o", "quiz.refplan", cwd=folder)
    assert planned.code == ExitCode.DONE, planned.err
    plan, problems = PlanFile.open(folder / "quiz.refplan")
    assert plan is not None, problems
    return {action.operator for action in plan.header.actions if action.stock}
