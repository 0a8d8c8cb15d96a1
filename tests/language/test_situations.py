"""The chapters about data, allocation, plans and runs: what they show is done, and every code of theirs occurs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from refinelab_dsl.diagnostics.meanings import load_meanings
from tests.harness.situations import Scene, check_scene, find_scenes

CHAPTERS = Path(__file__).resolve().parents[2] / "specs" / "language"
SCENES = [scene for path in sorted(CHAPTERS.glob("4*.md")) for scene in find_scenes(path)]
FAMILIES = {"40-data.md": "RF3", "41-allocation.md": "RF4", "42-plans.md": "RF5", "43-runs.md": "RF6"}


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_scene(scene: Scene, tmp_path: Path) -> None:
    check_scene(scene, tmp_path)


@pytest.mark.parametrize("chapter", FAMILIES)
def test_every_code_occurs(chapter: str) -> None:
    family = FAMILIES[chapter]
    named = set(re.findall(r"RF\d{4}", "".join(path.read_text(encoding="utf-8") for path in CHAPTERS.glob("*.md"))))
    assert any(scene.chapter == chapter for scene in SCENES)
    assert [code for code in load_meanings() if code.startswith(family) and code not in named] == []
