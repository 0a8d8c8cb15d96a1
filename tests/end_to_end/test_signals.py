"""A spec whose difficulty stands in a signals dataset: planned, applied, replayed, locked, stale when they change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

SPEC = """\
edition = 1
seed = 3

dataset quiz { task = mcq, source = "data/quiz.jsonl", fields = { place = row() - 1 } }

dataset answers {
  role = signals
  task = mcq
  source = "data/answers.csv"
  join = { at = place }
}

measure right { kind = responses, matrix = answers, irt = rate }

dimension difficulty {
  from = right
  bands = { hard = below(0.5), easy = above(0.5) }
  target = { hard = 60%, easy = 40% }
  unknown = drop
}

model small { provider = simulated }
operator reword { kind = expand, model = small }
operator author { kind = generate, model = small, moves = { difficulty = to(hard) } }
operator thin { kind = remove, where = right > 0.4, prefer = right }
constraints { max_removed = 40% }
budget { tokens = 400k }
expect "hard ones are many" { assert = share(difficulty, hard) >= 50%, when = both }
expect "nothing is easier than all" { assert = count(right > 1) == 0 }
output refined { path = "out/quiz.jsonl", provenance = "out/quiz.prov.jsonl" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """40 items; every fourth is hard, the last two have no row."""
    (tmp_path / "data").mkdir()
    (tmp_path / ".refine").mkdir()
    (tmp_path / "quiz.refine").write_text(SPEC)
    rows = [
        {"question": f"What is {number} and {number}, in words of one kind?", "choices": [str(2 * number), "none"],
         "answer": "A"}
        for number in range(40)
    ]  # fmt: skip
    (tmp_path / "data/quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_answers(tmp_path)
    return tmp_path


def write_answers(project: Path, second: str = "A") -> None:
    lines = [f"{at},A,{second},B\n" if at % 4 else f"{at},B,A,B\n" for at in range(38)]
    (project / "data/answers.csv").write_text("at,small,large,other\n" + "".join(lines))


def test_from_plan_to_replay(project: Path) -> None:
    planned = refinec("plan", "-o", "a.refplan", "--format", "json", cwd=project)
    assert planned.code == 0, planned.err
    [mix] = [each for name, each in planned.json["mix"].items() if name == "difficulty"]
    assert (mix["hard"]["count_now"], mix["easy"]["count_now"]) == (10, 28)
    notes = " ".join(planned.json["notes"])
    assert "2 items without a row of `answers`" in notes
    assert "assumed: new items are taken as made for their label of difficulty" in notes

    applied = refinec("apply", "a.refplan", "--format", "json", cwd=project)
    assert applied.code == 0, applied.err
    measured = applied.json["mix"]["difficulty"]
    assert {label: (each["intended"], each["measured"]) for label, each in measured.items()} == {
        "hard": (23, None), "easy": (15, None),  # 60% of the 38 that have a row; new items cannot be measured
    }  # fmt: skip
    rows = [json.loads(line) for line in (project / "out/quiz.jsonl").read_text().splitlines()]
    assert len(rows) == 38
    assert not any(row["question"].startswith(("What is 38", "What is 39")) for row in rows)

    again = refinec("replay", "1", cwd=project)
    assert again.code == 0, again.err


def test_a_plan_is_stale_when_its_signals_changed(project: Path) -> None:
    assert refinec("plan", "-o", "a.refplan", cwd=project).code == 0
    write_answers(project, second="B")
    shown = refinec("show", "a.refplan", "--format", "json", cwd=project)
    assert shown.json["stale"] == ["the further data in `data/answers.csv` changed"]
    refused = refinec("apply", "a.refplan", cwd=project)
    assert refused.code == ExitCode.STALE
    assert "the further data in `data/answers.csv` changed" in refused.err
    assert not (project / "out").exists()


def test_a_lock_pins_signals(project: Path) -> None:
    assert refinec("lock", cwd=project).code == 0
    assert "data/answers.csv" in (project / "refine.lock").read_text()
    assert refinec("lock", "--check", cwd=project).code == 0
    write_answers(project, second="B")
    assert refinec("lock", "--check", cwd=project).code == ExitCode.STALE
    planned = refinec("plan", cwd=project)
    assert "data file `data/answers.csv`" in planned.err


def test_the_plan_is_the_same_bytes_twice(project: Path) -> None:
    for name in ("a.refplan", "b.refplan"):
        assert refinec("plan", "-o", name, cwd=project).code == 0
    assert (project / "a.refplan").read_bytes() == (project / "b.refplan").read_bytes()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "by the Rasch model, from 3 models on 38 items"),
        (", irt = two_parameter", "by the two-parameter model, from 3 models on 38 items"),
    ],
)
def test_difficulty_by_item_response(project: Path, written: str, said: str) -> None:
    """Hard items (two of three models wrong) lie above 0, the others (one wrong) below; the plan says how sure that is,
    is the same bytes twice, and can be applied and replayed."""
    spec = project / "quiz.refine"
    bands = "bands = { hard = above(0), easy = below(0) }"
    text = SPEC.replace(", irt = rate", written).replace("bands = { hard = below(0.5), easy = above(0.5) }", bands)
    text = text.replace("where = right > 0.4, prefer = right", "where = right < 0, prefer = 0 - right")
    spec.write_text(text.replace('expect "nothing is easier than all" { assert = count(right > 1) == 0 }\n', ""))
    for name in ("a.refplan", "b.refplan"):
        planned = refinec("plan", "-o", name, "--format", "json", cwd=project)
        assert planned.code == 0, planned.err
    assert (project / "a.refplan").read_bytes() == (project / "b.refplan").read_bytes()
    mix = planned.json["mix"]["difficulty"]
    assert (mix["hard"]["count_now"], mix["easy"]["count_now"]) == (10, 28)
    notes = " ".join(planned.json["notes"])
    assert said in notes
    assert "its standard error is" in notes
    applied = refinec("apply", "a.refplan", "--format", "json", cwd=project)
    assert applied.code == 0, applied.err
    assert refinec("replay", "1", cwd=project).code == 0


def test_signals_that_are_gone(project: Path) -> None:
    (project / "data/answers.csv").unlink()
    planned = refinec("plan", cwd=project)
    assert planned.code == ExitCode.SPEC
    assert "RF3001" in planned.err
    assert "quiz.refine:9" in planned.err
