"""`--format github` and `sarif`: what a CI job shows beside the files, named from the root of the checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.architecture.tree import ROOT
from tests.cli.command import refinec

BROKEN = """edition = 1
dataset d { task = mcq, source = "d.jsonl" }
measure m { kind = column, column = "topic" }
dimension topic { from = n, target = { a = 60%, b = 60% } }
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a spec that is wrong, and one whose data are, below its root."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "quiz"
    shutil.copytree(ROOT / "specs" / "data", folder / "data")
    (folder / "wrong.refine").write_text(BROKEN, encoding="utf-8")
    shutil.copy(ROOT / "specs" / "quickstart.refine", folder / "quiz.refine")
    with (folder / "data" / "quickstart.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"question": "?", "choices": ["x", "y"], "answer": "z"}\n')
    return tmp_path


@pytest.mark.parametrize("arguments", [("quiz/wrong.refine",), ("--chdir", "quiz", "wrong.refine"), ("quiz",)])
def test_check_names_files_from_the_root_of_the_checkout(arguments: tuple[str, ...], checkout: Path) -> None:
    answer = refinec("check", *arguments, "--format", "github", cwd=checkout)
    assert answer.code == ExitCode.SPEC
    lines = answer.out.splitlines()
    assert lines
    assert all(
        line.startswith(("::error file=quiz/wrong.refine,line=4,", "::warning file=quiz/wrong.refine,"))
        for line in lines
    ), lines
    assert "checked " in answer.err


def test_sarif_is_the_data_and_json_stands_where_asked(checkout: Path) -> None:
    answer = refinec("check", "quiz", "--format", "sarif", "--json-file", "out.json", cwd=checkout)
    assert answer.code == ExitCode.SPEC
    log = answer.json
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]
    }
    assert uris == {"quiz/wrong.refine"}
    assert str(checkout) not in answer.out
    saved = json.loads((checkout / "out.json").read_text(encoding="utf-8"))
    assert [entry["code"] for entry in saved["diagnostics"]] == [
        result["ruleId"] for result in log["runs"][0]["results"]
    ]


def test_a_right_spec_is_an_empty_report(checkout: Path) -> None:
    github = refinec("check", "quiz/quiz.refine", "--format", "github", cwd=checkout)
    assert (github.code, github.out) == (0, "")
    sarif = refinec("check", "quiz/quiz.refine", "--format", "sarif", cwd=checkout)
    assert (sarif.code, sarif.json["runs"][0]["results"]) == (0, [])


@pytest.mark.parametrize("arguments", [("quiz/quiz.refine",), ("--chdir", "quiz", "quiz.refine")])
def test_plan_marks_the_line_of_the_data(arguments: tuple[str, ...], checkout: Path) -> None:
    rows = (checkout / "quiz" / "data" / "quickstart.jsonl").read_text(encoding="utf-8").count("\n")
    answer = refinec("plan", *arguments, "--format", "github", cwd=checkout)
    assert answer.code == ExitCode.SPEC
    assert answer.out.startswith(f"::error file=quiz/data/quickstart.jsonl,line={rows},title=refinec (RF30")
    assert answer.err == ""
    [result] = refinec("plan", *arguments, "--format", "sarif", cwd=checkout).json["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "quiz/data/quickstart.jsonl", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": rows},
    }


def test_a_plan_that_stands_is_a_line_for_people(checkout: Path) -> None:
    shutil.copy(ROOT / "specs" / "data" / "quickstart.jsonl", checkout / "quiz" / "data" / "quickstart.jsonl")
    answer = refinec("plan", "quiz/quiz.refine", "--format", "github", cwd=checkout)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err.startswith("Plan: keep ")


def test_without_a_checkout_files_are_named_from_here(checkout: Path) -> None:
    (checkout / ".git").rmdir()
    answer = refinec("check", "wrong.refine", "--format", "github", cwd=checkout / "quiz")
    assert answer.out.startswith("::error file=wrong.refine,line=4,")
