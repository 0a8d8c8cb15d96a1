"""`load(path).plan().apply()`, as a user of the library writes it."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

import refinelab_dsl
from refinelab_dsl.diagnostics import RefineError
from refinelab_dsl.exit_codes import ExitCode
from tests.harness.openai_server import Behaviour, ThreadServer

SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    shutil.copytree(SPECS / "data", tmp_path / "data")
    (tmp_path / "refine.lock").touch()
    return Path(shutil.copy(SPECS / "quickstart.refine", tmp_path))


def edit(spec: Path, *changes: tuple[str, str]) -> Path:
    text = spec.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    spec.write_text(text)
    return spec


def test_load_plan_apply(spec: Path) -> None:
    run = refinelab_dsl.load(spec).plan().apply()
    assert run.status == "complete"
    assert run.exit_code == ExitCode.DONE
    rows = [json.loads(line) for line in (spec.parent / run.outputs[0]).read_text().splitlines()]
    assert len(rows) == 120
    assert {row["_origin"] for row in rows} == {"original", "added"}
    assert repr(run) == "<Run 1: complete, exit code 0>"


def test_a_plan_shows_itself_before_it_is_applied(spec: Path) -> None:
    plan = refinelab_dsl.load(spec).plan(spec.parent / "a.refplan")
    assert plan.header.size_planned == 120
    assert repr(plan) == f"<Plan {plan.plan_id[:12]} of quickstart: 120 -> 120 rows>"
    assert plan.to_dict()["plan_id"] == plan.plan_id
    assert "paraphrase" in plan.to_text()
    assert not (spec.parent / ".refine").exists()
    assert (spec.parent / "a.refplan").is_file()


def test_a_saved_plan_is_single_use(spec: Path) -> None:
    plan = refinelab_dsl.load(spec).plan(spec.parent / "a.refplan")
    plan.apply()
    with pytest.raises(RefineError) as caught:
        plan.apply()
    assert caught.value.exit_code == ExitCode.STALE


def test_errors_carry_their_diagnostics(spec: Path) -> None:
    edit(spec, ("from = field", "from = feild"))
    with pytest.raises(RefineError) as caught:
        refinelab_dsl.load(spec)
    assert caught.value.exit_code == ExitCode.SPEC
    [problem] = caught.value.diagnostics.errors
    assert isinstance(problem, refinelab_dsl.Diagnostic)
    assert problem.span is not None
    assert any("field" in help.message for help in problem.help)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('source = "data/quickstart.jsonl"', 'source = "data/none.jsonl"', ExitCode.SPEC),
        ("size = keep", "size = 60\n  keep_originals = at_least(90%)", ExitCode.INFEASIBLE),
        ("jsd(length) <= 0.005", "size() < 5", ExitCode.CHECK_FAILED),
    ],
)
def test_what_keeps_a_plan_from_being_made(spec: Path, old: str, new: str, code: ExitCode) -> None:
    edit(spec, (old, new))
    with pytest.raises(RefineError) as caught:
        refinelab_dsl.load(spec).plan()
    assert caught.value.exit_code == code


def test_a_price_limit(spec: Path) -> None:
    with pytest.raises(RefineError) as caught:
        refinelab_dsl.load(spec).plan(max_cost=Decimal("0.0001"))
    assert caught.value.exit_code == ExitCode.BUDGET


def test_variables_and_the_environment(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = 'variable limit {\n  type = tokens\n  default = 400k\n}\n\nbudget {\n  tokens = var.limit'
    edit(spec, ("budget {\n  tokens = 0.5 * full_cost", declared))
    assert refinelab_dsl.load(spec).plan().header.budget.tokens == 400_000
    assert refinelab_dsl.load(spec, variables={"limit": "60k"}).plan().header.budget.tokens == 60_000
    monkeypatch.setenv("REFINE_VAR_limit", "70k")
    assert refinelab_dsl.load(spec).plan().header.variables == {"limit": "70k"}


def test_over_http_with_the_real_sdk(spec: Path) -> None:
    with ThreadServer(Behaviour()) as server:
        edit(
            spec,
            (
                'provider = simulated\n  id = "simulated-small"',
                f'provider = openai\n  id = "small"\n  base_url = "{server.base_url}"\n  api_key = env("SOME_KEY")',
            ),
        )
        run = refinelab_dsl.load(spec).plan().apply(environ={"SOME_KEY": "sk-planted-key"}, concurrency=2)
        assert run.status == "complete"
        assert 0 < server.tally.most_running <= 2
        asked = sum(server.tally.asked.values())
        again = refinelab_dsl.load(spec).plan().apply(environ={"SOME_KEY": "sk-planted-key"})
        assert again.status == "complete"
        assert sum(server.tally.asked.values()) == asked
    for path in spec.parent.rglob("*"):
        assert not path.is_file() or b"sk-planted-key" not in path.read_bytes(), path
