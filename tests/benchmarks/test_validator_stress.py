"""The planted faults of `benchmarks/validator_stress.py`: the figures of `benchmarks/answers.md` are what it gives."""

from __future__ import annotations

from benchmarks.validator_stress import CONDITIONS, measure


def test_the_figures_are_those_of_the_page() -> None:
    computed = measure()["computed"]
    found = {name: (entry["refuted"], entry["supported"], entry["unknown"]) for name, entry in computed.items()}
    assert set(found) == set(CONDITIONS)
    assert found == {
        "sound": (0, 30, 0),
        "wrong key": (26, 3, 1),
        "two correct choices": (9, 0, 1),
        "leaked hint": (27, 3, 0),
        "truncated stem": (27, 3, 0),
    }
