"""The planted faults of `benchmarks/validator_stress.py`: the figures of `benchmarks/answers.md` are what it gives."""

from __future__ import annotations

from benchmarks.validator_stress import CONDITIONS, measure


def test_the_figures_are_those_of_the_page() -> None:
    found = {
        way: {name: (entry["refuted"], entry["supported"], entry["unknown"]) for name, entry in conditions.items()}
        for way, conditions in measure().items()
    }
    assert all(set(conditions) == set(CONDITIONS) for conditions in found.values())
    assert found == {
        "computed": {
            "sound": (0, 30, 0),
            "wrong key": (26, 3, 1),
            "two correct choices": (9, 0, 1),
            "leaked hint": (27, 3, 0),
            "truncated stem": (27, 3, 0),
        },
        "looked up": {
            "sound": (0, 9, 1),
            "wrong key": (9, 1, 0),
            "two correct choices": (1, 9, 0),
            "leaked hint": (7, 3, 0),
            "truncated stem": (0, 2, 8),
        },
    }
