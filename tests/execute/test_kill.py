"""A run that is killed or interrupted goes on as if nothing had happened: same output, same log, nothing paid twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.execute.runs import current_status, find_runs, find_unfinished
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from tests.execute.worlds import Wish, build_world
from tests.harness.openai_server import ProcessServer
from tests.harness.warm import Forked, start_warm

ROOT = Path(__file__).resolve().parents[2]
WISH = Wish(
    rows=60,
    actions=(("generate", "asia", 14, 40), ("expand", "africa", 8, 15), ("generate", "africa", 6, 20)),
    removed=9,
    concurrency=6,
)
SERVER = ("--delay", "0.02", "--success", "0.6", "--malformed", "0.2")


class Child(NamedTuple):
    process: Forked
    out: IO[str]
    error: IO[str]


def start(folder: Path, base_url: str) -> Child:
    wish = json.dumps({name: value for name, value in asdict(WISH).items() if value is not None})
    out, error = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115 - `finish` closes them
    with open(os.devnull) as nothing:
        process = start_warm().start(
            "tests.execute.child", [str(folder), base_url, wish], cwd=ROOT, environ=os.environ,
            descriptors=[nothing.fileno(), out.fileno(), error.fileno()],
        )  # fmt: skip
    return Child(process, out, error)


def finish(child: Child) -> tuple[int, list[str]]:
    code = child.process.wait(60)
    with child.out, child.error:
        child.out.seek(0)
        child.error.seek(0)
        error = child.error.read()
        assert "Traceback" not in error, error
        return code, child.out.read().split()


def wait_for(server: ProcessServer, count: int, child: Child) -> None:
    """Until the server has answered so many requests, or the child has ended."""
    deadline = time.monotonic() + 60
    while len(server.exchanges()) < count and child.process.poll() is None:
        assert time.monotonic() < deadline, "the child makes no progress"
        time.sleep(0.002)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_points_it_ends_with_the_bytes_of_an_undisturbed_run(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    log = tmp_path / "exchanges.jsonl"
    with ProcessServer(*SERVER, log=log) as server:
        assert finish(start(tmp_path / "calm", server.base_url))[0] == ExitCode.DONE
        calm = build_world(tmp_path / "calm", WISH, base_url=server.base_url)
        needed = {entry["key"] for entry in server.exchanges()}

        log.unlink()
        kills = 0
        child: Child | None = None
        while True:
            child = start(tmp_path / "rough", server.base_url)
            wait_for(server, len(server.exchanges()) + draw.randint(1, 14), child)
            time.sleep(draw.random() * 0.03)
            if child.process.poll() is not None:
                break
            child.process.send_signal(signal.SIGKILL)
            child.process.wait(30)
            child.out.close()
            child.error.close()
            kills += 1
            project = Project(tmp_path / "rough", tmp_path / "rough")
            if any(current_status(project, folder) == "complete" for folder in find_runs(project)):
                child = None  # the kill came between the end of the run and that of its process
                break
        assert child is None or finish(child)[0] == ExitCode.DONE
        rough = build_world(tmp_path / "rough", WISH, base_url=server.base_url)
        asked = Counter(entry["key"] for entry in server.exchanges())

    assert kills >= 3
    assert rough.output() == calm.output()
    assert rough.log(1) == calm.log(1)
    assert set(asked) == needed  # no call that an undisturbed run would not have made
    lost = sum(entry.state == "lost" for entry in read_entries(rough.folder(1).journal))
    assert asked.total() - len(asked) <= lost <= kills * WISH.concurrency  # bought again: only what was in flight


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_lets_running_calls_end_and_the_run_can_be_resumed(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    with ProcessServer("--delay", "0.3", log=tmp_path / "exchanges.jsonl") as server:
        child = start(tmp_path / "run", server.base_url)
        wait_for(server, 2, child)
        child.process.send_signal(sent)
        if sent == signal.SIGHUP:  # a shell and the system both tell of a terminal that is closed
            time.sleep(0.05)
            child.process.send_signal(sent)
        status, codes = finish(child)
        assert (status, codes) == (code, ["RF6020"])
        world = build_world(tmp_path / "run", WISH, base_url=server.base_url)
        entries = list(read_entries(world.folder(1).journal))
        assert {entry.state for entry in entries} == {"answered"}  # none was cut off
        assert len(entries) < 28
        assert not (tmp_path / "run" / "out.jsonl").exists()
        project = Project(tmp_path / "run", tmp_path / "run")
        assert [folder.number for folder in find_unfinished(project)] == [1]
        assert finish(start(tmp_path / "run", server.base_url))[0] == ExitCode.DONE
        counts = Counter(entry["key"] for entry in server.exchanges())
    assert set(counts.values()) == {1}


def test_without_the_cache_a_resumed_run_still_has_what_it_bought_itself(tmp_path: Path) -> None:
    with ProcessServer("--delay", "0.3", log=tmp_path / "exchanges.jsonl") as server:
        child = start(tmp_path / "run", server.base_url)
        wait_for(server, 2, child)
        child.process.send_signal(signal.SIGINT)
        assert finish(child)[0] == ExitCode.INTERRUPTED
        bought = {entry["key"] for entry in server.exchanges()}
        world = build_world(tmp_path / "run", WISH, base_url=server.base_url)
        assert world.apply(saved=True, use_cache=False).exit_code == ExitCode.DONE
        counts = Counter(entry["key"] for entry in server.exchanges())
    assert bought
    assert set(counts.values()) == {1}


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with ProcessServer("--delay", "20", log=tmp_path / "exchanges.jsonl") as server:
        child = start(tmp_path / "run", server.base_url)
        journal = tmp_path / "run" / ".refine" / "runs" / "0001" / "journal.db"
        deadline = time.monotonic() + 30
        while not (journal.exists() and len(_open(journal)) == WISH.concurrency):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert child.process.poll() is None
        child.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert finish(child) == (130, ["RF6020"])
        assert time.monotonic() - began < 15  # the calls would have taken twenty seconds more
    assert len(_open(journal)) == WISH.concurrency  # in flight when it ended: they may have been charged


def _open(journal: Path) -> list[int]:
    try:
        return [entry.id for entry in read_entries(journal) if entry.state == "open"]
    except Exception:
        return []


def test_what_a_killed_process_had_begun_to_write_is_swept_by_the_next_run(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    runs, ours = tmp_path / ".refine/runs", os.getppid()
    (runs / f".0001.{gone.pid}.tmp").mkdir(parents=True)
    (runs / f".0001.{gone.pid}.tmp/plan.refplan").write_text("half a")
    left = [tmp_path / f".refine.lock.{gone.pid}.tmp", runs / f".0001.{gone.pid}.tmp"]
    kept = [tmp_path / f".refine.lock.{ours}.tmp", tmp_path / ".notes.tmp", tmp_path / f".notes.{gone.pid}.tmp"]
    for path in (left[0], *kept):
        path.write_text("half a")
    assert world.apply().exit_code == ExitCode.DONE
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True, True]
