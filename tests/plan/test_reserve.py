"""The reserve of a real plan: the spec's share at least, and at least what the plan's own luck asks for."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.plan import BudgetSummary, Header
from refinelab_dsl.plan import reserve
from refinelab_dsl.solve import Assignment, Infeasible, Problem, Unsolved, solve

ROOT = Path(__file__).resolve().parents[2]


def plan(folder: Path, budget: str, solve: str = "", prior: str = "70%") -> tuple[Header, Assignment]:
    if not (folder / "data").exists():
        shutil.copytree(ROOT / "specs" / "data", folder / "data")
    text = (ROOT / "specs/quickstart.refine").read_text(encoding="utf-8")
    start, end = text.index("budget {"), text.index("output refined")
    text = f"{text[:start]}{budget}\n{solve}\n{text[end : text.index('expect ')]}"
    (folder / "a.refine").write_text(text.replace("prior = { success = 70% }", f"prior = {{ success = {prior} }}"))
    planned = compiler.plan(folder / "a.refine")
    assert planned.plan is not None, planned.diagnostics
    assert planned.assignment is not None
    return planned.plan.header, planned.assignment


def held(budget: BudgetSummary) -> tuple[int, int]:
    assert budget.reserve_tokens is not None
    assert budget.luck_tokens is not None
    return budget.reserve_tokens, budget.luck_tokens


@pytest.mark.parametrize("tokens", [6_000, 20_000])
def test_a_plan_that_a_budget_binds_leaves_room_for_bad_luck(tokens: int, tmp_path: Path) -> None:
    header, assignment = plan(tmp_path, f"budget {{ tokens = {tokens} }}")
    reserve, luck = held(header.budget)
    assert reserve >= luck > tokens // 10  # the share alone would be a tenth
    assert assignment.tokens + luck <= tokens + 1
    assert assignment.tokens > 0.6 * tokens  # and not more room than that
    assert header.tokens.high is not None
    assert header.tokens.ceiling is not None
    assert header.tokens.expected is not None
    assert header.tokens.expected <= header.tokens.high <= header.tokens.ceiling <= tokens


def test_where_there_is_plenty_the_share_stands(tmp_path: Path) -> None:
    header, _ = plan(tmp_path, "budget { tokens = 200k, reserve = 15% }")
    reserve, luck = held(header.budget)
    assert reserve == 30_000
    assert 0 < luck < reserve


def test_dollars_have_their_own(tmp_path: Path) -> None:
    header, assignment = plan(tmp_path, "budget { cost = $0.0030 }")
    assert header.budget.luck_usd is not None
    assert header.budget.reserve_usd is not None
    assert header.budget.reserve_usd >= header.budget.luck_usd > Decimal("0.0003")
    assert assignment.usd + float(header.budget.luck_usd) <= 0.0030 + 2e-6


def test_more_confidence_and_less_knowledge_hold_more_back(tmp_path: Path) -> None:
    tokens = "budget { tokens = 20k }"
    lucks = [
        held(plan(tmp_path, tokens, f"solve {{ confidence = {confidence}% }}")[0].budget)[1] / 20_000
        for confidence in (60, 95)
    ]
    assert lucks == sorted(lucks)
    assert lucks[0] < lucks[-1]
    uncertain, sure = (plan(tmp_path, tokens, prior=prior) for prior in ("30%", "95%"))
    assert held(uncertain[0].budget)[1] / uncertain[1].tokens > held(sure[0].budget)[1] / sure[1].tokens


def test_a_larger_budget_never_plans_a_worse_set(tmp_path: Path) -> None:
    objectives = [
        plan(tmp_path, f"budget {{ tokens = {tokens} }}")[1].objective for tokens in (6_000, 7_000, 14_000, 15_000)
    ]
    assert objectives == sorted(objectives, reverse=True)


def test_where_time_ends_the_search_for_a_reserve_the_last_plan_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    def late(problem: Problem, solver: str, seconds: float, enough: float) -> Assignment | Infeasible | Unsolved:
        limits.append(seconds)
        return Unsolved("stopped", solver) if len(limits) == late_from else solve(problem, solver, seconds, enough)

    monkeypatch.setattr(reserve, "solve", late)
    late_from = 2
    header, assignment = plan(tmp_path, "budget { tokens = 6_000 }", "solve { time_limit = 50s }")
    assert limits[0] == pytest.approx(50.0, abs=1.0)
    assert limits[1] < limits[0]  # one limit for all rounds
    held_back, luck = held(header.budget)
    assert luck > held_back  # it says what it would have taken
    assert assignment.tokens <= 6_000 - held_back
    late_from, limits = 1, []
    planned = compiler.plan(tmp_path / "a.refine")
    assert planned.plan is None
    assert [each.code for each in planned.diagnostics if each.severity == "error"] == ["RF4003"]
