"""A few random specs through every command; `python benchmarks/pipelines.py` takes as many as are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.pipelines import draw, drive


@pytest.mark.parametrize(("seed", "end"), [(87, "complete"), (22, "partial"), (24, "complete"), (8, "RF2249")])
def test_whatever_a_spec_says_no_fault_of_ours_shows(seed: int, end: str, tmp_path: Path) -> None:
    assert drive(draw(seed), tmp_path / "p", seed) == end
