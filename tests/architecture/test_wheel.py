"""The package as users get it: built as sdist and wheel, installed into a fresh environment, doing its main job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, tracked_files

_NO_REGISTRY = ("Could not find a version", "Connection", "Temporary failure", "timed out", "No matching distribution")


def _run(command: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    # Nothing of the checkout or of this environment may help.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REFINE_"))}
    environ.pop("VIRTUAL_ENV", None)
    environ["NO_COLOR"] = "1"
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environ, capture_output=True, text=True, timeout=600, check=False
    )


def _pip(command: list[str | Path], cwd: Path) -> None:
    answer = _run(command, cwd)
    if answer.returncode and any(sign in answer.stderr + answer.stdout for sign in _NO_REGISTRY):
        pytest.skip(f"NO PACKAGE REGISTRY: the wheel was not tested ({answer.stderr.strip().splitlines()[-1:]})")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist, by the hatchling of this environment."""
    folder = tmp_path_factory.mktemp("dist")
    _pip([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    return folder


def test_what_the_archives_hold(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "refinelab_dsl/grammar/refine.lark",
        "refinelab_dsl/templates/plan.txt.j2",
        "refinelab_dsl/templates/init/gitignore",
        "refinelab_dsl/specs/quickstart.refine",
        "refinelab_dsl/specs/data/quickstart.jsonl",
        "refinelab_dsl/py.typed",
    } <= names
    explanations = {path.relative_to(ROOT).as_posix() for path in tracked_files() if path.match("explanations/*.md")}
    assert explanations
    assert explanations <= names
    modules = {path.relative_to(ROOT).as_posix() for path in tracked_files() if path.parts[-1].endswith(".py")}
    assert {name for name in modules if name.startswith("refinelab_dsl/")} <= names
    assert not [name for name in names if not name.startswith(("refinelab_dsl/", "refinec-"))]
    assert not [name for name in names if "/out/" in name or "__pycache__" in name or name.startswith("tests")]
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "Makefile", "pyproject.toml", "specs/mmlu_subjects.refine"} <= inside
    assert not [name for name in inside if name.startswith(("specs/out", ".refine", ".venv"))]


def test_the_wheel_does_its_main_job_in_a_fresh_environment(built: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env")
    bin_folder = tmp_path / "env" / "bin"
    (wheel,) = built.glob("*.whl")
    # Only what the commands below import is compiled, by them.
    pip = [sys.executable, "-m", "pip", "--python", bin_folder / "python", "--disable-pip-version-check"]
    _pip([*pip, "install", "--quiet", "--no-compile", wheel], tmp_path)

    def refinec(*arguments: str) -> str:
        answer = _run([bin_folder / "refinec", *arguments], tmp_path)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    refinec("doctor")
    refinec("init", "project")
    refinec("--chdir", "project", "check")
    refinec("--chdir", "project", "plan", "-o", "saved.refplan")
    head = json.loads(refinec("--chdir", "project", "apply", "saved.refplan", "--format", "json"))
    assert head["status"] == "complete"
    assert (tmp_path / "project/out/quickstart.jsonl").read_text(encoding="utf-8").count("\n") == 120
    refinec("--chdir", "project", "verify", "out/quickstart.prov.jsonl")
    refinec("--chdir", "project", "replay", str(head["run"]))
    place = _run([bin_folder / "python", "-c", "import refinelab_dsl; print(refinelab_dsl.__file__)"], tmp_path)
    assert str(tmp_path) in place.stdout
