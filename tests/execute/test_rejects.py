"""Checks that ask for another try: what comes of a run does not depend on when replies arrive, nor on being killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli.logs import render_line
from refinelab_dsl.execute.history import add_texts, load_attempts
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.provenance import LogLine, read_log, replay, trace, verify
from refinelab_dsl.provenance.render import render_trace
from refinelab_dsl.provenance.trace import Trace
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.store import Store
from tests.execute.worlds import SOURCE, Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

RETRIED = Wish(
    rows=60,
    actions=(("generate", "asia", 9, 16), ("expand", "africa", 6, 10), ("generate", "africa", 4, 8)),
    removed=9,
    retries_of={"fresh": 2, "in_size": 1},
)
SHUFFLED = Behaviour(
    Simulation(success=0.45, malformed=0.2),
    chances=((Fault("slow", seconds=0.01), 0.3), (Fault("slow", seconds=0.03), 0.3)),
)


def read(world: World, run: int = 1) -> list[events.AnyEvent]:
    return [entry.event for entry in read_log(world.folder(run).log) if isinstance(entry, LogLine)]


def steps_of(found: Sequence[events.AnyEvent]) -> dict[int, tuple[list[events.Call], list[events.Verdict]]]:
    """Of each committed step, its calls and verdicts."""
    told: dict[int, tuple[list[events.Call], list[events.Verdict]]] = {}
    for event in found:
        if isinstance(event, events.Call | events.Verdict):
            calls, verdicts = told.setdefault(event.step, ([], []))
            (calls if isinstance(event, events.Call) else verdicts).append(event)  # type: ignore[arg-type]
    return told


def test_concurrency_and_arrival_order_do_not_show_where_attempts_are_made_again(tmp_path: Path) -> None:
    with ThreadServer(SHUFFLED) as server:
        results = []
        for slots in (1, 7, 50):
            world = build_world(tmp_path / f"{slots}", RETRIED, base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            assert outcome.exit_code == ExitCode.DONE, outcome.diagnostics
            results.append((world.output(), world.log(1), server.tally.delivered.copy()))
            server.tally.delivered.clear()
    assert results[0] == results[1] == results[2]

    told = steps_of(read(world))
    refused = {step: [each for each in verdicts if not each.accept] for step, (_, verdicts) in told.items()}
    commits = {event.step for event in read(world) if isinstance(event, events.Commit)}
    mended = {step for step in commits if refused[step]}
    assert {verdict.check for step in mended for verdict in refused[step]} >= {"fresh"}  # it is judged at commit
    for step, (calls, verdicts) in told.items():
        counts = Counter(verdict.check for verdict in refused[step])
        assert counts["fresh"] <= 3
        assert counts["in_size"] <= 2
        turns = max(call.turn for call in calls)
        assert turns == len(refused[step]) - (bool(verdicts) and not verdicts[-1].accept and step not in commits) or (
            verdicts[-1].check == "reply"
        )
    retries = {name: each["retries"] for name, each in outcome.head["operators"].items()}
    assert sum(retries.values()) == sum(max(call.turn for call in calls) for calls, _ in told.values())

    # The next try says which check refused, and why, in delimiters, after the reply that it refused.
    again = [body["messages"] for body in server.tally.bodies if len(body["messages"]) >= 4]
    feedback = [each[3]["content"] for each in again if each[3]["content"].startswith("The check `")]
    assert any("`fresh` refuses this result: <data>it is too like another item</data>" in text for text in feedback)
    assert all([message["role"] for message in each[:4]] == ["system", "user", "assistant", "user"] for each in again)

    with Store(world.project.store) as store:
        replayed = replay(world.folder(1).path, world.project, store, source=(SOURCE,))
        assert replayed.diagnostics == ()
        assert replayed.results == len(commits)
        commit = next(event for event in read(world) if isinstance(event, events.Commit) and event.step in mended)
        traced = trace(world.folder(1).path, commit.id, world.project, source=(SOURCE,), store=store)
    assert isinstance(traced, Trace)
    assert traced.fields is not None
    assert [verdict.accept for verdict in traced.verdicts].count(False) == len(refused[commit.step])
    assert verify(world.project.base / "out.prov.jsonl", world.project).diagnostics == ()


def test_a_second_run_repeats_further_tries_for_nothing(tmp_path: Path) -> None:
    world = build_world(tmp_path, replace(RETRIED, params={"success": 0.45, "malformed": 0.2}))
    first = world.apply()
    calls = first.head["cost"]["calls"]
    assert any(isinstance(event, events.Call) and event.turn == 2 for event in read(world))
    again = world.apply()
    assert (again.head["cost"]["calls"], again.head["cost"]["cached"]) == (0, calls)
    assert world.log(2) == world.log(1)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_further_tries_stay_within_the_budget(tmp_path: Path, share: float) -> None:
    with ThreadServer(SHUFFLED) as server:
        whole = build_world(tmp_path / "whole", RETRIED, base_url=server.base_url)
        used = whole.apply().head["cost"]["tokens"]
        assert used <= int(whole.header.tokens.ceiling or 0)
        for slots in (1, 30):
            wish = replace(RETRIED, tokens=int(used * share))
            world = build_world(tmp_path / f"{slots}", wish, base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            assert (outcome.status, outcome.exit_code) == ("partial", ExitCode.BUDGET)
            assert outcome.head["cost"]["tokens"] <= wish.tokens
            assert verify(world.project.base / "out.prov.jsonl", world.project).diagnostics == ()


def test_a_budget_that_further_tries_use_up_ends_a_run_at_the_same_step_whatever_is_in_flight(tmp_path: Path) -> None:
    """Each call is charged at its worst case, so that what later attempts claim is what an earlier one's tries lack."""
    wish = Wish(
        rows=60, actions=(("generate", "asia", 6, 9),), removed=9, tokens=52_000,
        retries_of={"fresh": 9, "in_size": 9},
    )  # fmt: skip
    unsaid = Behaviour(Simulation(success=0.12, malformed=0.1), chances=((Fault("no_usage"), 1.0),))
    with ThreadServer(unsaid) as server:
        logs = []
        for slots in (1, 50):
            world = build_world(tmp_path / f"{slots}", wish, base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            assert (outcome.status, outcome.exit_code) == ("partial", ExitCode.BUDGET)
            logs.append(world.log(1))
    assert logs[0] == logs[1]


def test_a_run_that_is_stopped_between_tries_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    with ThreadServer(SHUFFLED) as server:
        calm = build_world(tmp_path / "calm", RETRIED, base_url=server.base_url)
        calm.apply(concurrency=5)
        asked = server.tally.delivered.total()
        rough = build_world(tmp_path / "rough", RETRIED, base_url=server.base_url)
        stops = 0
        while True:
            server.server.refuse_after(7)
            outcome = rough.apply(saved=True, concurrency=5)
            if outcome.exit_code == ExitCode.DONE:
                break
            assert outcome.status == "stopped"
            stops += 1
        assert stops > 5
        assert server.tally.delivered.total() == 2 * asked  # nothing was bought twice
    assert (rough.output(), rough.log(1)) == (calm.output(), calm.log(1))


def test_what_is_kept_apart_is_the_same_at_any_concurrency_and_comes_again(tmp_path: Path) -> None:
    wish = replace(RETRIED, retries_of={"well_formed": 1}, held_by=("fresh", "in_size"))
    with ThreadServer(SHUFFLED) as server:
        results = []
        for slots in (1, 30):
            world = build_world(tmp_path / f"{slots}", wish, base_url=server.base_url)
            outcome = world.apply(concurrency=slots)
            held = (world.project.base / "held/out.jsonl").read_bytes()
            results.append((world.output(), world.log(1), held))
    assert results[0] == results[1]

    rows = [json.loads(line) for line in held.splitlines()]
    rejects = [event for event in read(world) if isinstance(event, events.Reject)]
    kept = [event for event in rejects if event.check in wish.held_by]
    assert 0 < len(kept) < len(rejects)
    assert [(row["_check"], row["_reason"], row["_operator"]) for row in rows] == [
        (event.check, event.reason, event.operator) for event in kept
    ]
    assert {row["_check"] for row in rows} == {"fresh", "in_size"}
    assert all(row["question"] and row["_simulated"] and row["_target"]["size"] == "short" for row in rows)
    sources = {item["id"] for item in map(json.loads, world.output().splitlines()) if "id" in item}
    assert len({row["id"] for row in rows} | sources) == len(rows) + len(sources)
    assert outcome.head["quarantined"] == len(rows)
    assert [each["file"] for each in outcome.head["outputs"] if each.get("quarantine")] == ["held/out.jsonl"]
    assert verify(world.project.base / "out.prov.jsonl", world.project).diagnostics == ()
    assert verify(world.project.base / "held/out.jsonl", world.project).diagnostics == ()

    with Store(world.project.store) as store:
        replayed = replay(world.folder(1).path, world.project, store, source=(SOURCE,), into=tmp_path / "again")
        assert replayed.diagnostics == ()
        assert ("held/out.jsonl", len(rows)) in replayed.outputs
        assert (tmp_path / "again/refined/quarantine/out.jsonl").read_bytes() == held
        traced = trace(world.folder(1).path, rows[0]["id"], world.project, source=(SOURCE,), store=store)
    assert isinstance(traced, Trace)
    assert (traced.origin, traced.row) == ("held", None)
    assert traced.fields is not None
    assert traced.fields["question"] == rows[0]["question"]
    assert "refused and kept apart (simulated)" in render_trace(traced)

    plan, _ = PlanFile.open(world.plan)
    assert plan is not None
    attempts, damage = load_attempts(plan, world.folder(1))
    assert damage == ()
    refused = [attempt for attempt in attempts if attempt.quarantined]
    assert [attempt.item for attempt in refused] == [row["id"] for row in rows]
    assert f"kept apart as {rows[0]['id']}" in render_line(refused[0])
    assert {call.part for attempt in attempts for call in attempt.calls} == {"call", "repair", "retry"}


def test_the_log_of_attempts_shows_further_tries_with_their_prompts(tmp_path: Path) -> None:
    world = build_world(tmp_path, replace(RETRIED, params={"success": 0.45}))
    world.apply()
    plan, _ = PlanFile.open(world.plan)
    assert plan is not None
    attempts, _ = load_attempts(plan, world.folder(1))
    again = [attempt for attempt in attempts if any(call.turn == 2 for call in attempt.calls)][:3]
    assert again
    for attempt in add_texts(again, plan, world.project, world.folder(1)):
        calls = {call.turn: call for call in attempt.calls if call.part in ("call", "retry")}
        refusals = [verdict for verdict in attempt.verdicts if not verdict["accept"]]
        for turn in (1, 2):
            assert calls[turn].prompt is not None
            before, why = calls[turn].prompt[2:4]
            assert before == {"role": "assistant", "content": calls[turn - 1].reply}
            assert f"The check `{refusals[turn - 1]['check']}` refuses this result" in why["content"]
