"""What a plan says of itself, beyond its figures."""

from __future__ import annotations

import shutil
from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.exit_codes import ExitCode

SPECS = Path(__file__).resolve().parents[2] / "specs"


def plan_edited(folder: Path, *changes: tuple[str, str]) -> compiler.Planned:
    shutil.copytree(SPECS / "data", folder / "data")
    text = (SPECS / "quickstart.refine").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "a.refine").write_text(text)
    return compiler.plan(folder / "a.refine")


def test_a_binding_cap_on_removals_is_said(tmp_path: Path) -> None:
    planned = plan_edited(tmp_path, ("max_removed = 30%", "max_removed = 5%"))
    assert planned.plan is not None
    assert any("`max_removed` binds: 6 items leave" in note for note in planned.plan.header.notes)


def test_a_cap_that_does_not_bind_is_not_mentioned(tmp_path: Path) -> None:
    planned = plan_edited(tmp_path, ("max_removed = 30%", "max_removed = 90%"))
    assert planned.plan is not None
    assert not any("max_removed" in note for note in planned.plan.header.notes)


def test_simulated_models_and_assumed_labels_are_said(tmp_path: Path) -> None:
    planned = plan_edited(tmp_path)
    assert planned.plan is not None
    notes = planned.plan.header.notes
    assert any(note.startswith("simulated: replies of small") for note in notes)
    assert any(note.startswith("assumed: ") and "subject" in note for note in notes)


def test_a_failed_expectation_leaves_the_plan_and_exits_with_11(tmp_path: Path) -> None:
    planned = plan_edited(tmp_path, ("jsd(length) <= 0.005", "jsd(length) <= 0.005 and size() > 500"))
    assert planned.exit_code == ExitCode.CHECK_FAILED
    assert planned.plan is not None
    assert [check.status for check in planned.plan.header.checks] == ["passed", "failed"]
    [problem] = planned.diagnostics.errors
    assert problem.code == "RF5031"
    assert problem.span is not None
    assert "size() = 120" in problem.notes[0]


def test_the_plan_is_at_most_as_likely_as_each_of_its_actions(tmp_path: Path) -> None:
    planned = plan_edited(tmp_path, ("prior = { success = 85% }", "prior = { success = 85% }\n  max_per_item = 1"))
    assert planned.plan is not None
    assert 0 < planned.plan.header.chance <= 1
    for action in planned.plan.header.actions:
        assert action.attempts >= action.count
        assert action.chance >= planned.plan.header.chance
