"""Bad days: what an endpoint, a disk or a file can do to a run, and what the run makes of it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute import RunOutcome, SilentObserver
from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.execute.runs import find_unfinished
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.execute.worlds import SOURCE, Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, ThreadServer
from tests.harness.warm import start_warm

ROOT = Path(__file__).resolve().parents[2]
SIMULATION = Simulation(success=0.8, malformed=0.1)
BRIEF = "0.001"  # the first pause; ten probes take a thousand of it


def codes(outcome: RunOutcome) -> list[str]:
    return [diagnostic.code for diagnostic in outcome.diagnostics]


class Listener(SilentObserver):
    """Keeps what a run says while it goes on."""

    def __init__(self) -> None:
        self.heard: list[Diagnostic] = []

    def say(self, diagnostic: Diagnostic) -> None:
        self.heard.append(diagnostic)


def states(world: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in read_entries(world.folder(1).journal):
        found[entry.state] = found.get(entry.state, 0) + 1
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The output of a good day."""
    with ThreadServer(Behaviour(SIMULATION)) as server:
        world = build_world(tmp_path_factory.mktemp("good"), base_url=server.base_url)
        assert world.apply().exit_code == ExitCode.DONE
        return world.output()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, retry_after="0"),
        Fault("status", status=500),
        Fault("status", status=503, retry_after="0"),
        Fault("drop"),
        Fault("reset"),
        Fault("invalid_json"),
        Fault("empty"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_what_a_retry_mends_does_not_show_in_the_output(tmp_path: Path, fault: Fault, undisturbed: bytes) -> None:
    with ThreadServer(Behaviour(SIMULATION, chances=((fault, 0.4),))) as server:
        world = build_world(tmp_path, Wish(retries=12), base_url=server.base_url)
        outcome = world.apply()
        assert server.tally.asked.total() > len(server.tally.asked)
    assert (outcome.exit_code, codes(outcome)) == (ExitCode.DONE, [])
    assert world.output() == undisturbed
    assert states(world).keys() <= {"answered", "failed", "lost"}


def test_replies_that_are_no_items_are_rejected_and_never_stop_a_run(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(SIMULATION, chances=((Fault("wrong_schema"), 1.0),))) as server:
        world = build_world(tmp_path, base_url=server.base_url)
        outcome = world.apply()
        assert server.tally.asked.total() == 2 * 18  # each attempt, and its one repair
    assert (outcome.status, outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert outcome.head["rejected"] == {"reply": 18}


def test_a_call_without_reported_usage_counts_at_its_worst_case(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(Simulation(success=1.0), chances=((Fault("no_usage"), 1.0),))) as server:
        world = build_world(tmp_path, base_url=server.base_url)
        outcome = world.apply()
    reserved = sum(entry.reserved.tokens for entry in read_entries(world.folder(1).journal))
    assert outcome.head["cost"]["tokens"] == reserved > 0


def test_an_endpoint_that_charges_more_than_it_may_is_stopped(tmp_path: Path) -> None:
    script = (None, None, Fault("large_usage", factor=1_000))
    with ThreadServer(Behaviour(SIMULATION, script=script)) as server:
        world = build_world(tmp_path, Wish(tokens=10**9, concurrency=2), base_url=server.base_url)
        outcome = world.apply()
        asked = server.tally.asked.total()
        assert asked <= 3 + 2
        assert (outcome.exit_code, outcome.status) == (ExitCode.UNAVAILABLE, "stopped")
        assert codes(outcome) == ["RF6011", "RF6021"]
        spent = [
            entry.settled if entry.state == "answered" else entry.reserved
            for entry in read_entries(world.folder(1).journal) if entry.state in ("answered", "lost")
        ]
        assert outcome.head["cost"]["tokens"] == sum(each.tokens for each in spent) > 100_000
        assert world.apply(resume=1).exit_code == ExitCode.DONE
    assert sum(entry.settled.tokens for entry in read_entries(world.folder(1).journal)) > 100_000


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_stops_the_run_says_why_and_can_be_resumed(tmp_path: Path, status: int, undisturbed: bytes) -> None:
    script = (None, None, None, *(Fault("status", status=status, message="no\x1b[31m way") for _ in range(40)))
    with ThreadServer(Behaviour(SIMULATION, script=script)) as server:
        world = build_world(tmp_path, Wish(concurrency=3), base_url=server.base_url)
        outcome = world.apply()
        assert server.tally.asked.total() <= 3 + 2 * 3
        if status == 400:  # this request alone may be at fault, so the run goes on and counts it out
            assert codes(outcome)[-1] in {"RF6014", "RF6015", "RF6017", "RF6021"}
            return
        assert (outcome.exit_code, outcome.status) == (ExitCode.UNAVAILABLE, "stopped")
        assert codes(outcome) == ["RF6012", "RF6021"]
        assert [folder.number for folder in find_unfinished(world.project)] == [1]
        server.script.clear()
        bought = server.tally.delivered.total()
        assert world.apply(resume=1).exit_code == ExitCode.DONE
        assert server.tally.delivered.total() - bought == len(server.tally.delivered) - 3
    assert world.output() == undisturbed
    assert max(server.tally.delivered.values()) == 1


def test_a_model_that_is_down_opens_the_circuit_and_the_run_goes_on_later(tmp_path: Path, undisturbed: bytes) -> None:
    with ThreadServer(Behaviour(SIMULATION, script=[Fault("status", status=503)] * 500)) as server:
        world = build_world(tmp_path, Wish(retries=1, concurrency=4), base_url=server.base_url)
        listener = Listener()
        outcome = world.apply(listener)
        assert codes(outcome) == ["RF6013", "RF6021"]
        assert [diagnostic.code for diagnostic in listener.heard] == ["RF6013"]
        assert outcome.exit_code == ExitCode.UNAVAILABLE
        assert server.tally.asked.total() <= 2 * (5 + 4)
        server.script.clear()
        assert world.apply(resume=1).exit_code == ExitCode.DONE
    assert world.output() == undisturbed


@pytest.mark.parametrize("status", [503, 429])
def test_a_bad_minute_does_not_end_a_run(tmp_path: Path, undisturbed: bytes, status: int) -> None:
    script = (None, None, None, *(Fault("status", status=status) for _ in range(9)))  # less than ten probes
    with ThreadServer(Behaviour(SIMULATION, script=script)) as server:
        world = build_world(tmp_path, Wish(retries=1, concurrency=4, backoff=BRIEF), base_url=server.base_url)
        outcome = world.apply()
        assert (outcome.exit_code, codes(outcome)) == (ExitCode.DONE, [])
        assert server.tally.outcomes[f"status {status}"] == 9
    assert world.output() == undisturbed


def test_a_limit_that_lets_nothing_through_stops_the_run_after_ten_probes(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(SIMULATION, script=[Fault("status", status=429)] * 500)) as server:
        world = build_world(tmp_path, Wish(concurrency=4, backoff=BRIEF), base_url=server.base_url)
        outcome = world.apply()
        assert (outcome.exit_code, codes(outcome)) == (ExitCode.UNAVAILABLE, ["RF6013", "RF6021"])
        assert server.tally.asked.total() <= 4 + 10


def test_single_attempts_without_an_answer_are_counted_out(tmp_path: Path) -> None:
    script = [None, Fault("status", status=500), None, Fault("status", status=500)]
    with ThreadServer(Behaviour(Simulation(success=1.0), script=script)) as server:
        world = build_world(tmp_path, Wish(retries=0, concurrency=1), base_url=server.base_url)
        outcome = world.apply()
    assert (outcome.status, outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert codes(outcome)[0] == "RF6014"
    assert outcome.head["rejected"]["no answer"] == 2
    assert outcome.head["added"] == 8  # reserves made up for them


def test_a_call_that_is_never_answered_keeps_its_claim(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(Simulation(success=1.0), script=[Fault("drop")])) as server:
        world = build_world(tmp_path, Wish(concurrency=1), base_url=server.base_url)
        outcome = world.apply()
    entries = list(read_entries(world.folder(1).journal))
    lost = [entry for entry in entries if entry.state == "lost"]
    assert len(lost) == 1
    answered = sum(entry.settled.tokens for entry in entries if entry.state == "answered")
    assert outcome.head["cost"]["tokens"] == answered + lost[0].reserved.tokens


def test_lost_claims_can_use_up_the_budget_but_never_exceed_it(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(Simulation(success=1.0), chances=((Fault("drop"), 0.7),))) as server:
        one_step = int(build_world(tmp_path / "look", base_url=server.base_url).header.tokens.ceiling or 0) // 18
        limit = 3 * one_step
        world = build_world(tmp_path / "run", Wish(tokens=limit, retries=20), base_url=server.base_url)
        outcome = world.apply()
    assert (outcome.status, outcome.exit_code) == ("partial", ExitCode.BUDGET)
    assert outcome.head["cost"]["tokens"] <= limit
    assert outcome.head["size"]["measured"] >= 30


def test_a_damaged_journal_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    world, server = _interrupted(tmp_path)
    with server:
        world.folder(1).journal.write_bytes(b"garbage" * 999)
        outcome = world.apply(resume=1)
        assert (outcome.exit_code, codes(outcome)) == (ExitCode.UNAVAILABLE, ["RF6031", "RF6021"])
        bought = len(server.tally.delivered)
        asked = server.tally.asked.total()
        server.script.clear()
        assert world.apply().exit_code == ExitCode.DONE  # a new run, from the store
        assert len(server.tally.delivered) - bought == server.tally.asked.total() - asked


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    world, server = _interrupted(tmp_path)
    with server:
        for path in world.project.state.glob("store.db*"):
            path.unlink()
        world.project.store.write_bytes(b"garbage" * 999)
        outcome = world.apply(resume=1)
    assert (outcome.exit_code, codes(outcome)) == (ExitCode.UNAVAILABLE, ["RF6032", "RF6021"])
    assert world.project.store.read_bytes().startswith(b"garbage")


def test_a_run_whose_record_is_damaged_is_named(tmp_path: Path) -> None:
    world, server = _interrupted(tmp_path)
    with server:
        world.folder(1).record.write_text("{")
        assert codes(world.apply(resume=1)) == ["RF6006"]


def test_a_damaged_plan_of_a_run_is_named(tmp_path: Path) -> None:
    world, server = _interrupted(tmp_path)
    with server:
        content = bytearray(world.folder(1).plan.read_bytes())
        content[len(content) // 2] ^= 1
        world.folder(1).plan.write_bytes(bytes(content))
        outcome = world.apply(resume=1)
    assert (outcome.exit_code, codes(outcome)) == (ExitCode.SPEC, ["RF5004"])


def _interrupted(folder: Path) -> tuple[World, ThreadServer]:
    """A run that a refusal stopped after a few calls, and its server, which still runs."""
    server = ThreadServer(Behaviour(SIMULATION, script=(None, None, None, *([Fault("status", status=401)] * 40))))
    server.__enter__()
    world = build_world(folder, Wish(concurrency=1), base_url=server.base_url)
    assert world.apply().status == "stopped"

    class Running(ThreadServer):
        def __enter__(self) -> ThreadServer:
            return self

    server.__class__ = Running
    return world, server


def test_state_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.project.state.write_text("a file where the folder should be")
    outcome = world.apply()
    assert (outcome.exit_code, codes(outcome)) == (ExitCode.UNAVAILABLE, ["RF6030"])


def test_an_output_that_cannot_be_written_is_said_before_the_first_call(tmp_path: Path) -> None:
    with ThreadServer(Behaviour()) as server:
        world = build_world(tmp_path, base_url=server.base_url)
        (tmp_path / "out.jsonl").mkdir()
        outcome = world.apply()
        assert outcome.exit_code == ExitCode.SPEC
        assert server.tally.asked.total() == 0


@pytest.mark.parametrize("limit", [30_000, 45_000, 60_000])
def test_a_disk_that_fills_up_stops_the_run_and_room_resumes_it(
    tmp_path: Path, limit: int, undisturbed: bytes
) -> None:
    with ThreadServer(Behaviour(SIMULATION)) as server:
        code, out, err = _run_child(str(tmp_path), server.base_url, "{}", str(limit))
        assert code == ExitCode.UNAVAILABLE, err
        assert set(out.split()) <= {"RF6030", "RF6031", "RF6032", "RF6300", "RF6021"}, out
        assert "Traceback" not in err
        assert not (tmp_path / "out.jsonl").exists()
        bought = sum(entry.state == "answered" for entry in _entries(tmp_path))
        code, out, err = _run_child(str(tmp_path), server.base_url, "{}")
        assert code == ExitCode.DONE, out + err
        kept = sum(count == 1 for count in server.tally.delivered.values())
        assert kept >= bought
    assert (tmp_path / "out.jsonl").read_bytes() == undisturbed


def _run_child(*arguments: str) -> tuple[int, str, str]:
    """`tests.execute.child`, to its end: exit code, standard output, standard error."""
    with open(os.devnull) as nothing, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        descriptors = [nothing.fileno(), out.fileno(), err.fileno()]
        process = start_warm().start(
            "tests.execute.child", arguments, cwd=ROOT, environ=os.environ, descriptors=descriptors
        )
        code = process.wait(60)
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def _entries(folder: Path) -> list[object]:
    journal = folder / ".refine" / "runs" / "0001" / "journal.db"
    return list(read_entries(journal)) if journal.exists() else []


def test_a_dataset_that_changes_while_the_run_goes_on_is_noticed(tmp_path: Path) -> None:
    class Meddler(SilentObserver):
        def start(self, run: int, header: object) -> None:
            path = tmp_path / SOURCE
            lines = path.read_text().splitlines()
            path.write_text("\n".join([*lines[:-1], json.dumps({"question": "?", "wrong": 1})]) + "\n")

    outcome = build_world(tmp_path).apply(Meddler())
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert codes(outcome)[0] in {"RF6033", "RF6035"}
    assert not (tmp_path / "out.jsonl").exists()
