"""`compare`: strategies against budgets, as text, JSON, markdown and a picture. It only solves."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.cli.compare import parse_budget
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

KEYS = {
    "strategy", "budget", "limit", "without", "status", "objective", "bound", "divergence", "tokens", "usd",
    "distinct", "flagged", "size", "seconds",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    answer = refinec("init", cwd=tmp_path)
    assert answer.code == 0, answer.err
    return tmp_path


def _files(project: Path) -> dict[str, bytes]:
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_every_strategy_meets_every_budget_and_nothing_is_written(project: Path) -> None:
    before = _files(project)
    answer = refinec("compare", "--json-file", "../compared.json", cwd=project, fresh=True)
    assert answer.code == 0, answer.err
    for part in ("Objective", "10%", "100%", "joint", "greedy", "additive", "uniform", "distinct", "without a limit"):
        assert part in answer.out
    assert _files(project) == before


def test_json_has_the_documented_shape_and_joint_is_best(project: Path) -> None:
    document = refinec("compare", "--budgets", "25%,100%", "--format", "json", cwd=project).json
    assert set(document) == {"format_version", "spec", "full", "now", "results"}
    assert set(document["full"]) == {"tokens", "usd"}
    assert isinstance(document["full"]["usd"], str)
    rows = document["results"]
    assert len(rows) == 4 * 2
    for row in rows:
        assert set(row) == KEYS
        assert row["tokens"] <= row["limit"]["tokens"]
        assert row["size"] == 120
        assert set(row["divergence"]) == {"subject", "length"}
        assert row["objective"] == pytest.approx(sum(row["divergence"].values()), abs=1e-8)
        assert row["bound"] <= row["objective"]
    share = {row["budget"]: row["limit"]["tokens"] for row in rows}
    assert share["25%"] == pytest.approx(document["full"]["tokens"] / 4, abs=1)
    joint = {row["budget"]: row["objective"] for row in rows if row["strategy"] == "joint"}
    assert joint["100%"] <= joint["25%"] < sum(document["now"]["divergence"].values())
    assert all(row["objective"] >= joint[row["budget"]] - 1e-6 for row in rows)


def test_the_same_call_gives_the_same_figures(project: Path) -> None:
    calls = [
        refinec("compare", "--budgets", "50%", "--format", "json", cwd=project, fresh=fresh).json["results"]
        for fresh in (False, True)
    ]
    assert [{**row, "seconds": 0} for row in calls[0]] == [{**row, "seconds": 0} for row in calls[1]]


def test_ablation_takes_each_operator_off_in_turn(project: Path) -> None:
    rows = refinec(
        "compare", "--ablate", "--strategies", "joint", "--budgets", "100%", "--format", "json", cwd=project
    ).json["results"]
    without = {row["without"]: row["objective"] for row in rows}
    assert list(without) == [None, "drop", "paraphrase", "author"]
    assert all(objective >= without[None] - 1e-6 for objective in without.values())
    # The size is kept: where nothing leaves, nothing comes.
    drop = next(row for row in rows if row["without"] == "drop")
    assert (drop["tokens"], Decimal(drop["usd"])) == (0, 0)


def test_absolute_budgets_hold_the_reserve_back_as_a_plan_does(project: Path) -> None:
    rows = refinec(
        "compare", "--strategies", "joint", "--budgets", "20k,$0.001", "--format", "json", cwd=project
    ).json["results"]
    assert [row["limit"] for row in rows] == [{"tokens": 18_000, "usd": None}, {"tokens": None, "usd": "0.000900"}]
    assert rows[0]["tokens"] <= 18_000
    assert Decimal(rows[1]["usd"]) <= Decimal("0.0009")


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [("25%", "share", "0.25"), ("400k", "tokens", "400000"), ("1_500", "tokens", "1500"), ("$2", "usd", "2")],
)
def test_budgets_are_read_as_the_language_reads_them(text: str, unit: str, amount: str) -> None:
    budget = parse_budget(text)
    assert budget is not None
    assert (budget.unit, budget.amount, budget.written) == (unit, Decimal(amount), text)


@pytest.mark.parametrize("text", ["", "10", "0%", "-5%", "x", "2min", "1 }", "var.x", "10%\nsolve {}", "1.5"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    assert parse_budget(text) is None


def test_mistakes_on_the_command_line(project: Path) -> None:
    before = _files(project)
    for arguments, said in (
        (("--strategies", "jont"), "nearest: joint"),
        (("--budgets", "much"), "no budget"),
        (("--budgets", "2000%"), "10 times"),
        (("--plot", "a.pdf"), "ends in .svg or .png"),
        (("--plot", "nowhere/a.svg"), "no folder"),
    ):
        answer = refinec("compare", *arguments, cwd=project)
        assert answer.code == ExitCode.USAGE
        assert said in answer.err
    assert _files(project) == before


def test_mistakes_of_the_spec(project: Path) -> None:
    path = project / "quickstart.refine"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("kind = remove", "kind = removes"), encoding="utf-8")
    answer = refinec("compare", cwd=project)
    assert (answer.code, answer.out) == (ExitCode.SPEC, "")
    assert "RF2" in answer.err
    path.write_text(text.replace("size = keep", "size = 40"), encoding="utf-8")
    answer = refinec("compare", cwd=project)
    assert answer.code == ExitCode.INFEASIBLE
    assert "RF4001" in answer.err


def test_what_no_budget_pays_for_is_said(project: Path) -> None:
    """Ten items more must be bought: a budget that buys none has no allocation, and the others stand."""
    path = project / "quickstart.refine"
    path.write_text(path.read_text(encoding="utf-8").replace("size = keep", "size = 130"), encoding="utf-8")
    answer = refinec("compare", "--strategies", "joint,uniform", "--budgets", "200,100%", cwd=project)
    assert answer.code == 0, answer.err
    assert answer.out.count("infeasible") == 4  # in the table and in the figures, twice each
    alone = refinec("compare", "--strategies", "joint", "--budgets", "200", "--format", "json", cwd=project)
    assert alone.code == ExitCode.INFEASIBLE
    assert alone.json["results"][0]["objective"] is None


def test_markdown_is_tables(project: Path) -> None:
    answer = refinec("compare", "--strategies", "joint", "--budgets", "50%", "--format", "markdown", cwd=project)
    assert answer.code == 0
    assert "| `Objective` | `50%` |\n|---|---:|\n| `joint` |" in answer.out


def test_pictures_are_bytes_of_the_figures_alone(project: Path) -> None:
    pytest.importorskip("matplotlib")
    call = ("compare", "--strategies", "joint,uniform", "--budgets", "25%,100%", "--plot")
    for name in ("first.svg", "second.svg", "third.png"):
        answer = refinec(*call, name, cwd=project, fresh=name == "second.svg")
        assert answer.code == 0, answer.err
        assert f"Drawn in {name}" in answer.err
    first = (project / "first.svg").read_bytes()
    assert first == (project / "second.svg").read_bytes()
    assert b"uniform" in first
    assert b"25%" in first
    assert (project / "third.png").read_bytes().startswith(b"\x89PNG")
    assert refinec(*call, "first.svg", cwd=project).code == 0  # a picture may replace a picture
    shadow = project / "notes.svg"
    shadow.write_text("my notes", encoding="utf-8")
    assert refinec(*call, "notes.svg", cwd=project).code == ExitCode.USAGE
    assert shadow.read_text(encoding="utf-8") == "my notes"


def test_without_matplotlib_the_line_that_installs_it_is_said(project: Path) -> None:
    """Before anything is solved; and without a picture nothing asks for it."""
    hidden = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'matplotlib' else find(name, *rest)\n"
        "from refinelab_dsl.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    answer = _python(hidden, "compare", "--plot", "a.svg", cwd=project)
    assert answer.returncode == ExitCode.USAGE
    assert "pip install 'refinec[plot]'" in answer.stderr
    assert not (project / "a.svg").exists()
    watched = (
        "import sys\n"
        "from refinelab_dsl.cli.main import run\n"
        "assert run(sys.argv[1:]) == 0\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    answer = _python(watched, "compare", "--strategies", "joint", "--budgets", "50%", cwd=project)
    assert answer.returncode == 0, answer.stderr


def _python(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
