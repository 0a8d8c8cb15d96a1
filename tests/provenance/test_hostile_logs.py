"""Logs that are consistent with themselves and say nonsense, and files of any bytes: diagnostics, never exceptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.provenance import LogLine, LogWriter, Trace, read_log, replay, trace, verify
from tests.provenance.runs import SOURCE, MadeRun, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> MadeRun:
    return make_run(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def body(run: MadeRun) -> list[events.AnyEvent]:
    found = [entry.event for entry in read_log(run.log) if isinstance(entry, LogLine)]
    return found[:-1]


def rewrite(run: MadeRun, body: list[events.AnyEvent]) -> None:
    with LogWriter(run.log) as log:
        for event in body:
            log.append(event)
        log.close()


def look_at_everything(run: MadeRun) -> None:
    verified = verify(run.log, run.project)
    assert all(isinstance(entry, Diagnostic) for entry in verified.diagnostics)
    verify(run.project.base / "out/capitals.csv", run.project)
    with run.store() as store:
        for query in ("#1", "6", "c", run.added[0]):
            assert isinstance(trace(run.folder, query, run.project, source=SOURCE, store=store), Trace | Diagnostic)
        replay(run.folder, run.project, store, source=SOURCE)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_events_taken_out_doubled_and_exchanged(run: MadeRun, body: list[events.AnyEvent], data: Any) -> None:
    order = data.draw(st.lists(st.integers(1, len(body) - 1), max_size=len(body) + 4))
    rewrite(run, [body[0], *(body[index] for index in order)])
    look_at_everything(run)


@pytest.mark.parametrize(
    "changes",
    [
        {"operator": "nobody"},
        {"operator": "drop"},
        {"step": 99},
        {"parents": ()},
        {"parents": ("nobody",)},
        {"parents": ("31f7b83f2c1f6f0c",)},
        {"reply": ""},
        {"id": "\x1b[2J", "key": ""},
        {"row": "0" * 64},
        {"origin": "changed"},
    ],
)
def test_a_commit_that_says_nonsense(run: MadeRun, body: list[events.AnyEvent], changes: dict[str, Any]) -> None:
    rewrite(run, [
        event.model_copy(update=changes) if isinstance(event, events.Commit) else event for event in body
    ])  # fmt: skip
    look_at_everything(run)
    with run.store() as store:
        assert replay(run.folder, run.project, store, source=SOURCE).diagnostics != ()


def test_a_result_that_is_its_own_parent(run: MadeRun, body: list[events.AnyEvent]) -> None:
    rewrite(run, [
        event.model_copy(update={"parents": (event.key,)}) if isinstance(event, events.Commit) else event
        for event in body
    ])  # fmt: skip
    look_at_everything(run)


@pytest.mark.parametrize("file", ["/dev/zero", "../../x", "", "\x00", "a" * 5000, "."])
def test_an_output_of_a_strange_name(run: MadeRun, body: list[events.AnyEvent], file: str) -> None:
    rewrite(run, [
        event.model_copy(update={"file": file}) if isinstance(event, events.Output | events.Rows) else event
        for event in body
    ])  # fmt: skip
    look_at_everything(run)
    assert verify(run.log, run.project).diagnostics != ()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from(["x.prov.jsonl", "x.refplan", "x.csv", "x"]))
def test_files_of_any_bytes(run: MadeRun, tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert verify(path, run.project).diagnostics != ()
