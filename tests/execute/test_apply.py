"""Whole runs of a hand-made plan: what does not depend on when replies arrive, what is not paid twice, what refuses."""

from __future__ import annotations

import json
import os
import re
import socket
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.declarations import Price
from refinelab_dsl.execute import Progress, SilentObserver
from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.execute.lock import take_lock
from refinelab_dsl.execute.runs import find_unfinished, list_runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.provenance import LogLine, read_log, replay, verify
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.store import Store
from tests.execute.worlds import SOURCE, Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

PRICE = Price(input=Decimal("0.00000015"), output=Decimal("0.0000006"))
SHUFFLED = Behaviour(
    Simulation(success=0.6, malformed=0.2),
    chances=((Fault("slow", seconds=0.01), 0.3), (Fault("slow", seconds=0.03), 0.3)),
)
MANY = Wish(
    rows=60,
    actions=(("generate", "asia", 14, 40), ("expand", "africa", 8, 15), ("generate", "africa", 6, 20)),
    removed=9,
    concurrency=500,
)


def endings(world: World, run: int = 1) -> list[events.AnyEvent]:
    return [
        entry.event for entry in read_log(world.folder(run).log)
        if isinstance(entry, LogLine) and isinstance(entry.event, events.Commit | events.Reject)
    ]


def test_a_plan_runs_to_its_counts(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    outcome = world.apply()
    assert (outcome.exit_code, outcome.status, outcome.run) == (ExitCode.DONE, "complete", 1)
    rows = [json.loads(line) for line in world.output().splitlines()]
    assert len(rows) == world.header.size_planned
    assert Counter(row["_origin"] for row in rows) == {"original": 24, "added": 8}
    added = [row for row in rows if row["_origin"] == "added"]
    assert rows[-8:] == added
    assert [row["subject"] for row in added] == ["asia"] * 5 + ["africa"] * 3
    assert all(row["_simulated"] is True and row["note"] is None for row in added)
    assert outcome.head["size"]["measured"] == 32
    assert outcome.head["mix"]["topic"]["asia"]["intended"] == world.header.mix["topic"]["asia"].count_planned
    assert verify(tmp_path / "out.prov.jsonl", world.project).diagnostics == ()


def test_an_action_stops_at_its_count_and_no_step_outside_the_plan_is_made(tmp_path: Path) -> None:
    world = build_world(tmp_path, MANY)
    world.apply()
    accepted = Counter(event.action for event in endings(world) if isinstance(event, events.Commit))
    assert accepted == {1: 14, 2: 8, 3: 6}
    made = {entry.step for entry in read_entries(world.folder(1).journal)}
    ended = {event.step for event in endings(world)}
    assert made == ended  # nothing was asked for that did not get its turn
    assert made <= {step.id for step in world.steps}


def test_concurrency_and_arrival_order_do_not_show(tmp_path: Path) -> None:
    with ThreadServer(SHUFFLED) as server:
        runs = []
        for name, slots in (("one", 1), ("some", 50), ("many", 500)):
            world = build_world(tmp_path / name, MANY, base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            assert outcome.exit_code == ExitCode.DONE
            runs.append((world.output(), world.log(1), server.tally.delivered.copy()))
            server.tally.delivered.clear()
        assert server.server.tally.most_running > 5
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("share", [0.2, 0.45, 0.8])
def test_where_the_budget_ends_a_run_does_not_depend_on_concurrency(tmp_path: Path, share: float) -> None:
    with ThreadServer(SHUFFLED) as server:
        whole = build_world(tmp_path / "whole", MANY, base_url=server.base_url)
        one_step = int(whole.header.tokens.ceiling or 0) // len(whole.steps)
        used = whole.apply().head["cost"]["tokens"]
        results = []
        for slots in (1, 12, 50):
            wish = replace(MANY, tokens=one_step + int(used * share))
            world = build_world(tmp_path / f"{slots}", wish, base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            assert (outcome.status, outcome.exit_code) == ("partial", ExitCode.BUDGET)
            assert outcome.diagnostics[0].code == "RF6010"
            assert outcome.head["cost"]["tokens"] <= wish.tokens
            assert outcome.head["size"]["measured"] == min(world.header.size_planned, 60 + outcome.head["added"])
            results.append((world.output(), world.log(1)))
            assert verify(tmp_path / f"{slots}" / "out.prov.jsonl", world.project).diagnostics == ()
    assert results[0] == results[1] == results[2]


def test_dollars_limit_a_run_too(tmp_path: Path) -> None:
    with ThreadServer(Behaviour()) as server:
        world = build_world(tmp_path / "whole", Wish(price=PRICE), base_url=server.base_url)
        used = Decimal(world.apply().head["cost"]["usd"])
        limit = (world.header.usd.ceiling or 0) / len(world.steps) + used / 2
        outcome = build_world(tmp_path / "half", Wish(usd=limit, price=PRICE), base_url=server.base_url).apply()
    assert (outcome.status, outcome.exit_code) == ("partial", ExitCode.BUDGET)
    assert 0 < Decimal(outcome.head["cost"]["usd"]) <= limit


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_an_operator_ends_at_its_own_limit_and_the_others_go_on(tmp_path: Path, share: float) -> None:
    with ThreadServer(SHUFFLED) as server:
        wish = replace(MANY, price=PRICE)
        whole = build_world(tmp_path / "whole", wish, base_url=server.base_url)
        whole.apply()
        used = generated(whole)
        cap = (whole.header.usd.ceiling or 0) / len(whole.steps) + used * Decimal(str(share))
        results = []
        for slots in (1, 12, 50):
            world = build_world(tmp_path / f"{slots}", replace(wish, max_cost=cap), base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            assert outcome.status == "complete"
            assert outcome.diagnostics[0].code == "RF6019"
            assert 0 < generated(world) <= cap
            assert outcome.head["operators"]["expand"]["accepted"] == 8
            assert outcome.head["operators"]["generate"]["accepted"] < 20
            results.append((world.output(), world.log(1)))
    assert results[0] == results[1] == results[2]


def generated(world: World) -> Decimal:
    """Dollars that `generate` spent."""
    ours = {step.id for step in world.steps if step.operator == "generate"}
    return sum(
        (entry.settled.usd or Decimal(0) for entry in read_entries(world.folder(1).journal) if entry.step in ours),
        Decimal(0),
    )


def test_a_second_run_makes_no_call(tmp_path: Path) -> None:
    with ThreadServer(SHUFFLED) as server:
        world = build_world(tmp_path, MANY, base_url=server.base_url)
        world.apply()
        first, asked = (world.output(), world.log(1)), server.tally.asked.total()
        outcome = world.apply()
        assert server.tally.asked.total() == asked
        assert outcome.exit_code == ExitCode.DONE
        assert outcome.head["cost"] == {"tokens": 0, "usd": "0", "calls": 0, "cached": asked}
        assert (world.output(), world.log(2)) == first
        assert all(entry.cached for entry in read_entries(world.folder(2).journal))
        world.apply(use_cache=False)
        assert server.tally.asked.total() == 2 * asked
        assert (world.output(), world.log(3)) == first  # the endpoint's reply is a function of the request


def test_replay_makes_the_same_bytes(tmp_path: Path) -> None:
    world = build_world(tmp_path, MANY)
    world.apply()
    with Store(world.project.store) as store:
        replayed = replay(world.folder(1).path, world.project, store, source=(SOURCE,))
    assert replayed.diagnostics == ()
    assert replayed.results == 28


def test_a_saved_plan_is_used_once(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    assert world.apply(saved=True).exit_code == ExitCode.DONE
    again = world.apply(saved=True)
    assert (again.exit_code, again.run, [each.code for each in again.diagnostics]) == (ExitCode.STALE, None, ["RF6002"])
    assert world.apply().exit_code == ExitCode.DONE  # not as a saved file: a run of its own
    assert [head["run"] for head in list_runs(world.project)] == [1, 2]


def test_a_changed_dataset_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    with ThreadServer(Behaviour()) as server:
        world = build_world(tmp_path, base_url=server.base_url)
        path = tmp_path / SOURCE
        path.write_bytes(path.read_bytes().replace(b"City 3", b"City 4"))
        outcome = world.apply()
        assert (outcome.exit_code, outcome.run) == (ExitCode.STALE, None)
        assert f"the data file `{SOURCE}` changed" in outcome.diagnostics[0].message
        path.unlink()
        assert world.apply().exit_code == ExitCode.STALE
        assert server.tally.asked.total() == 0
    assert list_runs(world.project) == ()


def test_a_run_that_holds_the_lock_keeps_others_out(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.project.state.mkdir()
    lock = take_lock(world.project.state)
    outcome = world.apply()
    assert (outcome.exit_code, outcome.diagnostics[0].code) == (ExitCode.LOCKED, "RF6001")
    lock.release()  # type: ignore[union-attr]
    assert world.apply().exit_code == ExitCode.DONE


def test_a_lock_of_another_host_stays(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.project.state.mkdir()
    holder = {"host": f"not-{socket.gethostname()}", "pid": 5, "since": "2026-11-01T00:00:00+00:00"}
    (world.project.state / "run.lock").write_text(json.dumps(holder))
    assert world.apply().exit_code == ExitCode.LOCKED


def test_resuming_a_run_that_ended_is_refused(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.apply()
    assert world.apply(resume=1).diagnostics[0].code == "RF6004"
    assert world.apply(resume=9).diagnostics[0].code == "RF6003"
    assert find_unfinished(world.project) == ()


def test_too_few_results_leave_no_hole(tmp_path: Path) -> None:
    world = build_world(tmp_path, Wish(params={"success": 0.0, "flaws": ["schema"]}))
    outcome = world.apply()
    assert (outcome.status, outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert outcome.head["added"] == 0
    assert outcome.head["removed"] == 0  # all six were taken back, and two rows are missing still
    assert [each.code for each in outcome.diagnostics] == ["RF6015", "RF6015", "RF6017"]
    assert outcome.head["rejected"]["reply"] == 18


def test_where_nothing_comes_of_an_operator_the_run_says_so_by_its_exit_code(tmp_path: Path) -> None:
    outcome = build_world(tmp_path, Wish(removed=8, params={"success": 0.0, "flaws": ["schema"]})).apply()
    assert (outcome.status, outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert {each.code for each in outcome.diagnostics} == {"RF6015"}  # the size is right: nothing left, nothing came


def test_unreadable_replies_are_asked_for_once_more(tmp_path: Path) -> None:
    world = build_world(tmp_path, Wish(params={"success": 1.0, "malformed": 1.0}))
    outcome = world.apply()
    assert outcome.exit_code == ExitCode.DONE
    calls = [
        entry.event for entry in read_log(world.folder(1).log)
        if isinstance(entry, LogLine) and isinstance(entry.event, events.Call)
    ]
    per_step = Counter(call.step for call in calls)
    assert set(per_step.values()) == {2}
    assert [call.call for call in calls] == [0, 1] * len(per_step)


def test_results_of_one_run_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    # One anchor, asked again and again: its paraphrases are alike, so most of them are refused at commit.
    wish = Wish(rows=8, actions=(("expand", "africa", 2, 12),), removed=0, params={"success": 1.0})
    world = build_world(tmp_path, wish)
    outcome = world.apply()
    refused = [event for event in endings(world) if isinstance(event, events.Reject)]
    assert {event.check for event in refused} <= {"fresh", "in_size"}
    verdicts = [
        entry.event for entry in read_log(world.folder(1).log)
        if isinstance(entry, LogLine) and isinstance(entry.event, events.Verdict) and entry.event.check == "fresh"
    ]
    assert all(verdict.accept == (verdict.values["similarity"] < 0.92) for verdict in verdicts)
    assert outcome.status == "complete"


def test_progress_is_told_and_ends_at_the_counts(tmp_path: Path) -> None:
    class Watcher(SilentObserver):
        def __init__(self) -> None:
            self.seen: list[Progress] = []
            self.run = 0

        def start(self, run: int, header: object) -> None:
            self.run = run

        def update(self, progress: Progress) -> None:
            self.seen.append(progress)

    watcher = Watcher()
    build_world(tmp_path, MANY).apply(watcher)
    assert watcher.run == 1
    last = watcher.seen[-1]
    assert {each.name: (each.accepted, each.total, each.running) for each in last.operators} == {
        "expand": (8, 8, 0), "generate": (20, 20, 0),
    }
    assert all(one.tokens <= other.tokens for one, other in zip(watcher.seen, watcher.seen[1:], strict=False))


def test_a_plan_without_calls_needs_no_store(tmp_path: Path) -> None:
    world = build_world(tmp_path, Wish(actions=(), removed=4))
    outcome = world.apply()
    assert (outcome.exit_code, outcome.head["removed"]) == (ExitCode.DONE, 4)
    assert not world.project.store.exists()
    assert len(world.output().splitlines()) == 26


async def test_it_runs_beside_an_event_loop(tmp_path: Path) -> None:
    assert build_world(tmp_path).apply().exit_code == ExitCode.DONE


def test_a_planted_key_is_nowhere(tmp_path: Path) -> None:
    key = "sk-planted-0123456789abcdef"
    environ = {**os.environ, "PLANTED": key}
    failing = ((Fault("status", status=500), 0.2),)
    behaviour = Behaviour(Simulation(success=0.7, malformed=0.3), key=key, chances=failing)
    with ThreadServer(behaviour) as server:
        good = build_world(tmp_path / "good", Wish(api_key="PLANTED"), base_url=server.base_url)
        assert good.apply(environ=environ).status == "complete"
    with ThreadServer(Behaviour(key="another")) as server:
        bad = build_world(tmp_path / "bad", Wish(api_key="PLANTED"), base_url=server.base_url)
        outcome = bad.apply(environ=environ)
        assert outcome.exit_code == ExitCode.UNAVAILABLE
        assert key not in repr(outcome)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "journal.db" for path in files)
    assert [path for path in files if key.encode() in path.read_bytes()] == []


def test_state_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.apply()
    for path in (world.project.store, world.folder(1).journal, world.folder(1).record):
        assert path.stat().st_mode & 0o077 == 0, path


def test_items_of_the_output_have_the_ids_of_the_log(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.apply()
    commits = [event for event in endings(world) if isinstance(event, events.Commit)]
    assert len({commit.id for commit in commits}) == len(commits)
    steps = {step.id: step for step in world.steps}
    assert all(commit.parents == steps[commit.step].items for commit in commits)


def test_a_budget_too_small_for_one_call_is_said_before_it(tmp_path: Path) -> None:
    """Nothing is called, written or used up; with what it says is enough, the very first call is made."""
    with ThreadServer(Behaviour()) as server:
        world = build_world(tmp_path / "small", replace(Wish(price=PRICE), tokens=2_000), base_url=server.base_url)
        for _ in range(2):  # the plan is not used up
            outcome = world.apply()
            assert (outcome.status, outcome.run, outcome.exit_code) == ("refused", None, ExitCode.BUDGET)
            assert [each.code for each in outcome.diagnostics] == ["RF6022"]
        assert not server.tally.bodies
        assert not any(world.project.runs.iterdir())
        assert not (tmp_path / "small" / "out.jsonl").exists()
        found = re.search(r"the first may take ([\d,]+) tokens", outcome.diagnostics[0].message)
        assert found is not None
        enough = int(found[1].replace(",", ""))
        world = build_world(tmp_path / "enough", replace(Wish(price=PRICE), tokens=enough), base_url=server.base_url)
        outcome = world.apply()
        assert (outcome.status, outcome.diagnostics[0].code) == ("partial", "RF6010")
        assert server.tally.bodies
        assert outcome.head["cost"]["tokens"] <= enough
