"""`evaluate`: recorded answers on the set that came in and on the one that a run made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command import refinec

SPEC = """\
edition = 1
dataset quiz { task = mcq, source = "data/quiz.jsonl" }
dataset seen { role = signals, task = mcq, source = "data/seen.csv", join = { id = id } }
dataset unseen { role = signals, task = mcq, source = "data/unseen.csv", join = { id = id } }
measure right { kind = responses, matrix = seen, irt = rate }
dimension difficulty {
  from = right
  bands = { hard = below(0.6), easy = above(0.6) }
  target = { hard = 80%, easy = 20% }
}
model small { provider = simulated }
operator thin { kind = remove }
operator author { kind = generate, model = small, moves = { difficulty = to(hard) } }
constraints { max_removed = 60%, size = 24 }
budget { tokens = 60k }
output refined { path = "out/quiz.jsonl" }
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 items, 16 of them hard: for these `b` and `d` name a wrong choice, `c` does everywhere else, too."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "data").mkdir()
    (folder / ".refine").mkdir()
    (folder / "quiz.refine").write_text(SPEC)
    rows = [
        {"id": f"q{at}", "question": f"What is {at} and {at}, in words?", "choices": [str(2 * at), "none"],
         "answer": "A"}
        for at in range(40)
    ]  # fmt: skip
    (folder / "data/quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "data/seen.csv").write_text(
        "id,a,b\n" + "".join(f"q{at},A,{'B' if at < 16 else 'A'}\n" for at in range(40))
    )
    (folder / "data/unseen.csv").write_text(
        "id,c,d,e\n" + "".join(f"q{at},{'A' if at == 5 else 'B'},{'B' if at < 16 else 'A'},A\n" for at in range(1, 40))
    )
    answer = refinec("apply", "--auto-approve", cwd=folder)
    assert answer.code == 0, answer.err
    return folder


def test_a_run_is_set_beside_what_came_in(project: Path) -> None:
    answer = refinec("evaluate", "1", "--answers", "unseen", "--format", "json", cwd=project, fresh=True)
    assert answer.code == 0, answer.err
    sets = {name: each["styles"]["unseen"] for name, each in answer.json["sets"].items()}
    assert sets["original"]["models"]["d"] | {"low": 0, "high": 0, "share": 0} == {
        "right": 24, "answered": 39, "low": 0, "high": 0, "share": 0,
    }  # fmt: skip
    rows = [json.loads(line) for line in (project / "out/quiz.jsonl").read_text().splitlines()]
    kept = [int(row["id"][1:]) for row in rows if row["_origin"] == "original"]
    refined = sets["refined"]
    assert refined["items"] == 24
    assert refined["models"]["d"]["right"] == sum(at >= 16 for at in kept)
    assert refined["models"]["d"]["answered"] == sum(at > 0 for at in kept)
    assert answer.json["unanswered"] == ({"added": 24 - len(kept)} if len(kept) < 24 else {})
    assert refined["models"]["d"]["share"] < sets["original"]["models"]["d"]["share"]
    assert "1 item without a row of `unseen`" in answer.json["notes"]


def test_what_a_run_read_outside_of_the_project_is_read_again(project: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    shutil.copytree(project, inner, ignore=shutil.ignore_patterns("runs", "out"))
    (inner / "data/quiz.jsonl").rename(tmp_path / "quiz.jsonl")
    variable = 'edition = 1\nvariable items { type = path, default = "../quiz.jsonl" }\n'
    spec = SPEC.replace("edition = 1\n", variable).replace('"data/quiz.jsonl"', "var.items")
    (inner / "quiz.refine").write_text(spec)
    assert refinec("apply", "--auto-approve", "--allow-outside", cwd=inner).code == 0
    answer = refinec("evaluate", "1", "--answers", "unseen", cwd=inner)
    assert answer.code == 0, answer.err
    assert "RF2073" in refinec("evaluate", "quiz.refine", "--answers", "unseen", cwd=inner).err


def test_several_datasets_are_styles(project: Path) -> None:
    answer = refinec("evaluate", "quiz.refine", "--answers", "seen", "--answers", "unseen", cwd=project)
    assert answer.code == 0, answer.err
    assert "Accuracy, seen" in answer.out
    assert "Order of the models over 2 styles" in answer.out
    assert "refined" not in answer.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["1"], 2, "RF6500"),
        (["1", "--answers", "unsen"], 2, "nearest: `unseen`"),
        (["7", "--answers", "seen"], 2, "RF6003"),
        (["none.refine"], 2, "no such file"),
    ],
)
def test_refusals(arguments: list[str], code: int, says: str, project: Path) -> None:
    answer = refinec("evaluate", *arguments, cwd=project)
    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
