"""`refinec init --from`: where the project stands, what is written and what is not, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode

from .command import refinec

QUESTION = '{{"question": "What is {0} and {1}?", "answer": "{1}"}}\n'
LINES = "".join(QUESTION.format("one " * (at % 7), at) for at in range(40))


def _tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_data_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sums.jsonl").write_text(LINES, encoding="utf-8")
    answer = refinec("init", "--from", "data/sums.jsonl", "--format", "json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    document = answer.json
    assert document["created"] == [".gitattributes", ".github/workflows/refine.yml", ".gitignore", "sums.refine"]
    inference = document["inference"]
    assert (inference["task"], inference["key"], inference["source"]) == ("math", "number", ["data/sums.jsonl"])
    assert inference["fields"]["answer"]["expression"] == 'column("answer")'
    assert inference["fields"]["answer"]["evidence"] == "a number in 40 of 40 rows"
    assert (inference["rows"], inference["bad_rows"], inference["planned"]) == (40, 0, True)
    assert "Next:  refinec plan sums.refine" in answer.err
    assert refinec("check", cwd=tmp_path).code == 0
    planned = refinec("plan", cwd=tmp_path)
    assert planned.code == 0, planned.err


def test_a_proposal_applies_and_its_output_comes_in_the_columns_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "sums.jsonl").write_text(LINES, encoding="utf-8")
    assert refinec("init", "--from", "sums.jsonl", cwd=tmp_path).code == 0
    spec = next(tmp_path.glob("*.refine"))
    applied = refinec("apply", spec.name, "--auto-approve", cwd=tmp_path)
    assert applied.code in (ExitCode.DONE, ExitCode.INCOMPLETE), applied.err
    written = (tmp_path / f"out/{spec.stem}.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(written) == 40
    assert all({"question", "answer"} <= set(json.loads(line)) for line in written)


def test_data_outside_are_refused_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "sums.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "project").mkdir()
    answer = refinec("init", "--from", "../sums.jsonl", cwd=tmp_path / "project")
    assert answer.code == ExitCode.USAGE
    assert "refinec init .. --from ../sums.jsonl" in answer.err
    assert "--allow-outside" in answer.err
    assert _tree(tmp_path) == ["sums.jsonl"]
    permitted = refinec("init", "--from", "../sums.jsonl", "--allow-outside", cwd=tmp_path / "project")
    assert permitted.code == 0, permitted.err
    assert 'source = "../sums.jsonl"' in (tmp_path / "project/sums.refine").read_text(encoding="utf-8")
    # A workflow would not find them.
    assert _tree(tmp_path / "project") == [".gitattributes", ".gitignore", "sums.refine"]
    assert "Next:  refinec plan sums.refine --allow-outside" in permitted.err
    assert refinec("plan", "--allow-outside", cwd=tmp_path / "project").code == 0


def test_a_project_where_the_data_are(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/test.jsonl").write_text(LINES, encoding="utf-8")
    answer = refinec("init", "set", "--from", "set/test.jsonl", cwd=tmp_path)
    assert answer.code == 0, answer.err
    # A file called `test` says nothing; its folder does.
    assert 'source = "test.jsonl"' in (tmp_path / "set/set.refine").read_text(encoding="utf-8")
    assert "Next:  cd set && refinec plan set.refine" in answer.err


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "sums.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "sums.refine").write_text("mine\n", encoding="utf-8")
    answer = refinec("init", "--from", "sums.jsonl", cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert "already there" in answer.err
    assert _tree(tmp_path) == ["sums.jsonl", "sums.refine"]
    assert (tmp_path / "sums.refine").read_text(encoding="utf-8") == "mine\n"


def test_a_refusal_is_data_too_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("model,score\na,1\nb,2\n", encoding="utf-8")
    answer = refinec("init", "--from", "scores.csv", "--format", "json", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert [entry["code"] for entry in answer.json["diagnostics"]] == ["RF3060"]
    assert "`model`: text" in answer.err
    assert _tree(tmp_path) == ["scores.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "none.jsonl"), "no such file: none.jsonl"),
        (("--from", ""), "names no file"),
        (("--from", "."), "files of several kinds"),
        (("--from", "empty"), "no data file is in it"),
        (("--from", "a.jsonl", "b.csv"), "b.csv is a file, and FOLDER is where the project starts; a pattern"),
        (("--from", "a.jsonl", "--template", "quickstart"), "take one"),
    ],
)
def test_wrong_use(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "b.csv").write_text("question,answer\nwhy,so\n", encoding="utf-8")
    answer = refinec("init", *arguments, cwd=tmp_path)
    assert answer.code == ExitCode.USAGE, answer.err
    assert said in answer.err
    assert _tree(tmp_path) == ["a.jsonl", "b.csv"]


@pytest.mark.parametrize(("source", "code"), [("hf://owner/name", "RF3008"), ("*.csv", "RF3002")])
def test_what_no_file_answers_to(tmp_path: Path, source: str, code: str) -> None:
    answer = refinec("init", "--from", source, "--format", "json", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert [entry["code"] for entry in answer.json["diagnostics"]] == [code]
    assert _tree(tmp_path) == []
