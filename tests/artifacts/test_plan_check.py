"""Plans whose hash is right and whose parts do not fit each other: edited by a person, and hashed again."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.plan import Header, InventorySummary, Step
from refinelab_dsl.artifacts.plan_file import PlanFile, write_plan
from refinelab_dsl.builtins import RESERVED_PARAMS
from tests.artifacts.plans import make_body, make_header


def refuse(path: Path, header: Header, body: list | None = None) -> str:
    """The member that the one diagnostic names."""
    write_plan(path, header, make_body() if body is None else body)
    plan, (problem,) = PlanFile.open(path)
    assert plan is None
    assert problem.code == "RF5005"
    return problem.message.split("`")[1]


BASE = make_header()
SHARE = BASE.mix["topic"]["asia"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"labels": {}}, "labels.topic"),
        ({"labels": {"topic": ("europe",)}}, "labels.topic"),
        ({"labels": {**BASE.labels, "size": ("short",)}}, "labels"),
        ({"mix": {}}, "mix.topic"),
        ({"mix": {"topic": {}}}, "mix.topic"),
        ({"mix": {**BASE.mix, "size": {}}}, "mix"),
        ({"divergence": {"size": {}}}, "divergence"),
        ({"divergence": {"topic": {}}}, "divergence.topic"),
        ({"measures": ()}, "dimensions.topic.measure"),
        ({"measures": BASE.measures * 2}, "measures"),
        ({"models": ()}, "operators.author.model"),
        ({"validators": ()}, "operators.author.checks"),
        (
            {"validators": (BASE.validators[0].model_copy(update={"dimension": "x"}),)},
            "validators.well_formed.dimension",
        ),
        ({"templates": ()}, "actions.1.operator"),
        ({"templates": (BASE.templates[0].model_copy(update={"name": "x"}),)}, "templates"),
        ({"templates": (BASE.templates[0].model_copy(update={"model": "x"}),)}, "templates.author.model"),
        ({"actions": (BASE.actions[0].model_copy(update={"id": 2}),)}, "actions.1"),
        ({"actions": (BASE.actions[0].model_copy(update={"kind": "expand"}),)}, "actions.1"),
        ({"actions": (BASE.actions[0].model_copy(update={"to": {"topic": "mars"}}),)}, "actions.1.to"),
        ({"actions": (BASE.actions[0].model_copy(update={"attempts": 3}),)}, "actions.1.attempts"),
        ({"actions": (BASE.actions[0].model_copy(update={"stock": 9}),)}, "actions.1"),
        ({"actions": (BASE.actions[0].model_copy(update={"stock": 1}),)}, "actions.1.stock"),
        ({"removals": (BASE.removals[0].model_copy(update={"operator": "author"}),)}, "removals.1"),
        ({"removals": (BASE.removals[0].model_copy(update={"from_": {"size": "short"}}),)}, "removals.1.from"),
        ({"removals": ()}, "candidate"),
        ({"usd": BASE.usd.model_copy(update={"high": Decimal(10) ** 30})}, "usd.high"),
        ({"tokens": BASE.tokens.model_copy(update={"low": Decimal(-1)})}, "tokens.low"),
        ({"budget": BASE.budget.model_copy(update={"tokens": 10**30})}, "budget.tokens"),
        ({"chance": 1.5}, "chance"),
        ({"mix": {"topic": {**BASE.mix["topic"], "asia": SHARE.model_copy(update={"target": -1.0})}}}, "mix.topic"),
    ],
)  # fmt: skip
def test_a_header_that_contradicts_itself(tmp_path: Path, changes: dict, field: str) -> None:
    assert refuse(tmp_path / "a.refplan", make_header(**changes)) == field


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 7}, {"action": 2}, {"operator": "drop"}, {"template": "drop"}, {"target": {"topic": "europe"}},
        {"checks": ()}, {"items": ()},
    ],
)  # fmt: skip
def test_a_step_that_is_no_attempt_of_its_action(tmp_path: Path, changes: dict) -> None:
    *before, last = make_body()
    assert isinstance(last, Step)
    assert refuse(tmp_path / "a.refplan", BASE, [*before, last.model_copy(update=changes)]) == f"step {last.id}"


def test_results_of_earlier_runs_are_said_and_come_first(tmp_path: Path) -> None:
    *before, first, last = make_body()
    assert isinstance(first, Step)
    assert isinstance(last, Step)
    path = tmp_path / "a.refplan"
    there = {"replies": ("ab" * 32,)}
    action = BASE.actions[0].model_copy(update={"stock": 1})
    sum_up = InventorySummary(runs=(1,), accepted=1, used=1)
    right = [*before, first.model_copy(update=there), last]
    assert refuse(path, make_header(actions=(action,)), right) == "inventory"
    header = make_header(actions=(action,), inventory=sum_up)
    assert refuse(path, header, [*before, first, last.model_copy(update=there)]) == f"step {last.id}"
    assert refuse(path, make_header(inventory=sum_up), right) == "actions.1.stock"
    write_plan(path, header, right)
    plan, problems = PlanFile.open(path)
    assert plan is not None, problems
    assert [step.replies for step in plan.steps()] == [("ab" * 32,), ()]


@pytest.mark.parametrize(
    ("before", "after"),
    [('"sample":1', '"sample":"1"'), ('"sample":1', '"x":1,"sample":1'), ('"items":[', '"items":[1,'), ("}\n", "\n")],
)
def test_a_step_of_another_shape(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "a.refplan"
    write_plan(path, BASE, make_body())
    *lines, trailer = path.read_bytes().splitlines(keepends=True)
    step = lines[-1].decode()
    lines[-1] = (step[: step.rindex(before)] + after + step[step.rindex(before) + len(before) :]).encode()
    members = {**json.loads(trailer), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    path.write_bytes(b"".join(lines) + json.dumps(members, separators=(",", ":")).encode() + b"\n")
    plan, (problem,) = PlanFile.open(path)
    assert plan is None
    assert problem.code == "RF5005"


@pytest.mark.parametrize("name", RESERVED_PARAMS)
def test_params_that_would_void_a_guarantee(tmp_path: Path, name: str) -> None:
    model = BASE.models[0].model_copy(update={"provider": "openai", "params": {name: 1}})
    assert refuse(tmp_path / "a.refplan", make_header(models=(model,))) == f"models.{model.name}.params"
