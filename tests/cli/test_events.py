"""What a program sees of a run: JSON Lines with times, and neither prompts nor texts nor secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl import execute
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.events import EventStream
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.execute import OperatorProgress, Progress, RunOutcome
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.artifacts.plans import make_header
from tests.execute.worlds import SOURCE, Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

KEY = "sk-planted-0123456789abcdef"


class Clock:
    """Seconds, and times of day, that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 26, 9, 30, tzinfo=UTC) + timedelta(seconds=self.seconds)


@contextmanager
def stream_to(path: Path, clock: Clock, title: str = "") -> Iterator[EventStream]:
    stream = EventStream(Settings(json_file=path), title, clock, clock.now)
    try:
        yield stream
    finally:
        stream.close()


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def at(accepted: int) -> Progress:
    author = OperatorProgress("author", accepted, 50, accepted, 0, 1, 0, 900, Decimal("0.0100"))
    return Progress((author,), 900, None, 12, 0)


def watch(world: World, path: Path, **options: Any) -> tuple[RunOutcome, list[dict[str, Any]]]:
    """Applies the plan and reads its events."""
    with stream_to(path, Clock()) as stream:
        outcome = world.apply(stream, **options)
    return outcome, read(path)


def test_events_have_their_time_and_their_run(tmp_path: Path) -> None:
    clock = Clock()
    with stream_to(tmp_path / "e.jsonl", clock, "pilot, ratings") as stream:
        stream.start(3, make_header())
        clock.seconds = 2.5
        stream.end(RunOutcome(3, "complete", ExitCode.DONE, execute_nothing()))
    started, ended = read(tmp_path / "e.jsonl")
    assert started["time"] == "2026-11-26T09:30:00.000Z"
    assert (started["run"], started["phase"]) == (3, "pilot, ratings")
    assert set(started["usd"]) == set(started["tokens"]) == {"expected", "ceiling"}
    assert ended == {
        "event": "ended", "time": "2026-11-26T09:30:02.500Z", "run": 3, "status": "complete", "exit_code": 0
    }


def execute_nothing() -> Any:
    from refinelab_dsl.diagnostics import Diagnostics

    return Diagnostics(())


def test_progress_is_told_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    clock = Clock()
    with stream_to(tmp_path / "e.jsonl", clock) as stream:
        for tenth in range(36):
            clock.seconds = tenth / 10
            stream.update(at(tenth))
    told = read(tmp_path / "e.jsonl")
    assert [event["operators"][0]["accepted"] for event in told] == [0, 10, 20, 30, 35]
    assert (told[-1]["tokens"], told[-1]["usd"], told[-1]["calls"]) == (900, None, 12)
    assert told[-1]["operators"][0]["usd"] == "0.0100"


def test_what_happens_to_calls_and_steps_is_told(tmp_path: Path) -> None:
    faults = (Fault("status", status=429, retry_after="0"), Fault("status", status=500))
    with ThreadServer(Behaviour(Simulation(success=0.6, malformed=0.2), script=faults)) as server:
        world = build_world(tmp_path / "world", Wish(concurrency=1), base_url=server.base_url)
        outcome, told = watch(world, tmp_path / "e.jsonl")
    assert outcome.status in ("complete", "partial")
    kinds = [event["event"] for event in told]
    assert (kinds[0], kinds[-1]) == ("started", "ended")
    assert kinds.count("rate_limited") == 1
    retried = [event for event in told if event["event"] == "retried"]
    assert [(event["model"], event["error"], event["tries"]) for event in retried] == [
        ("small0", "rate_limit", 1), ("small0", "server", 2),
    ]
    assert retried[0]["retry_after"] == 0
    rejected = [event for event in told if event["event"] == "rejected"]
    assert rejected
    assert all(event["check"] in ("reply", "well_formed", "fresh", "in_size") for event in rejected)
    last = [event for event in told if event["event"] == "progress"][-1]
    assert len(rejected) == sum(each["rejected"] for each in last["operators"])
    assert last["retries"] == 2
    assert last["tokens"] == sum(each["tokens"] for each in last["operators"]) > 0


