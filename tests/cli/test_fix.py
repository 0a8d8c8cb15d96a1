"""`refinec fix`: what it repairs, what it leaves, and how it says so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

WRONG = b"""seed: 7
import "lib/models.refine" as models
dataset d { task = qa, source = "d.jsonl", fields = { area = column('area') } }
measure words { kind: length }
operator pad { kind = expand, model = models.big, prior = { success = 50 % } }
output o { path = "o.jsonl", layout = task }
"""
RIGHT = b"""edition = 1
seed = 7
import "lib/models.refine" as models
dataset d { task = qa, source = "d.jsonl", fields = { area = column("area") } }
measure words { kind = length }
operator pad { kind = expand, model = models.big, prior = { success = 50% } }
output o { path = "o.jsonl", layout = task }
"""
LIBRARY = b"\xef\xbb\xbfedition = 1\r\nmodel big { provider == simulated }\r\n"


def project(folder: Path) -> None:
    (folder / "lib").mkdir(parents=True)
    (folder / ".refine").mkdir()
    (folder / "a.refine").write_bytes(WRONG)
    (folder / "lib" / "models.refine").write_bytes(LIBRARY)


def test_what_is_sure_is_repaired_in_the_spec_and_in_what_it_imports(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "a.refine").chmod(0o640)
    before = refinec("check", "a.refine", cwd=tmp_path)
    assert before.code == ExitCode.SPEC
    assert before.err.endswith(" fixable with `refinec fix`\n")
    shown = refinec("fix", "--diff", "a.refine", cwd=tmp_path)
    assert (tmp_path / "a.refine").read_bytes() == WRONG
    assert "fixed" not in shown.err
    answer = refinec("fix", "a.refine", cwd=tmp_path, fresh=True)
    assert (tmp_path / "a.refine").read_bytes() == RIGHT
    assert (tmp_path / "a.refine").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "lib" / "models.refine").read_bytes() == LIBRARY.replace(b"==", b"=")
    assert "a.refine:1: RF1008: write `=`\n" in answer.out
    assert "lib/models.refine:2: RF1008: write `=`\n" in answer.out
    assert refinec("check", "a.refine", cwd=tmp_path).out.count("error[") == answer.err.count("error[")
    assert answer.code == shown.code == (ExitCode.SPEC if "error[" in answer.err else ExitCode.DONE)
    (tmp_path / "a.refine").write_bytes(WRONG)
    (tmp_path / "lib" / "models.refine").write_bytes(LIBRARY)
    subprocess.run(["git", "apply", "-p0", "-"], cwd=tmp_path, input=shown.out.encode(), check=True)
    assert (tmp_path / "a.refine").read_bytes() == RIGHT
    again = refinec("fix", cwd=tmp_path)
    assert again.out == ""
    assert again.err.count("error[") == answer.err.count("error[")


def test_files_outside_of_the_project_are_left_alone(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".refine").rename(tmp_path / "elsewhere" / ".refine")
    spec = tmp_path / "elsewhere" / "a.refine"
    spec.write_bytes(WRONG.replace(b'"lib/', b'"../lib/'))
    answer = refinec("fix", "--allow-outside", spec, cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert spec.read_bytes() == RIGHT.replace(b'"lib/', b'"../lib/')
    assert (tmp_path / "lib" / "models.refine").read_bytes() == LIBRARY
    assert "models.refine:2:" in answer.err


def test_what_a_person_should_look_at_is_repaired_when_asked_for(tmp_path: Path) -> None:
    text = "edition = 1\nmodel small { provider = simulatd }\n"
    (tmp_path / "a.refine").write_text(text, encoding="utf-8")
    safe = refinec("fix", cwd=tmp_path)
    assert (safe.code, safe.out) == (ExitCode.SPEC, "")
    assert safe.err.endswith("fixed 0; 1 error left, 1 of them fixable with --unsafe\n")
    answer = refinec("fix", "--unsafe", cwd=tmp_path)
    assert (answer.code, answer.err) == (ExitCode.DONE, "fixed 1; no errors left\n")
    assert (tmp_path / "a.refine").read_text(encoding="utf-8") == text.replace("simulatd", "simulated")


def test_only_what_is_selected(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(b"edition = 1\nseed: 7\nmodel small { timeout = 10 s }\n")
    assert refinec("fix", "--select", "RF1061,rf1060", cwd=tmp_path).code == ExitCode.SPEC
    assert (tmp_path / "a.refine").read_bytes() == b"edition = 1\nseed: 7\nmodel small { timeout = 10s }\n"
    unknown = refinec("fix", "--select", "RF1999", cwd=tmp_path)
    assert unknown.code == ExitCode.USAGE
    assert "no error is called 'RF1999'" in unknown.err


def test_standard_input_goes_to_standard_output(tmp_path: Path) -> None:
    answer = refinec("fix", "-", cwd=tmp_path, stdin=b"seed: 7\nmodel gr\xc3\xb6 { }\n")
    assert answer.code == ExitCode.SPEC
    assert answer.out == "edition = 1\nseed = 7\nmodel grö { }\n"
    assert "-:1: RF1008: write `=`" in answer.err
    undecodable = refinec("fix", "-", cwd=tmp_path, stdin=b"\xff\xfe")
    assert (undecodable.code, undecodable.out) == (ExitCode.SPEC, "")


def test_json(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(b"seed: 7\nx = 3\n")
    answer = refinec("fix", "--diff", "--format", "json", "--json-file", "out.json", cwd=tmp_path)
    document = answer.json
    assert document["fixed"] == [
        {"code": "RF1030", "file": "a.refine", "line": 1, "message": "start the file with the edition",
         "applicability": "machine"},
        {"code": "RF1008", "file": "a.refine", "line": 1, "message": "write `=`", "applicability": "machine"},
    ]  # fmt: skip
    assert document["rejected"] == []
    assert [file["path"] for file in document["files"]] == ["a.refine"]
    assert "+edition = 1\n" in document["files"][0]["diff"]
    assert {entry["code"] for entry in document["diagnostics"] if entry["severity"] == "error"} == {"RF2008", "RF2010"}
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == document
    assert (tmp_path / "a.refine").read_bytes() == b"seed: 7\nx = 3\n"


def test_a_file_that_cannot_be_written_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(b"seed = 7\n")
    (tmp_path / "a.refine").chmod(0o444)
    answer = refinec("fix", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert "error[RF5042]" in answer.err
    assert (tmp_path / "a.refine").read_bytes() == b"seed = 7\n"
