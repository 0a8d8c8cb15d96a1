"""The problem as an LP file: a solver that knows nothing of us reads it and finds the same value."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from refinelab_dsl.solve import Problem, solve
from refinelab_dsl.solve.lp import render_lp
from refinelab_dsl.solve.problem import Action, Assignment, Axis, Cell, Limits

PROBLEM = Problem(
    axes=(Axis("topic", ("a", "b"), (0.5, 0.5)),),
    cells=(Cell((0,), 8, eligible=frozenset({0, 1})), Cell((1,), 2, eligible=frozenset({0, 1}))),
    operators=(
        Action("drop", "remove", attempts_per_item=None),
        Action("author", "generate", success=0.5, tokens=100.0, attempts_per_item=None,
               targets={(0,): ((0,), (1,)), (1,): ((0,), (1,))}),
    ),
    limits=Limits(size=10, max_removed=3),
)  # fmt: skip


def test_columns_are_explained() -> None:
    text = render_lp(PROBLEM)
    assert text == render_lp(PROBLEM)
    assert re.search(r"^\\ y\(\d+\): drop from a$", text, re.M)
    assert re.search(r"^\\ y\(\d+\): author.* to b$", text, re.M)
    assert text.endswith("end\n")


def test_a_free_size_is_said_and_settled() -> None:
    text = render_lp(replace(PROBLEM, limits=Limits(None, max_removed=3, sizes=(12, 15))))
    assert text.startswith("\\ the size is free from 12 to 15: this is the program at 12\n")
    assert "theta" in text.split("s.t.")[0]


@pytest.mark.skipif(shutil.which("glpsol") is None, reason="NO GLPSOL on this machine: apt-get install glpk-utils")
def test_glpsol_reads_it_and_finds_the_value_of_our_own_solution(tmp_path: Path) -> None:
    (tmp_path / "p.lp").write_text(render_lp(PROBLEM), encoding="utf-8")
    answer = subprocess.run(
        ["glpsol", "--lp", "p.lp", "-o", "p.txt"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert "OPTIMAL" in answer.stdout, answer.stdout
    solved = solve(PROBLEM, "highs")
    assert isinstance(solved, Assignment)
    drops = sum(each.count for each in solved.allotments if each.bin is None)
    report = (tmp_path / "p.txt").read_text(encoding="utf-8")
    counts = {match[1]: float(match[2]) for match in re.finditer(r"y\((\d+)\)\s+(?:\*\s+)?([\d.]+)", report)}
    columns = dict(re.findall(r"^\\ y\((\d+)\): (\w+)", render_lp(PROBLEM), re.M))
    # The divergence is least only with three items of `a` gone, the most that may go.
    assert drops == 3
    assert sum(count for number, count in counts.items() if columns[number] == "drop") == pytest.approx(3)
