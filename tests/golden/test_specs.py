"""The specs of `specs/`, stage by stage, one small file each.

To accept a change: `pytest tests/golden --snapshot-update`, then read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from refinelab_dsl import compiler, ir
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.plan.render import render_text
from tests.architecture.tree import ROOT

SPECS = sorted((ROOT / "specs").glob("*.refine"))
OPTIONS = compiler.Options(allow_outside=True)


class TextFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


@pytest.fixture(scope="module", params=SPECS, ids=lambda path: path.stem)
def planned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> compiler.Planned:
    spec: Path = request.param
    if "shared/data" in spec.read_text(encoding="utf-8") and not (ROOT / "../shared/data").is_dir():
        pytest.skip(f"NO DATA: {spec.name} reads ../shared/data, which is not here")
    return compiler.plan(spec, OPTIONS, tmp_path_factory.mktemp("plan") / f"{spec.stem}.refplan")


def _plan(planned: compiler.Planned) -> PlanFile:
    assert [entry.message for entry in planned.diagnostics.errors] == []
    assert planned.exit_code == 0
    assert planned.plan is not None
    return planned.plan


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_program(spec: Path, golden: SnapshotAssertion) -> None:
    analysis = compiler.analyze(spec, OPTIONS)
    assert analysis.program is not None, [entry.message for entry in analysis.diagnostics]
    assert json.dumps(ir.dump(analysis.program), indent=1, ensure_ascii=False) + "\n" == golden


def test_plan(planned: compiler.Planned, golden: SnapshotAssertion) -> None:
    assert render_text(_plan(planned)) == golden


def test_saved_plan_reads_back_as_it_was(planned: compiler.Planned) -> None:
    plan = _plan(planned)
    again, problems = PlanFile.open(plan.path)
    assert again is not None, problems
    assert again.header == plan.header
    assert sum(1 for _ in again.steps()) == again.trailer.steps == sum(each.attempts for each in again.header.actions)
    assert sum(1 for _ in again.candidates()) == again.trailer.candidates


def test_every_expectation_of_our_specs_holds(planned: compiler.Planned) -> None:
    checks = _plan(planned).header.checks
    assert checks  # those of results hold after a run: tests/cli/test_our_specs.py
    assert [check.title for check in checks if check.status not in ("passed", "after_run")] == []
