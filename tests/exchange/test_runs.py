"""Runs whose calls are made by workers: the same bytes, the same exit codes, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import asdict, replace
from pathlib import Path

from refinelab_dsl.execute import RunOutcome
from refinelab_dsl.execute.journal import Entry, read_entries
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.exchange.processes import find_workers, is_running, needs_proc, wait_until
from tests.execute.worlds import Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, ProcessServer, ThreadServer
from tests.harness.warm import start_warm

ROOT = Path(__file__).resolve().parents[2]
WISH = Wish(rows=30, actions=(("generate", "asia", 8, 20), ("expand", "africa", 4, 10)), concurrency=6)
SIMULATION = Simulation(success=0.7, malformed=0.2)


def test_output_and_log_are_those_of_a_run_without_workers(tmp_path: Path) -> None:
    chances = ((Fault("status", status=503), 0.15), (Fault("drop"), 0.1), (Fault("reset"), 0.1))
    with ThreadServer(Behaviour(SIMULATION, chances=chances)) as server:
        wish = replace(WISH, retries=12)
        worlds = [build_world(tmp_path / name, wish, base_url=server.base_url) for name in ("without", "with")]
        for world, workers in zip(worlds, (0, 2), strict=True):
            outcome = world.apply(workers=workers)
            assert outcome.exit_code == ExitCode.DONE, outcome.diagnostics
    without, other = worlds
    assert other.output() == without.output()
    assert other.log(1) == without.log(1)
    assert count(other, "failed") > 0
    assert count(other, "lost") > 0


@needs_proc
def test_a_worker_that_is_killed_costs_its_calls_alone(tmp_path: Path) -> None:
    """The run goes on; what was in flight is counted as spent, and asked again."""
    with ThreadServer(Behaviour(SIMULATION, latency=(0.1, 0.1))) as server:
        calm = build_world(tmp_path / "calm", WISH, base_url=server.base_url)
        assert calm.apply().exit_code == ExitCode.DONE
        before = server.tally.asked.total()
        rough = build_world(tmp_path / "rough", WISH, base_url=server.base_url)
        outcomes: list[RunOutcome] = []
        run = threading.Thread(target=lambda: outcomes.append(rough.apply(workers=1)))
        run.start()
        wait_until(lambda: server.tally.asked.total() > before + 2 and server.tally.running)
        (pid,) = find_workers(os.getpid())
        os.kill(pid, signal.SIGKILL)
        run.join(60)
    assert [outcome.exit_code for outcome in outcomes] == [ExitCode.DONE]
    assert rough.output() == calm.output()
    assert rough.log(1) == calm.log(1)
    lost = [entry for entry in read_entries(rough.folder(1).journal) if entry.state == "lost"]
    assert 1 <= len(lost) <= WISH.concurrency
    charged = [outcomes[0].head["cost"]["tokens"], sum(entry.settled.tokens for entry in done(rough))]
    assert charged[0] == charged[1] + sum(entry.reserved.tokens for entry in lost)
    assert find_workers(os.getpid()) == []


@needs_proc
def test_a_run_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    wish = json.dumps({name: value for name, value in asdict(WISH).items() if value is not None})
    with ProcessServer("--delay", "0.1", log=tmp_path / "exchanges.jsonl") as server, open(os.devnull, "r+") as nothing:
        child = start_warm().start(
            "tests.execute.child", [str(tmp_path / "run"), server.base_url, wish, "", "2"], cwd=ROOT,
            environ=os.environ, descriptors=[nothing.fileno()] * 3,
        )  # fmt: skip
        wait_until(server.exchanges)
        workers = find_workers(child.pid)
        assert len(workers) == 2
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        wait_until(lambda: not any(map(is_running, workers)))
        world = build_world(tmp_path / "run", WISH, base_url=server.base_url)
        assert world.apply(resume=1, workers=1).exit_code == ExitCode.DONE


def test_a_key_that_is_refused_stops_the_run(tmp_path: Path) -> None:
    wish = replace(WISH, api_key="TEST_KEY")
    with ThreadServer(Behaviour(SIMULATION, key="sk-right-0123456789")) as server:
        world = build_world(tmp_path, wish, base_url=server.base_url)
        wrong = world.apply(environ={"TEST_KEY": "sk-wrong-0123456789"}, workers=1)
        assert (wrong.exit_code, next(each.code for each in wrong.diagnostics)) == (ExitCode.UNAVAILABLE, "RF6012")
        right = world.apply(environ={"TEST_KEY": "sk-right-0123456789"}, workers=1, resume=1)
        assert right.exit_code == ExitCode.DONE


def done(world: World) -> list[Entry]:
    return [entry for entry in read_entries(world.folder(1).journal) if entry.state == "answered"]


def count(world: World, state: str) -> int:
    return sum(entry.state == state for entry in read_entries(world.folder(1).journal))
