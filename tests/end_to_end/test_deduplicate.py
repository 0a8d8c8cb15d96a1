"""A spec that takes copies out: planned, applied, traced and replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

SPEC = """\
edition = 1

dataset quiz { task = qa, source = "data/quiz.jsonl", fields = { area = column("area") } }

measure area { kind = column, column = area }
measure twins { kind = near_duplicate, %s }

dimension topic { from = area, target = uniform() }
constraints { size = between(20, 50), %s }

operator once { kind = deduplicate, measure = twins }

expect "half and half" { assert = jsd(topic) < 0.001 }
output refined { path = "out/quiz.jsonl" }
"""


def _write(folder: Path, how: str, limits: str = "max_removed = 30%") -> Path:
    """40 items of two areas; of the first ten there are copies with a slip."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / ".refine").mkdir(exist_ok=True)
    rows = [
        {"id": f"q{number}", "area": ("sums", "words")[number % 2], "answer": str(number),
         "question": f"Of {number * 7} boys and {number * number + 3} girls in village {number}, how many sing {word}?"}
        for number, word in enumerate(f"{a} {b}" for a in ("in the choir", "at home", "on Sundays", "badly, alas")
                                      for b in ("loudly", "softly", "with joy", "for money", "all day", "in the rain",
                                                "by heart", "twice", "hardly ever", "with their mothers"))
    ]  # fmt: skip
    copies = [
        {**row, "id": f"{row['id']}-copy", "question": str(row["question"]).replace("how many", "how  many of them")}
        for row in rows[:10]
    ]
    (folder / "data/quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *copies]))
    spec = folder / "quiz.refine"
    spec.write_text(SPEC % (how, limits))
    return spec


def _ids(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (folder / "out/quiz.jsonl").read_text().splitlines()]


def _removed(folder: Path) -> list[dict[str, Any]]:
    log = (folder / ".refine/runs/0001/provenance.jsonl").read_text().splitlines()
    return [event for line in log if (event := json.loads(line))["event"] == "remove"]


def test_copies_leave_and_originals_stay(tmp_path: Path) -> None:
    _write(tmp_path, "threshold = 0.85")
    done = refinec("apply", "--auto-approve", cwd=tmp_path)
    assert done.code == ExitCode.DONE, done.err
    assert _ids(tmp_path) == [f"q{number}" for number in range(40)]
    assert [event["operator"] for event in _removed(tmp_path)] == ["once"] * 10
    assert {event["id"] for event in _removed(tmp_path)} == {f"q{number}-copy" for number in range(10)}
    assert refinec("replay", "1", cwd=tmp_path).code == ExitCode.DONE
    traced = refinec("trace", "q3-copy", cwd=tmp_path)
    assert "q3-copy   left the set: taken out by `once`, as nearly the same as q3\n" in traced.out


def test_a_plan_says_what_was_found_and_holds_no_text_of_the_items(tmp_path: Path) -> None:
    spec = _write(tmp_path, "method = embedding, threshold = 0.85")
    planned = refinec("plan", "-o", "quiz.refplan", str(spec), cwd=tmp_path)
    assert planned.code == ExitCode.DONE, planned.err
    assert "20 items stand in 10 clusters by measure `twins`" in planned.out
    assert "flagged items 10 -> 0" in planned.out
    assert b"choir" not in (tmp_path / "quiz.refplan").read_bytes()
    plan, problems = PlanFile.open(tmp_path / "quiz.refplan")
    assert plan is not None, problems
    values = plan.header.recorded["twins"]
    assert values[40:] == values[:10]
    assert values[10:40] == (None,) * 30
    assert refinec("apply", "quiz.refplan", cwd=tmp_path).code == ExitCode.DONE
    assert len(_ids(tmp_path)) == 40


def test_where_few_may_leave_fewer_copies_do(tmp_path: Path) -> None:
    _write(tmp_path, "threshold = 0.85", "max_removed = 8%")
    done = refinec("apply", "--auto-approve", cwd=tmp_path)
    assert done.code == ExitCode.DONE, done.err
    assert len(_removed(tmp_path)) == 4


def test_copies_that_must_leave_and_may_not_are_a_conflict(tmp_path: Path) -> None:
    _write(tmp_path, "threshold = 0.85", "max_removed = 8%, max_flagged = 0%")
    planned = refinec("plan", cwd=tmp_path)
    assert planned.code == ExitCode.INFEASIBLE
    assert "max_flagged" in planned.err