def test_a_model_that_stops_is_told_with_its_reason(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(key="another")) as server:
        world = build_world(tmp_path / "world", Wish(api_key="PLANTED"), base_url=server.base_url)
        outcome, told = watch(world, tmp_path / "e.jsonl", environ={**os.environ, "PLANTED": KEY})
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    (stopped,) = [event for event in told if event["event"] == "model_stopped"]
    (said,) = [event for event in told if event["event"] == "diagnostic"]
    assert (stopped["model"], stopped["code"]) == ("small0", said["code"])
    assert told[-1]["status"] == "stopped"
    assert KEY not in (tmp_path / "e.jsonl").read_text(encoding="utf-8")


def test_a_step_without_an_answer_is_told_with_the_failure(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(chances=((Fault("status", status=503), 0.5),))) as server:
        world = build_world(tmp_path / "world", Wish(retries=0, concurrency=1), base_url=server.base_url)
        _, told = watch(world, tmp_path / "e.jsonl")
    unanswered = [event for event in told if event["event"] == "rejected" and event["failure"] is not None]
    assert unanswered
    assert {(event["check"], event["failure"]) for event in unanswered} == {(None, "server")}


def test_no_text_of_the_dataset_no_prompt_no_reply_and_no_key(tmp_path: Path) -> None:
    behaviour = Behaviour(
        Simulation(success=0.6, malformed=0.3), key=KEY, chances=((Fault("status", status=500), 0.2),)
    )
    with ThreadServer(behaviour) as server:
        world = build_world(tmp_path / "world", Wish(api_key="PLANTED"), base_url=server.base_url)
        _, told = watch(world, tmp_path / "e.jsonl", environ={**os.environ, "PLANTED": KEY})
    text = (tmp_path / "e.jsonl").read_text(encoding="utf-8")
    assert KEY not in text
    rows = [json.loads(line) for line in (world.project.base / SOURCE).read_text(encoding="utf-8").splitlines()]
    words = {word for row in rows for word in row["question"].split()[2:-1]} | {row["answer"] for row in rows}
    prompts = [message["content"] for body in server.tally.bodies for message in body["messages"]]
    assert prompts
    assert [word for word in words if word in text] == []
    assert [line for prompt in prompts for line in prompt.splitlines() if len(line) > 20 and line in text] == []
    assert len(told) > 5


def test_a_file_that_cannot_be_written_does_not_stop_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, a disk without room")
    stream = EventStream(Settings(json_file=Path("/dev/full")), "", Clock(), Clock().now)
    world = build_world(tmp_path / "world")
    assert world.apply(stream).status == "complete"
    stream.close()
    assert capsys.readouterr().err == "/dev/full: No space left on device; the run goes on, its events end here\n"


def test_a_file_that_cannot_be_opened_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(terminal.OutputRefused):
        EventStream(Settings(json_file=tmp_path / "no/e.jsonl"), "", Clock())


def test_progress_is_told_while_no_answer_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Watcher(execute.SilentObserver):
        waiting = 0

        def update(self, progress: Progress) -> None:
            self.waiting += progress.calls == 1 and any(each.running for each in progress.operators)

    monkeypatch.setattr("refinelab_dsl.execute.interpret.BEAT", 0.01)
    monkeypatch.setattr("refinelab_dsl.execute.interpret.SHOW_EVERY", 0.0)
    watcher = Watcher()
    with ThreadServer(Behaviour(latency=(0.2, 0.2))) as server:
        wish = Wish(actions=(("generate", "asia", 1, 1),), concurrency=1)
        build_world(tmp_path, wish, base_url=server.base_url).apply(watcher)
    assert watcher.waiting > 2


def test_a_resumed_run_says_what_each_operator_has_spent(tmp_path: Path) -> None:
    class Stopper(execute.SilentObserver):
        def __init__(self, after: int | None) -> None:
            self.after, self.last = after, at(0)

        def update(self, progress: Progress) -> None:
            self.last = progress
            if self.after is not None and progress.calls >= self.after:
                raise KeyboardInterrupt

    world = build_world(tmp_path, Wish(concurrency=1))
    assert world.apply(Stopper(4)).status == "interrupted"
    again = Stopper(None)
    assert world.apply(again, resume=1).status == "complete"
    assert again.last.tokens == sum(each.tokens for each in again.last.operators)
    whole = Stopper(None)
    build_world(tmp_path / "whole", Wish(concurrency=1)).apply(whole)
    assert again.last.tokens == whole.last.tokens
