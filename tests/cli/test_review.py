"""`refinec review`: edits as people read them, and the file in which they decide."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose quickstart was applied once. Tests only look at it."""
    project = tmp_path_factory.mktemp("applied")
    assert refinec("init", cwd=project).code == 0
    spec = project / "quickstart.refine"
    text = spec.read_text(encoding="utf-8")
    text = text.replace("provenance = ", 'quarantine = "out/refused.jsonl"\n  provenance = ')
    spec.write_text(text, encoding="utf-8")
    assert refinec("apply", "--auto-approve", cwd=project).code == 0
    return project


@pytest.fixture
def copy(applied: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(applied, tmp_path / "copy"))


def test_every_edit_of_the_log_is_shown_once_and_in_its_order(applied: Path) -> None:
    answer = refinec("review", "1", "--format", "json", cwd=applied, fresh=True)
    assert answer.code == 0, answer.err
    edits = answer.json["edits"]
    log = [json.loads(line) for line in (applied / ".refine/runs/0001/provenance.jsonl").read_text().splitlines()]
    ended = [event for event in log if event["event"] in ("commit", "reject", "remove")]
    assert [edit["operator"] for edit in edits] == [event["operator"] for event in ended]
    kinds = {"commit": "added", "reject": "rejected", "remove": "removed"}
    assert [edit["kind"] for edit in edits] == [kinds[event["event"]] for event in ended]
    for edit, event in zip(edits, ended, strict=True):
        if event["event"] != "reject":
            assert edit["id"] == event["id"]
    rows = {row["id"]: row for row in map(json.loads, (applied / "out/quickstart.jsonl").read_text().splitlines())}
    for edit in edits:
        if edit["kind"] == "added":
            assert edit["after"]["question"] == rows[edit["id"]]["question"]
        if edit["kind"] == "removed":
            assert edit["id"] not in rows
        if edit["kind"] == "rejected":
            assert edit["check"] in [verdict["check"] for verdict in edit["verdicts"]]
    assert any(edit["kind"] == "rejected" and edit["after"] for edit in edits)
    assert sum(edit["cost"]["tokens"] for edit in edits) == answer.json["cost"]["tokens"] > 0
    assert answer.json["counts"]["added"] == sum(edit["kind"] == "added" for edit in edits)


def test_text_shows_what_differs_and_only_what_is_asked_for(applied: Path) -> None:
    whole = refinec("review", "1", cwd=applied)
    assert whole.code == 0, whole.err
    assert whole.out == refinec("review", "1", cwd=applied, fresh=True).out
    part = refinec("review", "1", "--kind", "added", "--operator", "paraphrase", cwd=applied)
    assert part.out
    heads = [line.split() for line in part.out.splitlines() if line and not line.startswith((" ", "run"))]
    assert heads
    assert {(head[0], head[2]) for head in heads} == {("added", "paraphrase")}
    assert "question   ~" in part.out or "question   -" in part.out
    assert part.out.splitlines()[-1] == whole.out.splitlines()[-1]  # what the run came to is the same
    wrong = refinec("review", "1", "--operator", "paraphrse", cwd=applied)
    assert (wrong.code, "paraphrase" in wrong.err) == (ExitCode.USAGE, True)
    assert refinec("review", "9", cwd=applied).code == ExitCode.USAGE


def test_nothing_of_an_item_steers_the_terminal(copy: Path) -> None:
    data = copy / "data/quickstart.jsonl"
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["question"] += "\x1b[31m\u202e"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert refinec("apply", "--auto-approve", "--no-inventory", cwd=copy).code == 0
    shown = refinec("review", "2", cwd=copy).out
    assert "\\u{1b}[31m\\u{202e}" in shown
    assert not set(shown) & set("\x1b\u202e")


def test_the_file_of_decisions_keeps_what_was_decided(copy: Path) -> None:
    file = copy / "decisions.jsonl"
    assert refinec("review", "1", "-o", file.name, cwd=copy).code == 0
    first = file.read_bytes()
    rows = [json.loads(line) for line in first.splitlines()]
    assert {row["decision"] for row in rows} == {"accept"}
    assert [list(row) for row in rows] == [["id", "parent", "operator", "decision", "note"]] * len(rows)
    edits = refinec("review", "1", "--format", "json", cwd=copy).json["edits"]
    assert [row["id"] for row in rows] == [edit["id"] for edit in edits if edit["kind"] != "rejected"]
    rows[3] |= {"decision": "reject", "note": "zwei Antworten: „a“"}
    edited = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in reversed(rows))
    file.write_text(edited, encoding="utf-8")
    answer = refinec("review", "1", "-o", file.name, cwd=copy)
    assert f"added {rows[3]['id']}   " in answer.out
    assert "decided: reject" in answer.out
    again = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert again == rows
    file.write_bytes(first)
    assert refinec("review", "1", "-o", file.name, cwd=copy).code == 0
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "RF6801"), ("[]", "RF6801"), ('{"id":"a"}', "RF6801"),
        ('{"id":1,"parent":"a","operator":"o","decision":"accept"}', "RF6801"),
        ('{"id":"a","parent":"a","operator":"o","decision":"Accept!"}', "RF6802"),
        ('{"id":"a","parent":"a","operator":"o","decision":"pin"}\n' * 2, "RF6803"),
        ("\udcff", "RF6801"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_decision_stays_where_it_is(line: str, code: str, applied: Path, tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(b"\n" + line.encode("utf-8", "surrogateescape") + b"\n")
    before = file.read_bytes()
    answer = refinec("review", "1", "-o", file, cwd=applied)
    assert answer.code == ExitCode.SPEC
    assert f"[{code}]" in answer.err
    assert f"decisions.jsonl:{3 if code == 'RF6803' else 2}" in answer.err
    assert file.read_bytes() == before
