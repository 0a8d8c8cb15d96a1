"""Thirty of a hundred requests fail, in all ways: every step ends, the budget is kept, and all is recorded."""

from __future__ import annotations

from pathlib import Path

from refinelab_dsl.exit_codes import ExitCode
from tests.faults.storm import FAULTS, examine, weather_storm

STEPS = 200  # benchmarks/storm.py makes 2 000


def test_every_step_of_a_storm_ends_with_a_result_or_a_reason(tmp_path: Path) -> None:
    storm = weather_storm(tmp_path, STEPS, seed=2)
    assert storm.problems == ()
    assert (storm.outcome.status, storm.outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert 0.2 < storm.spoilt / storm.asked < 0.4
    assert {fault.outcome for fault in FAULTS} <= set(storm.tally.outcomes)
    assert storm.outcome.head["added"] > STEPS / 2
    assert storm.outcome.head["rejected"].keys() >= {"reply", "fresh", "in_size", "well_formed"}


def test_a_budget_that_ends_in_a_storm_is_kept(tmp_path: Path) -> None:
    storm = weather_storm(tmp_path, 80, tokens=60_000)
    assert storm.problems == ()
    assert (storm.outcome.status, storm.outcome.exit_code) == ("partial", ExitCode.BUDGET)
    assert storm.spoilt > 5
    assert examine(storm.world, storm.outcome, storm.tally, 30_000) == ["the budget is exceeded"]
