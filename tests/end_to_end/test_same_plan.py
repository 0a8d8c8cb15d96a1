"""The same inputs give the same plan: whichever solver, hash seed, process or folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.solve.solver import has_glpk_library, has_glpk_program
from tests.cli.command import refinec

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.refine"))


def plan_bytes(spec: Path, solver: str, destination: Path) -> bytes:
    planned = compiler.plan(spec, compiler.Options(allow_outside=True, solver=solver), destination)  # type: ignore[arg-type]
    assert planned.plan is not None, [diagnostic.message for diagnostic in planned.diagnostics]
    assert planned.assignment is not None
    assert planned.assignment.solver == solver
    return destination.read_bytes()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_all_solvers_give_the_same_bytes(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS, GLPK's program and GLPK's library, as far as they are here."""
    if "../../shared" in spec.read_text() and not (ROOT / "../shared/data").is_dir():
        pytest.skip("the public datasets are not here")
    plans = {"highs": plan_bytes(spec, "highs", tmp_path / "a.refplan")}
    if has_glpk_program():
        plans["glpsol"] = plan_bytes(spec, "glpk", tmp_path / "b.refplan")
    if has_glpk_library():
        monkeypatch.setenv("PATH", "/nowhere")
        plans["swiglpk"] = plan_bytes(spec, "glpk", tmp_path / "c.refplan")
    if len(plans) == 1:
        pytest.skip("neither glpsol (Debian: apt-get install glpk-utils) nor swiglpk is here; HiGHS alone was tested")
    assert len(set(plans.values())) == 1


@pytest.mark.parametrize("words", ["greedy", "greedy, static = true", "additive", "uniform", "joint, relax = true"])
def test_all_solvers_give_the_same_bytes_whatever_the_strategy(words: str, tmp_path: Path) -> None:
    if not has_glpk_program():
        pytest.skip("glpsol is not here (Debian: apt-get install glpk-utils); HiGHS alone was tested")
    shutil.copytree(ROOT / "specs" / "data", tmp_path / "data")
    spec = tmp_path / "quickstart.refine"
    text = (ROOT / "specs/quickstart.refine").read_text()
    spec.write_text(f"{text}\nsolve {{ strategy = {words} }}\n")
    plans = [plan_bytes(spec, solver, tmp_path / f"{solver}.refplan") for solver in ("highs", "glpk")]
    assert plans[0] == plans[1]


def test_neither_hash_seed_nor_folder_nor_layout_changes_a_plan(tmp_path: Path) -> None:
    plans = set()
    for index, seed in enumerate(("0", "1", "4711")):
        folder = tmp_path / str(index)
        shutil.copytree(ROOT / "specs" / "data", folder / "data")
        text = (ROOT / "specs/quickstart.refine").read_text()
        if index == 2:  # layout and comments do not count
            text = "# another comment\n" + text.replace("  ", "      ").replace("\n}\n", "\n\n}\n\n")
        (folder / "quickstart.refine").write_text(text)
        answer = refinec(
            "plan", "quickstart.refine", "-o", "a.refplan", cwd=folder, environ={"PYTHONHASHSEED": seed}
        )
        assert answer.code == 0, answer.err
        plans.add((folder / "a.refplan").read_bytes())
    assert len(plans) == 1


def test_what_is_asked_for_changes_a_plan(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs" / "data", tmp_path / "data")
    text = (ROOT / "specs/quickstart.refine").read_text()
    hashes = []
    for changed in (text, text.replace("seed = 7", "seed = 8"), text.replace("short = 35%", "short = 36%")
                    .replace("medium = 40%", "medium = 39%")):
        (tmp_path / "a.refine").write_text(changed)
        planned = compiler.plan(tmp_path / "a.refine")
        assert planned.plan is not None
        hashes.append(planned.plan.plan_id)
    assert len(set(hashes)) == 3
