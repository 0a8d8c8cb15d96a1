"""`replay`: the outputs again, byte for byte, from log, plan, store and dataset; else the first difference by name."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from refinelab_dsl.declarations import Output
from refinelab_dsl.provenance import replay
from refinelab_dsl.provenance.replay import Replayed
from tests.provenance.runs import SOURCE, MadeRun, make_run


@pytest.fixture
def run(tmp_path: Path) -> MadeRun:
    return make_run(tmp_path)


def replay_run(run: MadeRun, into: Path | None = None) -> Replayed:
    with run.store() as store:
        return replay(run.folder, run.project, store, source=SOURCE, into=into)


def test_an_untouched_run_comes_out_byte_for_byte(run: MadeRun) -> None:
    replayed = replay_run(run)
    assert replayed.diagnostics == ()
    assert replayed.outputs == (("out/capitals.jsonl", 7), ("out/capitals.csv", 7))
    assert replayed.results == 2


def test_it_touches_no_output_and_can_keep_what_it_writes(run: MadeRun, tmp_path: Path) -> None:
    out = run.project.base / "out"
    wanted = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "capitals.csv").write_text("edited since")
    (out / "capitals.jsonl").unlink()
    into = tmp_path / "again"
    assert replay_run(run, into).diagnostics == ()
    assert [path.name for path in out.iterdir()] == ["capitals.csv"]
    assert (out / "capitals.csv").read_text() == "edited since"
    assert (into / "refined/capitals.jsonl").read_bytes() == wanted["capitals.jsonl"]
    assert (into / "table/capitals.csv").read_bytes() == wanted["capitals.csv"]
    assert sorted(path.name for path in into.rglob("*") if path.is_file()) == ["capitals.csv", "capitals.jsonl"]


def test_a_directory_output(tmp_path: Path) -> None:
    run = make_run(tmp_path, outputs=(Output(name="refined", path="out/", format="csv"),))
    into = tmp_path / "again"
    replayed = replay_run(run, into)
    assert (replayed.diagnostics, replayed.outputs) == ((), (("out/capitals.csv", 7),))
    original = run.project.base / "out/capitals.csv"
    assert (into / "refined/capitals.csv").read_bytes() == original.read_bytes()


def test_a_changed_dataset_is_refused(run: MadeRun) -> None:
    path = run.project.base / SOURCE[0]
    path.write_text(path.read_text().replace("Paris", "Nice"))
    assert [entry.code for entry in replay_run(run).diagnostics] == ["RF6353"]
    path.unlink()
    (found,) = replay_run(run).diagnostics
    assert found.code.startswith("RF3")


def test_without_a_store_results_cannot_be_made_again(run: MadeRun) -> None:
    (problem,) = replay(run.folder, run.project, None, source=SOURCE).diagnostics
    assert problem.code == "RF6032"


def test_a_missing_reply_is_named(run: MadeRun) -> None:
    with sqlite3.connect(run.project.store) as connection:
        connection.execute("DELETE FROM replies")
    (found,) = replay_run(run).diagnostics
    assert found.code == "RF6355"
    assert "step 1" in found.message


def test_a_changed_reply_is_noticed(run: MadeRun) -> None:
    with sqlite3.connect(run.project.store) as connection:
        connection.execute("UPDATE replies SET body = CAST(replace(CAST(body AS TEXT), 'Delhi', 'Dehli') AS BLOB)")
    (found,) = replay_run(run).diagnostics
    assert found.code == "RF6032"


def test_a_broken_log_is_not_replayed(run: MadeRun) -> None:
    content = run.log.read_bytes()
    run.log.write_bytes(content.replace(b'"c3"', b'"c1"'))
    (found,) = replay_run(run).diagnostics
    assert found.code == "RF6324"


def test_another_plan_in_the_folder_is_noticed(run: MadeRun, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", outputs=(Output(name="refined", path="o.jsonl", format="jsonl"),))
    (run.folder / "plan.refplan").write_bytes((other.folder / "plan.refplan").read_bytes())
    assert [entry.code for entry in replay_run(run).diagnostics] == ["RF6354"]
    (run.folder / "plan.refplan").unlink()
    assert [entry.code for entry in replay_run(run).diagnostics] == ["RF5006"]


def test_the_first_difference_is_named(run: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from refinelab_dsl.data import sinks

    # A later version that writes cells in another way must not pass for the one that wrote this run.
    monkeypatch.setattr(sinks, "escape_formula", lambda cell: cell)
    (found,) = replay_run(run).diagnostics
    assert (found.code, found.place and found.place.file, found.place and found.place.row) == (
        "RF6357", "out/capitals.csv", 7,
    )  # fmt: skip
