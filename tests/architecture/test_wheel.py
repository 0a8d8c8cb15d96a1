"""The package as users get it: built as sdist and wheel, installed into a fresh environment, doing its main job.

That environment has what the wheel declares, and what that declares in turn, as links to what is installed here: no
more, so that what is not declared is not there, and nothing is fetched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.tree import ROOT, tracked_files


def _run(command: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    # Nothing of the checkout or of this environment may help.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REFINE_"))}
    environ.pop("VIRTUAL_ENV", None)
    environ["NO_COLOR"] = "1"
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environ, capture_output=True, text=True, timeout=600, check=False
    )


def _install(command: Sequence[str | Path], cwd: Path) -> None:
    answer = _run([sys.executable, "-m", *command], cwd)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _find_declared(requirements: Sequence[str]) -> Iterator[Distribution]:
    """The distributions that these lines ask for, and those that these ask for."""
    waiting, seen = [(line, "") for line in requirements], set()
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = distribution(requirement.name)
        assert requirement.specifier.contains(found.version, prereleases=True), (line, found.version)
        for wanted in ("", *requirement.extras):
            if (found.name, wanted) not in seen:
                seen.add((found.name, wanted))
                waiting += [(each, wanted) for each in found.requires or ()]
                yield found


def _link(found: Distribution, site: Path) -> None:
    """Puts links to what a distribution has at the top of `site-packages` into another one."""
    for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        link = site / name
        if not link.is_symlink():
            link.symlink_to(found.locate_file(name))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist, by the hatchling of this environment."""
    folder = tmp_path_factory.mktemp("dist")
    _install(["build", "--no-isolation", "--outdir", folder, ROOT], folder)
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
    pip = ["pip", "--python", bin_folder / "python", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    _install([*pip, wheel], tmp_path)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (metadata,) = site.glob("refinec-*.dist-info")
    for found in _find_declared(Distribution.at(metadata).requires or ()):
        _link(found, site)
    assert "ModuleNotFoundError" in _run([bin_folder / "python", "-c", "import pytest"], tmp_path).stderr

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
