"""`plan` and `show`: what they print, what they write, when they refuse."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec
from tests.harness.stages import NO_GLPK


@pytest.fixture
def project(tmp_path: Path) -> Path:
    answer = refinec("init", cwd=tmp_path)
    assert answer.code == 0, answer.err
    return tmp_path


def _edit(project: Path, old: str, new: str) -> None:
    path = project / "quickstart.refine"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _files(project: Path) -> set[str]:
    return {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}


def test_plan_shows_mix_actions_and_cost_and_writes_nothing(project: Path) -> None:
    before = _files(project)
    answer = refinec("plan", cwd=project, fresh=True)
    assert answer.code == 0, answer.err
    for part in ("Mix", "subject", "Actions", "author", "Cost", "budget", "solver", "Checks", "Plan: keep"):
        assert part in answer.out
    assert _files(project) == before


def test_plan_as_json_has_the_shape_of_the_manual(project: Path) -> None:
    answer = refinec("plan", "--format", "json", "--json-file", "../plan.json", cwd=project)
    document = answer.json
    assert {
        "format_version", "plan_id", "spec", "size", "mix", "divergence", "actions", "cost", "budget", "solver",
        "checks", "diagnostics",
    } <= set(document)  # fmt: skip
    assert document["size"] == {"now": 120, "planned": 120}
    assert {"now", "target", "planned"} <= set(document["mix"]["subject"]["biology"])
    assert all(
        {"operator", "kind", "from", "to", "accepted", "attempts", "success"} <= set(action)
        for action in document["actions"]
    )
    for unit in ("tokens", "usd"):
        assert set(document["cost"][unit]) == {"expected", "low", "high", "ceiling", "full"}
    assert isinstance(document["cost"]["usd"]["expected"], str)  # money is a decimal string
    assert {"name", "strategy", "status", "objective", "bound", "gap", "seconds"} <= set(document["solver"])
    assert [check["status"] for check in document["checks"]] == ["passed", "passed"]
    assert json.loads((project / "../plan.json").read_text(encoding="utf-8")) == document


def test_plan_as_markdown_is_a_comment_that_can_be_found_again(project: Path) -> None:
    answer = refinec("plan", "--format", "markdown", cwd=project)
    assert answer.code == 0
    assert answer.out.startswith("<!-- refinec plan quickstart.refine -->\n")
    assert len(answer.out) < 60_000


def test_a_saved_plan_is_the_same_bytes_again_and_holds_no_text_of_the_dataset(project: Path) -> None:
    first = refinec("plan", "-o", "a.refplan", cwd=project)
    assert first.code == 0, first.err
    assert "refinec apply a.refplan" in first.out
    other = {"PYTHONHASHSEED": "7", "OPENAI_API_KEY": "sk-planted"}
    second = refinec("plan", "-o", "b.refplan", cwd=project, environ=other)
    assert second.code == 0
    a, b = ((project / name).read_bytes() for name in ("a.refplan", "b.refplan"))
    assert a == b
    assert b"sk-planted" not in a
    for line in (project / "data/quickstart.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["question"].encode() not in a
    assert str(project).encode() not in a


@pytest.mark.skipif(shutil.which("glpsol") is None, reason="NO GLPSOL on this machine: apt-get install glpk-utils")
def test_both_solvers_give_the_same_plan(project: Path) -> None:
    with_glpk = refinec("plan", "-o", "a.refplan", "--format", "json", cwd=project)
    without = refinec("plan", "-o", "b.refplan", "--format", "json", cwd=project, environ=NO_GLPK)
    assert with_glpk.json["solver"]["name"] == "glpk"
    assert without.json["solver"]["name"] == "highs"
    assert (project / "a.refplan").read_bytes() == (project / "b.refplan").read_bytes()


def test_a_solver_that_is_not_here_is_named_with_every_way_to_get_it(project: Path) -> None:
    text = (project / "quickstart.refine").read_text() + "\nsolve { solver = glpk }\n"
    (project / "quickstart.refine").write_text(text)
    answer = refinec("plan", cwd=project, environ=NO_GLPK)
    assert answer.code == ExitCode.INFEASIBLE
    assert "error[RF4002]: the solver `glpk` is not installed" in answer.err
    for way in ("apt-get install glpk-utils", "pip install 'refinec[glpk]'", "pip install highspy"):
        assert way in answer.err


@pytest.mark.skipif(find_spec("swiglpk") is None, reason="NO SWIGLPK on this machine: pip install 'refinec[glpk]'")
def test_glpk_serves_without_its_program(project: Path) -> None:
    with_library = refinec("plan", "-o", "a.refplan", "--format", "json", cwd=project, environ={"PATH": "/nowhere"})
    without = refinec("plan", "-o", "b.refplan", "--format", "json", cwd=project, environ=NO_GLPK)
    assert (with_library.json["solver"]["name"], without.json["solver"]["name"]) == ("glpk", "highs")
    assert (project / "a.refplan").read_bytes() == (project / "b.refplan").read_bytes()


def test_plan_says_what_binds_and_what_more_of_it_would_buy(project: Path) -> None:
    _edit(project, "tokens = 0.5 * full_cost", "tokens = 20k")
    _edit(project, "jsd(length) <= 0.005", "jsd(length) <= 0.05")
    line = (project / "quickstart.refine").read_text().splitlines().index("  tokens = 20k") + 1
    text = refinec("plan", "-o", "a.refplan", cwd=project).out
    assert f"  binding  budget.tokens (line {line}): 5,000 more tokens lower the divergence by about 0.00" in text
    document = refinec("plan", "--format", "json", "-o", "b.refplan", cwd=project).json
    assert document["binding"][0]["constraint"] == "budget.tokens"
    assert document["binding"][0]["line"] == line
    assert document["binding"][0]["divergence"] < 0
    assert any(entry["constraint"] == "length.medium" and entry["tokens"] > 0 for entry in document["binding"])
    assert (project / "a.refplan").read_bytes() == (project / "b.refplan").read_bytes()
    assert refinec("show", "a.refplan", "--format", "json", cwd=project).json["binding"] == []
    assert "What binds:" in refinec("plan", "--format", "markdown", cwd=project).out


def test_frontier_shows_what_other_budgets_would_buy(project: Path) -> None:
    _edit(project, "tokens = 0.5 * full_cost", "tokens = 20k")
    _edit(project, "jsd(length) <= 0.005", "jsd(length) <= 0.05")
    text = refinec("plan", "--frontier", "--json-file", "plan.json", cwd=project).out
    assert "Frontier" in text
    for mark in ("nothing bought", "your budget", "no limit"):
        assert mark in text
    rows = json.loads((project / "plan.json").read_text(encoding="utf-8"))["frontier"]
    assert len(rows) == 11
    assert [row["own"] for row in rows].count(True) == 1
    assert set(rows[0]["divergence"]) == {"subject", "length"}
    for before, after in pairwise(rows):
        assert after["objective"] <= before["objective"]
        assert after["tokens"] >= before["tokens"]
    assert "| your budget | " in refinec("plan", "--frontier", "--format", "markdown", cwd=project).out
    assert refinec("plan", "--format", "json", cwd=project).json["frontier"] == []


def test_exit_code_says_whether_there_is_work(project: Path) -> None:
    assert refinec("plan", "--exit-code", cwd=project).code == ExitCode.WORK
    rows = (project / "data/quickstart.jsonl").read_text(encoding="utf-8").splitlines()
    by_subject: dict[str, list[str]] = {}
    for row in rows:
        by_subject.setdefault(json.loads(row)["subject"], []).append(row)
    kept = [row for group in by_subject.values() for row in group[:10]]
    (project / "data/quickstart.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    _edit(project, "  target = { short = 35%, medium = 40%, long = rest }\n", "")
    _edit(project, 'expect "fewer one-liners" {\n  assert = jsd(length) <= 0.005\n}\n', "")
    answer = refinec("plan", "--exit-code", cwd=project)
    assert answer.code == 0, answer.err
    assert "nothing to do" in answer.out


def test_max_cost(project: Path) -> None:
    answer = refinec("plan", "--max-cost", "$0.0001", cwd=project)
    assert answer.code == ExitCode.BUDGET
    assert "RF5032" in answer.err
    assert refinec("plan", "--max-cost", "5", cwd=project).code == 0
    for wrong in ("much", "-1", "NaN", "1e999999"):
        refused = refinec("plan", "--max-cost", wrong, cwd=project)
        assert refused.code in (ExitCode.USAGE, 0)
        assert (refused.code == 0) == (wrong == "1e999999")


def test_an_infeasible_spec_is_4_and_names_its_lines(project: Path) -> None:
    _edit(project, "  max_removed = 30%\n", "  max_removed = 0%\n  keep_originals = at_least(100%)\n")
    _edit(project, "  size = keep\n", "  size = 60\n")
    answer = refinec("plan", "--format", "json", cwd=project)
    assert answer.code == ExitCode.INFEASIBLE
    assert "RF4001" in answer.err
    assert "quickstart.refine:4" in answer.err
    assert [entry["code"] for entry in answer.json["diagnostics"] if entry["severity"] == "error"] == ["RF4001"]


def test_a_failed_check_is_11(project: Path) -> None:
    _edit(project, "assert = jsd(length) <= 0.005", "assert = share(length, long) >= 0.9")
    answer = refinec("plan", cwd=project)
    assert answer.code == ExitCode.CHECK_FAILED
    assert "RF5031" in answer.err


def test_bad_rows_are_named_with_their_line(project: Path) -> None:
    path = project / "data/quickstart.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[6] = '{"id": "x", "question": "q?", "choices": ["a", "b"], "answer": "Z", "subject": "biology"}'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = refinec("plan", cwd=project)
    assert answer.code == ExitCode.SPEC
    assert "error[RF3" in answer.err
    assert "data/quickstart.jsonl:7" in answer.err


@pytest.mark.parametrize("damage", ["gone", "empty", "folder", "binary"])
def test_data_that_cannot_be_read(damage: str, project: Path) -> None:
    path = project / "data/quickstart.jsonl"
    path.unlink()
    if damage == "empty":
        path.touch()
    elif damage == "folder":
        path.mkdir()
    elif damage == "binary":
        path.write_bytes(os.urandom(3000))
    answer = refinec("plan", cwd=project)
    assert answer.code in (ExitCode.SPEC, ExitCode.UNAVAILABLE)
    assert "error[RF" in answer.err
    assert "RF9" not in answer.err


def test_output_replaces_a_plan_and_nothing_else(project: Path) -> None:
    spec = (project / "quickstart.refine").read_bytes()
    refused = refinec("plan", "-o", "quickstart.refine", cwd=project)
    assert refused.code == ExitCode.USAGE
    assert (project / "quickstart.refine").read_bytes() == spec
    assert refinec("plan", "-o", "data", cwd=project).code == ExitCode.USAGE
    assert refinec("plan", "-o", "nowhere/a.refplan", cwd=project).code == ExitCode.USAGE
    for _ in range(2):
        assert refinec("plan", "-o", "a.refplan", cwd=project).code == 0


def test_a_pipe_or_a_device_is_never_replaced(project: Path) -> None:
    """As root, a plan renamed over /dev/null would take it from the whole machine."""
    os.mkfifo(project / "pipe")
    answer = refinec("plan", "-o", "pipe", cwd=project)
    assert answer.code == 2
    assert "no regular file" in answer.err
    assert (project / "pipe").is_fifo()
    reader = os.open(project / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert refinec("version", "--json-file", "pipe", cwd=project).code == 0
        assert json.loads(os.read(reader, 65536))["refinec"]
    finally:
        os.close(reader)
    assert (project / "pipe").is_fifo()


@pytest.mark.parametrize("file", ["quickstart.refine", "data/quickstart.jsonl"])
def test_json_file_replaces_its_own_and_nothing_else(file: str, project: Path) -> None:
    before = (project / file).read_bytes()
    for command in (["plan"], ["apply", "--auto-approve"]):
        answer = refinec(*command, "--json-file", file, cwd=project)
        assert answer.code == 2
        assert "another file stands there" in answer.err
        assert (project / file).read_bytes() == before
    assert refinec("plan", "--json-file", "a.json", cwd=project).code == 0
    assert refinec("plan", "--json-file", "a.json", cwd=project).code == 0
    assert json.loads((project / "a.json").read_text())["plan_id"]


def test_plan_of_a_folder_of_a_plan_and_of_several_specs(project: Path) -> None:
    assert refinec("plan", project, cwd=project.parent).code == 0
    refinec("plan", "-o", "a.refplan", cwd=project)
    saved = refinec("plan", "a.refplan", cwd=project)
    assert saved.code == ExitCode.USAGE
    assert "refinec show a.refplan" in saved.err
    (project / "other.refine").write_bytes((project / "quickstart.refine").read_bytes())
    several = refinec("plan", cwd=project)
    assert several.code == ExitCode.USAGE
    assert "other.refine, quickstart.refine" in several.err


def test_show_a_plan_fresh_and_stale(project: Path) -> None:
    refinec("plan", "-o", "a.refplan", cwd=project)
    fresh = refinec("show", "a.refplan", "--format", "json", cwd=project)
    assert fresh.code == 0
    assert fresh.json["stale"] == []
    _edit(project, "# A small quiz, rebalanced", "# layout and comments do not count\n\n\n#")
    assert refinec("show", "a.refplan", "--format", "json", cwd=project).json["stale"] == []
    _edit(project, "short = 35%", "short = 34%")
    with (project / "data/quickstart.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    stale = refinec("show", "a.refplan", "--format", "json", cwd=project)
    assert stale.code == 0
    assert stale.json["stale"] == [
        "the spec `quickstart.refine` changed", "the data file `data/quickstart.jsonl` changed",
    ]  # fmt: skip
    (project / "quickstart.refine").unlink()
    gone = refinec("show", "a.refplan", cwd=project)
    assert gone.code == 0
    assert "the spec `quickstart.refine` is gone" in gone.out


def test_a_saved_plan_remembers_the_variables_it_was_made_with(project: Path) -> None:
    _edit(project, "seed = 7\n", "seed = 7\nvariable short { type = percent, default = 35% }\n")
    _edit(project, "short = 35%", "short = var.short")
    assert refinec("plan", "--var", "short=34%", "-o", "a.refplan", cwd=project).code == 0
    assert refinec("show", "a.refplan", "--format", "json", cwd=project).json["stale"] == []
    other = refinec("show", "a.refplan", "--var", "short=33%", "--format", "json", cwd=project)
    assert other.json["stale"] == ["the spec `quickstart.refine` changed"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "RF5001"),
        (b"not a plan\n", "RF5001"),
        (b'{"record":"header"', "RF50"),
        (b"\xff\xfe\x00\x01" * 100, "RF5001"),
    ],
)
def test_show_of_what_is_no_plan(content: bytes, code: str, project: Path) -> None:
    (project / "a.refplan").write_bytes(content)
    answer = refinec("show", "a.refplan", cwd=project)
    assert answer.code == ExitCode.SPEC
    assert code in answer.err


def test_show_of_a_plan_with_a_changed_byte(project: Path) -> None:
    refinec("plan", "-o", "a.refplan", cwd=project)
    whole = (project / "a.refplan").read_bytes()
    for position in (40, len(whole) // 2, len(whole) - 20):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        (project / "b.refplan").write_bytes(damaged)
        answer = refinec("show", "b.refplan", cwd=project)
        assert answer.code == ExitCode.SPEC, position
        assert "error[RF50" in answer.err


def test_show_of_what_is_not_there(project: Path) -> None:
    assert refinec("show", "nothing.refplan", cwd=project).code == ExitCode.USAGE
    unknown = refinec("show", "12", cwd=project)
    assert unknown.code == ExitCode.USAGE
    assert "RF6003" in unknown.err
