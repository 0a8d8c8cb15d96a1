"""What a run came to, beside what was promised."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from refinelab_dsl.plan.outcome import render_outcome
from tests.plan.chemistry import DIFFICULTY, TOPIC, make_chemistry

HEAD: dict[str, Any] = {
    "run": 4,
    "status": "complete",
    "seconds": 112.2,
    "simulated": True,
    "kept": 52,
    "changed": 0,
    "added": 48,
    "removed": 48,
    "size": {"now": 100, "planned": 100, "intended": 100, "measured": 100},
    "mix": {
        "difficulty": {
            name: {"intended": planned, "measured": planned + (name == "hard") - (name == "medium")}
            for name, (_, planned, _) in DIFFICULTY.items()
        },
        "topic": {name: {"intended": planned, "measured": None} for name, (_, planned, _) in TOPIC.items()},
    },
    "divergence": {
        "difficulty": {"now": 0.32, "planned": 0.0, "intended": 0.0, "measured": 0.00007},
        "topic": {"now": 0.046, "planned": 0.0, "intended": 0.0, "measured": None},
    },
    "cost": {"usd": "0.5312", "tokens": 90_412, "calls": 85},
    "operators": {"author": {"accepted": 38, "attempts": 73}, "paraphrase": {"accepted": 10, "attempts": 20}},
    "outputs": [{"name": "refined", "file": "out/chemistry.jsonl", "rows": 100, "sha256": "b7e019" + "0" * 58}],
    "provenance": {"file": "out/chemistry.prov.jsonl", "events": 412, "root": "51ac" + "0" * 60},
    "rejected": {"fresh": 12, "in_band": 33},
}


class TextFile(SingleFileSnapshotExtension):
    file_extension = "txt"
    _write_mode = WriteMode.TEXT


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


def test_a_finished_run(golden: SnapshotAssertion) -> None:
    assert render_outcome(HEAD, make_chemistry()) == golden


def test_a_run_of_which_little_is_known(golden: SnapshotAssertion) -> None:
    head = {"run": 5, "status": "interrupted", "size": None, "mix": {}, "cost": None, "outputs": [], "rejected": {}}
    assert render_outcome(head, make_chemistry()) == golden


def test_many_files_of_one_output_are_one_line() -> None:
    files = [{"name": "o", "file": f"out/m/{n}.csv", "rows": n, "sha256": f"{n:064x}"} for n in range(1, 20)]
    text = render_outcome({**HEAD, "outputs": files}, make_chemistry())
    assert [line.split() for line in text.splitlines() if line.startswith("  output")] == [
        ["output", "out/m/", "190", "rows", "19", "files"]
    ]


def test_an_unknown_cost_is_unknown() -> None:
    text = render_outcome({**HEAD, "cost": {"usd": None, "tokens": 5, "calls": 1}}, make_chemistry())
    assert "Apply complete: 52 kept, 0 changed, 48 added, 48 dropped, unknown." in text


def test_labels_and_paths_cannot_steer_a_terminal() -> None:
    mix = {"topic": {"\x1b[2J": {"intended": 1, "measured": 1}}}
    outputs = [{"name": "o", "file": "out/\u202ex.jsonl", "rows": 1, "sha256": "0" * 64}]
    text = render_outcome({**HEAD, "mix": mix, "outputs": outputs}, make_chemistry())
    assert "\x1b" not in text
    assert "\u202e" not in text
