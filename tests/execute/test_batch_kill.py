"""A batched run that is killed or interrupted takes what is with the provider: nothing is bought twice."""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.execute.runs import current_status, find_runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving.batches import BatchBehaviour, BatchFault
from tests.execute.worlds import Wish, World, build_world
from tests.harness.openai_server import Behaviour, ThreadServer
from tests.harness.warm import Forked, start_warm

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"actions": [["generate", "asia", 6, 14], ["expand", "africa", 4, 9]], "batch": True}
WISH = Wish(actions=(("generate", "asia", 6, 14), ("expand", "africa", 4, 9)), batch=True)
MOST_KILLS = 3


class Child(NamedTuple):
    process: Forked
    out: IO[str]
    error: IO[str]


class Bench:
    """A server that outlives the runs, and runs in processes that can be killed."""

    def __init__(self, folder: Path, batches: BatchBehaviour) -> None:
        self.folder = folder
        self.server = ThreadServer(Behaviour(Simulation(success=0.7, malformed=0.2), batches=batches))

    def start(self, name: str) -> Child:
        out, error = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115 - `finish` closes them
        with open(os.devnull) as nothing:
            process = start_warm().start(
                "tests.execute.child", [str(self.folder / name), self.server.base_url, json.dumps(SETTINGS)], cwd=ROOT,
                environ=os.environ, descriptors=[nothing.fileno(), out.fileno(), error.fileno()],
            )  # fmt: skip
        return Child(process, out, error)

    def finish(self, child: Child) -> tuple[int, list[str]]:
        code = child.process.wait(60)
        with child.out, child.error:
            child.out.seek(0)
            child.error.seek(0)
            error = child.error.read()
            assert "Traceback" not in error, error
            return code, child.out.read().split()

    def kill(self, child: Child) -> None:
        child.process.send_signal(signal.SIGKILL)
        child.process.wait(30)
        child.out.close()
        child.error.close()

    def outcomes(self) -> Counter[str]:
        return self.server.tally.outcomes.copy()

    def wait_for(self, outcome: str, count: int, child: Child) -> None:
        deadline = time.monotonic() + 60
        while self.outcomes()[outcome] < count and child.process.poll() is None:
            assert time.monotonic() < deadline, "the child makes no progress"
            time.sleep(0.002)

    def world(self, name: str) -> World:
        return build_world(self.folder / name, WISH, base_url=self.server.base_url)


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench whose server treats batches as the test says."""
    bench = Bench(tmp_path, getattr(request, "param", BatchBehaviour()))
    with bench.server:
        yield bench


def test_killed_at_random_points_it_buys_nothing_twice(bench: Bench) -> None:
    assert bench.finish(bench.start("calm"))[0] == ExitCode.DONE
    calm = bench.world("calm")
    needed = set(bench.server.tally.delivered)
    draw, kills = random.Random(5), 0
    while kills < MOST_KILLS:
        child, seen = bench.start("rough"), bench.outcomes().total()
        more, deadline = draw.randint(2, 16), time.monotonic() + 60
        while bench.outcomes().total() < seen + more and child.process.poll() is None:
            assert time.monotonic() < deadline, "the child makes no progress"
            time.sleep(0.002)
        time.sleep(draw.random() * 0.03)
        if child.process.poll() is not None:
            break
        bench.kill(child)
        kills += 1
    project = Project(bench.folder / "rough", bench.folder / "rough")
    if not any(current_status(project, folder) == "complete" for folder in find_runs(project)):
        assert bench.finish(bench.start("rough"))[0] == ExitCode.DONE
    rough = bench.world("rough")

    assert kills >= 2
    assert rough.output() == calm.output()
    assert rough.log(1) == calm.log(1)
    assert bench.server.tally.delivered == dict.fromkeys(needed, 2)  # once by each of the runs
    assert {entry.state for entry in read_entries(rough.folder(1).journal)} <= {"answered", "failed"}  # nothing lost


@pytest.mark.parametrize(
    ("bench", "outcome"),
    [
        (BatchBehaviour(script=[BatchFault("lost_id")]), "made"),
        (BatchBehaviour(script=[BatchFault("unmade")]), "unmade"),
    ],
    indirect=["bench"],
)
def test_killed_before_the_id_arrives_the_batch_is_found_or_made_again(bench: Bench, outcome: str) -> None:
    child = bench.start("run")
    bench.wait_for(outcome, 1, child)
    bench.kill(child)
    assert bench.finish(bench.start("run"))[0] == ExitCode.DONE

    assert set(bench.server.tally.delivered.values()) == {1}
    assert bench.outcomes()["deleted"] == (outcome == "unmade")  # so that nothing can start from that file
    states = {entry.state for entry in read_entries(bench.world("run").folder(1).journal)}
    assert states == ({"answered"} if outcome == "made" else {"answered", "failed"})


@pytest.mark.parametrize("bench", [BatchBehaviour(polls=10**6)], indirect=True)
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_batch_running_and_says_so(bench: Bench, sent: signal.Signals, code: int) -> None:
    child = bench.start("run")
    bench.wait_for("polled", 2, child)
    child.process.send_signal(sent)
    assert bench.finish(child) == (code, ["RF6073", "RF6020"])

    before = bench.outcomes()["polled"]
    child = bench.start("run")
    bench.wait_for("polled", before + 2, child)
    child.process.send_signal(sent)
    assert bench.finish(child) == (code, ["RF6073", "RF6020"])
    assert bench.outcomes()["made"] == 1  # the second process waited for the same batch
    assert {entry.state for entry in read_entries(bench.world("run").folder(1).journal)} == {"open"}
