"""`check`, `compile`, `render`, `explain`: what they print, in which form, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.architecture.tree import ROOT
from tests.cli.command import refinec

QUICKSTART = ROOT / "specs" / "quickstart.refine"
BROKEN = """edition = 1
dataset d { task = mcq, source = "d.jsonl" }
measure m { kind = column, column = "topic" }
dimension topic { from = n, target = { a = 60%, b = 60% } }
"""


def test_check_says_so_where_nothing_is_wrong(tmp_path: Path) -> None:
    answer = refinec("check", QUICKSTART, cwd=tmp_path, fresh=True)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "checked 1 spec: no errors\n"


def test_check_shows_place_code_and_way_out(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text(BROKEN, encoding="utf-8")
    answer = refinec("check", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert "a.refine:4:" in answer.out
    assert "error[RF2" in answer.out
    assert "\nhelp: " in answer.out
    assert "checked 1 spec: " in answer.err


def test_check_as_json_is_decision_24(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text(BROKEN, encoding="utf-8")
    answer = refinec("check", "--format", "json", "--json-file", "out.json", cwd=tmp_path)
    document = answer.json
    assert answer.code == ExitCode.SPEC
    assert list(document) == ["format_version", "diagnostics"]
    for entry in document["diagnostics"]:
        assert {"code", "severity", "message", "file", "start", "end", "labels", "notes", "help"} <= set(entry)
        assert set(entry["start"]) == {"line", "column", "byte"}
        assert all(set(way) == {"message", "edits", "applicability"} for way in entry["help"])
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == document
    lines = refinec("check", "--format", "jsonl", cwd=tmp_path)
    assert lines.code == ExitCode.SPEC
    assert [json.loads(line) for line in lines.out.splitlines()] == document["diagnostics"]


def test_check_reads_folders_files_and_standard_input(tmp_path: Path) -> None:
    for place in ("one/a.refine", "one/two/b.refine", "one/.hidden/c.refine", "d.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(QUICKSTART.read_bytes())
    assert "checked 2 specs" in refinec("check", "one", cwd=tmp_path).err
    assert "checked 3 specs" in refinec("check", "one", "d.txt", "one/a.refine", cwd=tmp_path).err
    piped = refinec("check", "-", cwd=tmp_path, stdin=BROKEN.encode())
    assert piped.code == ExitCode.SPEC
    assert " -:4:" in piped.out


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"\0\0\0", b"edition = 99\n", b'edition = 1\nx = """\n' + b"a" * 5000]
)
def test_any_bytes_are_a_diagnostic(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(content)
    answer = refinec("check", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert answer.out.startswith("error[RF")


def test_a_spec_that_cannot_be_read_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "folder.refine").mkdir()
    answer = refinec("plan", "folder.refine", cwd=tmp_path)
    assert answer.code == ExitCode.USAGE  # a folder without a spec in it
    assert "no *.refine file in folder.refine" in answer.err


def test_variables_come_from_the_command_line_and_the_environment(tmp_path: Path) -> None:
    spec = 'edition = 1\nvariable n { type = integer, default = 3 }\nconstraints { size = var.n }\n'
    (tmp_path / "a.refine").write_text(
        spec + 'dataset d { task = qa, source = "d.jsonl" }\nmeasure m { kind = length }\n', encoding="utf-8"
    )

    def size(*arguments: str, **environ: str) -> object:
        answer = refinec("compile", "--emit=ir", *arguments, cwd=tmp_path, environ=environ)
        assert answer.code == 0, answer.err
        return answer.json["constraints"]["size"]["low"]

    assert size() == 3
    assert size(REFINE_VAR_n="5") == 5
    assert size("--var", "n=7", REFINE_VAR_n="5") == 7
    assert size(REFINE_VAR_unrelated="5") == 3
    (tmp_path / "some.refvars").write_text("# a file\nn = 9\n", encoding="utf-8")
    assert size("--var-file", "some.refvars", REFINE_VAR_n="5") == 9
    assert size("--var-file", "some.refvars", "--var", "n=7") == 7
    (tmp_path / "some.refvars").write_text("n = 9\nmeasure m { kind = length }\n", encoding="utf-8")
    wrong = refinec("check", "--var-file", "some.refvars", cwd=tmp_path)
    assert wrong.code == ExitCode.USAGE
    assert "some.refvars:2: only" in wrong.err
    unknown = refinec("check", "--var", "other=1", cwd=tmp_path)
    assert unknown.code == ExitCode.SPEC
    assert "other" in unknown.out


@pytest.mark.parametrize("stage", ["ast", "symbols", "ir", "lp", "plan"])
def test_compile_prints_every_stage(stage: str, tmp_path: Path) -> None:
    answer = refinec("compile", QUICKSTART, f"--emit={stage}", cwd=tmp_path)
    assert answer.code == 0, answer.err
    if stage in ("ast", "symbols", "ir"):
        assert isinstance(answer.json, dict)
    if stage == "plan":
        assert json.loads(answer.out.splitlines()[0])["record"] == "header"
        assert json.loads(answer.out.splitlines()[-1])["record"] == "trailer"
    if stage == "lp":
        assert answer.out.rstrip().endswith("end")
    again = refinec("compile", QUICKSTART, f"--emit={stage}", "-o", "out.txt", cwd=tmp_path, fresh=True)
    assert (again.code, again.out) == (0, "")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == answer.out


def test_compile_gives_the_tree_of_a_broken_spec(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text("edition = 1\nmeasure m { kind = length }\nnonsense = = 3\n", encoding="utf-8")
    answer = refinec("compile", "--emit=ast", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert [statement["node"] for statement in answer.json["statements"]] == ["Attribute", "Block"]
    assert refinec("compile", "--emit=ir", cwd=tmp_path).out == ""


def test_symbols_have_places(tmp_path: Path) -> None:
    symbols = refinec("compile", QUICKSTART, "--emit=symbols", cwd=tmp_path).json
    assert list(symbols["dimension"]) == ["subject", "length"]
    file, line, column = symbols["operator"]["author"].rsplit(":", 2)
    text = Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert text[int(column) - 1 :].startswith("operator author")


def test_render_shows_what_would_be_sent(tmp_path: Path) -> None:
    answer = refinec(
        "render", "author", QUICKSTART, "--item", "geo-21", "--target", "length=long", "--format", "json", cwd=tmp_path
    )
    assert answer.code == 0, answer.err
    document = answer.json
    assert document["item"] == "geo-21"
    assert document["target"] == {"subject": "geography", "length": "long"}
    assert [message["role"] for message in document["messages"]] == ["system", "user"]
    system, user = (message["content"] for message in document["messages"])
    assert "What is the capital of Brazil?" in user
    assert "Brazil" not in system  # text of the dataset never reaches the system message
    assert 0 < document["tokens"]["input"] <= document["tokens"]["input_ceiling"]
    arguments = ("author", QUICKSTART, "--item", "geo-21", "--target", "length=long")
    text = refinec("render", *arguments, cwd=tmp_path, fresh=True)
    assert "--- system\n" in text.out
    assert "tokens in" in text.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("drop",), "asks no model"),
        (("nothing",), "paraphrase, author"),
        (("author", "--target", "length=lonng"), "short, medium, long"),
        (("author", "--target", "colour=red"), "subject, length"),
        (("author", "--item", "geo"), "fits 44 items"),
        (("author", "--item", "zzz"), "no item's id starts with 'zzz'"),
    ],
)
def test_render_of_what_is_not_there(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    answer = refinec("render", arguments[0], QUICKSTART, *arguments[1:], cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err


def test_text_of_the_dataset_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    row: dict[str, object] = {"id": "x", "subject": "biology", "question": "a\x1b[2J\x1b]0;b\x07?", "answer": "A"}
    row["choices"] = ["1\u202e", "2"]
    (tmp_path / "data/quickstart.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (tmp_path / "q.refine").write_bytes(QUICKSTART.read_bytes())
    answer = refinec("render", "author", cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert not {"\x1b", "\x07", "\u202e"} & set(answer.out + answer.err)


def test_explain(tmp_path: Path) -> None:
    answer = refinec("explain", "rf9001", cwd=tmp_path, fresh=True)
    assert answer.code == 0
    assert answer.out.startswith("RF9001: a bug of ours")
    assert refinec("explain", "RF0000", cwd=tmp_path).code == ExitCode.USAGE


def test_explain_shows_both_examples(tmp_path: Path) -> None:
    text = refinec("explain", "2043", cwd=tmp_path).out
    wrong, right = text.index("\nWrong:\n"), text.index("\nRight:\n")
    assert wrong < text.index("    $ refinec check --var limit=many\n") < right
    assert right < text.index("    $ refinec check --var limit=800k\n")
    assert text.index("    # topics.csv\n") if "csv" in text else True
    assert "\x1b" not in text
    assert "\x1b[31m" in refinec("explain", "2043", "--color", "always", cwd=tmp_path).out
    document = refinec("explain", "RF2043", "--format", "json", cwd=tmp_path).json
    assert set(document) == {"format_version", "code", "severity", "meaning", "prose", "wrong", "right"}
    assert (document["code"], document["severity"]) == ("RF2043", "error")
    assert [entry["language"] for entry in document["wrong"]] == ["refine", "console"]
    assert refinec("explain", "2035", "--format", "json", cwd=tmp_path).json["severity"] == "warning"


def test_explain_names_the_files_of_an_example(tmp_path: Path) -> None:
    text = refinec("explain", "RF2122", cwd=tmp_path).out
    assert text.count("    # topics.csv\n    topic,share\n") == 2


def test_explain_without_a_code_lists_all(tmp_path: Path) -> None:
    answer = refinec("explain", cwd=tmp_path)
    assert "\n  RF1005  " in answer.out
    assert "\nRF9: " in answer.out
    codes = [entry["code"] for entry in refinec("explain", "--format", "json", cwd=tmp_path).json["codes"]]
    assert len(codes) > 200
    assert codes == sorted(codes) == [line.split()[0] for line in answer.out.splitlines() if line.startswith("  RF")]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero here")
def test_a_spec_without_an_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    answer = refinec("check", "/dev/zero", cwd=tmp_path, timeout=60)
    assert answer.code == 1
    assert "RF1070" in answer.out + answer.err
