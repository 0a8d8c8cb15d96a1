"""What a run says of its result: tolerance, size, assertions, cost, and the same from the store alone."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.plan_file import PlanFile, write_plan
from refinelab_dsl.declarations import Expect
from refinelab_dsl.execute.runs import list_runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.expressions import Binary, Call, Constant, Expression, Name
from tests.execute.worlds import Wish, World, build_world


def with_header(world: World, **changes: object) -> World:
    """The same plan with other declarations."""
    opened, problems = PlanFile.open(world.plan)
    assert opened is not None
    assert problems == ()
    header = opened.header.model_copy(update=changes)
    write_plan(world.plan, header, [*opened.candidates(), *opened.steps()])
    return replace(world, header=header)


def compare(left: Expression, operator: str, right: str) -> Binary:
    return Binary(operator=operator, left=left, right=Constant(type="number", text=right))  # type: ignore[arg-type]


LONG = Binary(operator=">=", left=Name(space="measure", name="words"), right=Constant(type="number", text="14"))
ADDED = Call(function="accepted", arguments=(Constant(type="text", text="generate"),))


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        (compare(Call(function="size"), "==", "32"), True),
        (compare(Call(function="size"), "<", "32"), False),
        (compare(ADDED, "==", "5"), True),
        (compare(Call(function="distinct"), ">=", "0.9"), True),
        (compare(Call(function="distinct"), ">", "0.91"), False),
        (compare(Call(function="jsd", arguments=(Constant(type="text", text="topic"),)), "<=", "0.01"), True),
        (compare(Call(function="cost"), "<=", "0"), True),
        (compare(Call(function="tokens"), "<=", "10"), False),
    ],
)
def test_assertions_hold_of_the_result_or_fail_it(tmp_path: Path, assertion: Expression, holds: bool) -> None:
    world = with_header(build_world(tmp_path), expects=(Expect(title="mine", assertion=assertion),))
    outcome = world.apply()
    assert outcome.exit_code == (ExitCode.DONE if holds else ExitCode.CHECK_FAILED)
    assert [each.code for each in outcome.diagnostics] == ([] if holds else ["RF6018"])
    assert [check["status"] for check in outcome.head["checks"]] == ["passed" if holds else "failed"]
    assert world.output()  # written all the same


def test_rows_that_meet_a_condition_are_counted(tmp_path: Path) -> None:
    first = build_world(tmp_path / "first")
    first.apply()
    rows = [json.loads(line) for line in first.output().splitlines()]
    long = sum(len(row["question"].split()) >= 14 for row in rows)
    counted = compare(Call(function="count", arguments=(LONG,)), "==", str(long))
    expect = Expect(title="enough long ones", assertion=counted)
    assert with_header(build_world(tmp_path / "second"), expects=(expect,)).apply().exit_code == ExitCode.DONE


def test_an_expectation_of_the_plan_alone_is_not_asked_of_the_result(tmp_path: Path) -> None:
    expect = Expect(title="plan only", assertion=compare(Call(function="size"), "==", "0"), when="plan")
    outcome = with_header(build_world(tmp_path), expects=(expect,)).apply()
    assert (outcome.exit_code, outcome.head["checks"]) == (ExitCode.DONE, [])


def test_a_share_outside_its_tolerance_is_said(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    topic, size = world.header.dimensions
    outcome = with_header(world, dimensions=(topic.model_copy(update={"tolerance": Decimal("0.05")}), size)).apply()
    assert (outcome.status, outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert [each.code for each in outcome.diagnostics] == ["RF6016", "RF6016"]  # 28% of europe, 41% of asia
    assert "europe has 28.1%, wanted 33.3%" in outcome.diagnostics[0].message


def test_a_budget_comes_before_a_check_in_the_exit_code(tmp_path: Path) -> None:
    expect = Expect(title="mine", assertion=compare(Call(function="size"), "==", "0"))
    whole = build_world(tmp_path / "whole")
    one_call = int(whole.header.tokens.ceiling or 0) // len(whole.steps)
    tokens = one_call + int(whole.apply().head["cost"]["tokens"] * 0.3)
    outcome = with_header(build_world(tmp_path, Wish(tokens=tokens)), expects=(expect,)).apply()
    assert outcome.exit_code == ExitCode.BUDGET
    assert {"RF6010", "RF6018"} <= {each.code for each in outcome.diagnostics}
    assert 0 < outcome.head["cost"]["tokens"] <= tokens


def test_the_head_of_a_run_is_what_the_list_of_runs_says(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    outcome = world.apply()
    (head,) = list_runs(world.project)
    said = {name: value for name, value in head.items() if name in outcome.head}
    assert said == json.loads(json.dumps(outcome.head))
    assert head["finished_at"] >= head["created_at"]


def test_what_was_bought_can_be_had_again_without_a_model(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    assert world.apply().exit_code == ExitCode.DONE
    rows, calls = world.output(), world.header.models[0]
    cached = with_header(world, models=(calls.model_copy(update={"provider": "cached"}),))
    outcome = cached.apply()
    assert (outcome.exit_code, outcome.head["cost"]["tokens"]) == (ExitCode.DONE, 0)
    assert world.output() == rows


def test_a_cached_model_that_was_never_asked_says_so(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    cached = with_header(world, models=(world.header.models[0].model_copy(update={"provider": "cached"}),))
    outcome = cached.apply()
    assert outcome.exit_code in (ExitCode.UNAVAILABLE, ExitCode.INCOMPLETE)
    assert outcome.head.get("cost", {}).get("tokens", 0) == 0
