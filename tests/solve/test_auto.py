"""`solver = auto`: who is asked, and who goes on."""

from __future__ import annotations

import time
from dataclasses import replace
from types import ModuleType

import pytest

from refinelab_dsl.solve import Problem, Unsolved, solve
from refinelab_dsl.solve.problem import Assignment
from refinelab_dsl.solve.solver import Session, Status, installed
from refinelab_dsl.solve.strategies.joint import solve_joint
from tests.solve.small import make_problem

needs_both = pytest.mark.skipif(len(installed()) < 2, reason="ONE SOLVER: only with two does one follow the other")


def _module() -> ModuleType:
    import importlib

    return importlib.import_module("refinelab_dsl.solve.solve")


@needs_both
def test_highs_goes_on_where_glpk_has_used_its_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(problem: Problem, session: Session) -> Assignment | Status:
        if session.solver == "glpk":
            time.sleep(max(0.0, session.left))
            return "stopped"
        return solve_joint(problem, session)

    monkeypatch.setattr(_module(), "STRATEGIES", {"joint": slow})
    problem = replace(make_problem(), time_limit=4.0)
    answer = solve(problem)
    assert isinstance(answer, Assignment)
    assert (answer.solver, answer.status) == ("highs", "optimal")
    assert solve(problem, "glpk") == Unsolved("stopped", "glpk")


@needs_both
def test_an_answer_is_kept_where_the_other_solver_finds_nothing_better(monkeypatch: pytest.MonkeyPatch) -> None:
    def unproven(problem: Problem, session: Session) -> Assignment | Status:
        if session.solver == "highs":
            return "stopped"
        answer = solve_joint(problem, session)
        time.sleep(max(0.0, session.left))
        return replace(answer, status="feasible") if isinstance(answer, Assignment) else answer

    monkeypatch.setattr(_module(), "STRATEGIES", {"joint": unproven})
    answer = solve(replace(make_problem(), time_limit=4.0))
    assert isinstance(answer, Assignment)
    assert (answer.solver, answer.status) == ("glpk", "feasible")


@needs_both
def test_what_is_proven_is_asked_of_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(problem: Problem, session: Session) -> Assignment | Status:
        asked.append(session.solver)
        return solve_joint(problem, session)

    monkeypatch.setattr(_module(), "STRATEGIES", {"joint": noted})
    assert isinstance(solve(make_problem()), Assignment)
    assert asked == ["glpk"]
