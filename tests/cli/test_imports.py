"""A project of several files from the command line: what is checked, shown, set and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

MODELS = """edition = 1

## Cheap and quick.
model small { provider = simulated }
model large { provider = simulated }
variable limit { type = tokens, default = 30k }
prompt again {
  user = "{{ item.question }}"
  returns = {
    thought = text, question = text, choices = [text], answer = text
    sure = number, steps = integer, fine = bool, band = length
  }
}
measure words { kind = length }
dimension length { from = words, bands = { short = below(5), long = above(5) } }
"""
SPEC = """edition = 1
import "lib/models.refine" as lib
use = lib.length
dataset quiz { task = mcq, source = "quiz.jsonl" }
operator more { kind = expand, model = lib.small, prompt = lib.again }
budget { tokens = var.lib.limit }
output refined { path = "out.jsonl", layout = task }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".refine").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/models.refine").write_text(MODELS, encoding="utf-8")
    (tmp_path / "quiz.refine").write_text(SPEC, encoding="utf-8")
    item = '{"question": "Which is a gas?", "choices": ["iron", "neon"], "answer": "neon"}\n'
    (tmp_path / "quiz.jsonl").write_text(item, encoding="utf-8")
    return tmp_path


def test_check_takes_libraries_for_what_they_are(project: Path) -> None:
    answer = refinec("check", cwd=project)
    assert (answer.code, answer.out, answer.err) == (0, "", "checked 2 specs: no errors\n")
    given = refinec("check", "--var", "lib.limit=10k", cwd=project)
    assert (given.code, given.out) == (0, "")
    assert refinec("check", "lib/models.refine", cwd=project).code == 0
    planned = refinec("plan", "lib/models.refine", cwd=project)
    assert planned.code == ExitCode.SPEC
    assert "RF2008" in planned.err


def test_mistakes_of_an_import_are_said_in_it(project: Path) -> None:
    (project / "lib/models.refine").write_text(MODELS.replace("simulated }", "simulatd }", 1), encoding="utf-8")
    answer = refinec("check", "quiz.refine", "--format", "json", cwd=project)
    (entry,) = answer.json["diagnostics"]
    assert (answer.code, entry["code"], entry["file"]) == (ExitCode.SPEC, "RF2017", "lib/models.refine")
    assert entry["start"] == {"line": 4, "column": 26, "byte": 58}


def test_a_mistake_is_said_once_of_a_folder(project: Path) -> None:
    models = MODELS.replace("from = words", "from = words, labels = [a]")
    (project / "lib/models.refine").write_text(models, encoding="utf-8")
    lines = refinec("check", "--format", "jsonl", cwd=project).out.splitlines()
    places = [(entry["code"], entry["file"], entry["start"]["byte"]) for entry in map(json.loads, lines)]
    assert places
    assert len(set(places)) == len(places)
    assert {file for _, file, _ in places} == {"lib/models.refine"}


def test_symbols_and_program_show_what_is_imported(project: Path) -> None:
    symbols = refinec("compile", "--emit=symbols", cwd=project).json
    assert symbols["model"] == {"lib.small": "lib/models.refine:4:1", "lib.large": "lib/models.refine:5:1"}
    assert symbols["operator"] == {"more": "quiz.refine:5:1"}
    program = refinec("compile", "--emit=ir", cwd=project).json
    assert [model["name"] for model in program["models"]] == ["lib.small"]
    assert program["docs"] == {"model.lib.small": "Cheap and quick."}
    assert program["budget"]["tokens"] == 30_000
    (project / "some.refvars").write_text("lib { limit = 20k }\n", encoding="utf-8")
    for environ, arguments in (
        ({"REFINE_VAR_lib__limit": "20k"}, ()), ({}, ("--var", "lib.limit=20k")), ({}, ("--var-file", "some.refvars")),
    ):  # fmt: skip
        given = refinec("compile", "--emit=ir", *arguments, cwd=project, environ=environ)
        assert given.json["budget"]["tokens"] == 20_000


def test_a_value_of_an_imported_variable_is_kept_in_the_plan(project: Path) -> None:
    assert refinec("plan", "--var", "lib.limit=20k", "-o", "a.refplan", cwd=project).code == 0
    answer = refinec("apply", "a.refplan", cwd=project)
    assert answer.code == 0, answer.err


def test_render_shows_the_schema_of_the_reply(project: Path) -> None:
    answer = refinec("render", "more", "--format", "json", cwd=project)
    schema = answer.json["schema"]
    assert schema["properties"] == {
        "thought": {"type": "string"},
        "question": {"type": "string"},
        "choices": {"type": "array", "items": {"type": "string"}},
        "answer": {"type": "string"},
        "sure": {"type": "number"},
        "steps": {"type": "integer"},
        "fine": {"type": "boolean"},
        "band": {"type": "string", "enum": ["short", "long"]},
    }
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    assert '--- reply\n{"type": "object"' in refinec("render", "lib.again", cwd=project).out


def test_render_refuses_what_no_plan_knows(project: Path) -> None:
    spec = SPEC + 'measure oddity { kind = custom, module = "odd.py", function = "rate" }\n'
    spec += "dimension strange { from = oddity, bands = { a = below(1), b = above(1) } }\n"
    (project / "quiz.refine").write_text(spec, encoding="utf-8")
    answer = refinec("render", "more", cwd=project)
    assert answer.code == ExitCode.SPEC
    assert "error[RF5010]" in answer.err
