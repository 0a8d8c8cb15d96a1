"""`version`, `doctor`, `init`."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from refinelab_dsl import __version__
from refinelab_dsl.cli import doctor
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec
from tests.harness.stages import NO_GLPK


def test_version(tmp_path: Path) -> None:
    short = refinec("--version", cwd=tmp_path, fresh=True)
    assert (short.code, short.out) == (0, f"refinec {__version__}\n")
    text = refinec("version", cwd=tmp_path, fresh=True)
    assert text.out.startswith(f"refinec {__version__} ")
    document = refinec("version", "--format", "json", "--json-file", "v.json", cwd=tmp_path)
    assert document.json["refinec"] == __version__
    assert document.json["plan_format"] == "1.0"
    assert document.json["edition"] == 1
    assert json.loads((tmp_path / "v.json").read_text(encoding="utf-8")) == document.json


def test_doctor_lists_what_decision_24_says(tmp_path: Path) -> None:
    answer = refinec("doctor", "--format", "json", cwd=tmp_path, fresh=True)
    findings = answer.json
    assert answer.code == 0, findings
    assert all(list(finding) == ["name", "status", "version", "detail", "fix"] for finding in findings)
    by_name = {finding["name"]: finding for finding in findings}
    assert by_name["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert by_name["highs"]["status"] == "ok"
    assert {"lark", "pydantic", "pyomo", "openai", "glpsol", "state", "resources"} <= set(by_name)
    assert by_name["OPENAI_API_KEY"]["status"] == "absent"
    assert by_name["sandbox embedded"]["status"] == "ok"
    strict = by_name["sandbox strict"]
    assert strict["status"] == "ok" or (strict["detail"], strict["fix"]) != ("", "")


def test_doctor_never_shows_a_key(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text('model m { api_key = env("OTHER_KEY") }\n', encoding="utf-8")
    environ = {"OPENAI_API_KEY": "sk-planted-secret", "OTHER_KEY": "another-planted-secret"}
    for form in ("text", "json"):
        answer = refinec("doctor", "--format", form, cwd=tmp_path, environ=environ)
        assert "planted" not in answer.out + answer.err
        assert "OTHER_KEY" in answer.out
    by_name = {finding["name"]: finding for finding in answer.json}
    assert by_name["OPENAI_API_KEY"]["status"] == "ok"
    assert by_name["OTHER_KEY"]["status"] == "ok"


def test_doctor_without_glpk_says_how_to_get_it(tmp_path: Path) -> None:
    answer = refinec("doctor", cwd=tmp_path, environ=NO_GLPK)
    assert answer.code == 0  # HiGHS serves
    assert "apt-get install glpk-utils" in answer.out
    assert "pip install 'refinec[glpk]'" in answer.out


@pytest.mark.skipif(find_spec("swiglpk") is None, reason="NO SWIGLPK on this machine: pip install 'refinec[glpk]'")
def test_doctor_says_which_way_glpk_is_reached(tmp_path: Path) -> None:
    answer = refinec("doctor", "--format", "json", cwd=tmp_path, environ={"PATH": "/nowhere"})
    by_name = {finding["name"]: finding for finding in answer.json}
    assert by_name["glpsol"]["status"] == "absent"
    assert by_name["glpsol"]["detail"] == "`solver = glpk` takes swiglpk"
    assert by_name["swiglpk"]["status"] == "ok"
    assert "GLPK 5." in by_name["swiglpk"]["detail"]


def test_doctor_with_a_broken_glpsol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "glpsol"
    program.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert doctor.check_glpsol(has_library=True).status == "broken"


def test_doctor_finds_what_is_missing() -> None:
    assert doctor.check_package("no-such-distribution", "nothing").status == "missing"
    assert doctor.check_package("click", "no_such_module").status == "broken"
    failed = doctor.render_findings([doctor.check_package("no-such-distribution", "nothing")])
    assert "pip install" in failed


def test_init_makes_a_project_that_checks_and_plans(tmp_path: Path) -> None:
    answer = refinec("init", "project", cwd=tmp_path, fresh=True)
    assert answer.code == 0
    project = tmp_path / "project"
    made = sorted(path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file())
    assert made == [
        ".gitattributes", ".github/workflows/refine.yml", ".gitignore", "data/quickstart.jsonl", "quickstart.refine",
    ]  # fmt: skip
    assert "linguist-language=HCL" in (project / ".gitattributes").read_text(encoding="utf-8")
    assert ".refine/" in (project / ".gitignore").read_text(encoding="utf-8")
    assert refinec("check", cwd=project).code == 0
    planned = refinec("plan", cwd=project)
    assert planned.code == 0, planned.err
    assert sorted(path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()) == made


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/quickstart.jsonl").write_text("mine\n", encoding="utf-8")
    answer = refinec("init", cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert "data/quickstart.jsonl" in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    assert (tmp_path / "data/quickstart.jsonl").read_text(encoding="utf-8") == "mine\n"


def test_init_keeps_settings_of_git_and_says_what_they_need(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n", encoding="utf-8")
    answer = refinec("init", "--format", "json", cwd=tmp_path)
    assert answer.code == 0
    assert answer.json["kept"] == [".gitignore"]
    assert "quickstart.refine" in answer.json["created"]
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "*.pyc\n"
    assert ".refine/" in answer.err


def test_init_where_a_file_stands_in_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder\n", encoding="utf-8")
    answer = refinec("init", cwd=tmp_path)
    assert answer.code == ExitCode.UNAVAILABLE
    assert "RF9002" in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
