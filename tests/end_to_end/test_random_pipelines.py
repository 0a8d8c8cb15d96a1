"""A few random specs through every command; `python benchmarks/pipelines.py` takes as many as are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl.providers.endpoint import Simulation
from tests.harness.openai_server import Behaviour, Fault, ThreadServer
from tests.harness.pipelines import draw, drive


@pytest.mark.parametrize(("seed", "end"), [(87, "complete"), (3, "partial"), (55, "RF2249"), (4, "too small")])
def test_whatever_a_spec_says_no_fault_of_ours_shows(seed: int, end: str, tmp_path: Path) -> None:
    assert drive(draw(seed), tmp_path / "p", seed) == end


def test_so_it_is_over_http_where_calls_fail(tmp_path: Path) -> None:
    chances = ((Fault("status", status=503), 0.05), (Fault("no_usage"), 0.05))
    with ThreadServer(Behaviour(Simulation(success=0.8), chances=chances)) as server:
        assert drive(draw(9, server.base_url), tmp_path / "p", 9) in ("complete", "partial")
        assert server.tally.delivered.total() > 10
