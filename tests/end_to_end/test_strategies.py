"""Every strategy from the spec's word to the refined set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import refinec

STRATEGIES = {
    "greedy": "strategy = greedy",
    "static": "strategy = greedy, static = true",
    "additive": "strategy = additive",
    "uniform": "strategy = uniform",
    "relaxed": "strategy = joint, relax = true",
}


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> float:
    folder = tmp_path_factory.mktemp("joint")
    assert refinec("init", cwd=folder).code == 0
    objective: float = refinec("plan", "--format", "json", cwd=folder).json["solver"]["objective"]
    return objective


@pytest.mark.parametrize("name", STRATEGIES)
def test_planned_and_applied(name: str, best: float, tmp_path: Path) -> None:
    assert refinec("init", cwd=tmp_path).code == 0
    path = tmp_path / "quickstart.refine"
    text = path.read_text(encoding="utf-8")
    without_checks = text[: text.index('expect "')]
    path.write_text(f"{without_checks}\nsolve {{ {STRATEGIES[name]} }}\n", encoding="utf-8")
    planned = refinec("plan", "--format", "json", cwd=tmp_path)
    assert planned.code == 0, planned.err
    solver = planned.json["solver"]
    assert solver["strategy"] == STRATEGIES[name].removeprefix("strategy = ").partition(",")[0]
    assert solver["bound"] <= best + 1e-9
    assert solver["objective"] >= best - 1e-6
    shown = refinec("plan", cwd=tmp_path)
    assert f", {solver['strategy']}, {solver['status']}," in shown.out
    applied = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert applied.code in (0, 9), applied.err  # 9: chance missed a count
    assert applied.json["size"]["measured"] == planned.json["size"]["planned"]
    assert (tmp_path / "out" / "quickstart.jsonl").exists()
