"""Models that are asked by batches: the same bytes at the batch's price, whatever becomes of the batches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.declarations import Price
from refinelab_dsl.execute import RunOutcome
from refinelab_dsl.execute.batcher import split_file
from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.execute.observe import BatchMoved, Event, SilentObserver
from refinelab_dsl.execute.runs import find_unfinished
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.batches import TOKEN
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving.batches import BatchBehaviour, BatchFault
from tests.execute.worlds import Wish, World, build_world
from tests.harness.openai_server import Behaviour, ThreadServer

SIMULATION = Simulation(success=0.85, malformed=0.2)
PRICE = Price(input=Decimal("0.000001"), output=Decimal("0.000004"))
PLAIN = Wish(actions=(("generate", "asia", 4, 9), ("expand", "africa", 2, 5)), price=PRICE)
WISH = replace(PLAIN, batch=True)
COUNT = 6  # attempts that are certain at the start: the counts of both actions


class Seen(SilentObserver):
    """What a run tells of its batches."""

    def __init__(self) -> None:
        self.batches: list[BatchMoved] = []

    def note(self, event: Event) -> None:
        if isinstance(event, BatchMoved):
            self.batches.append(event)


class Served:
    """One run against a server of its own; every server answers a request in the same way."""

    def __init__(self, folder: Path, batches: BatchBehaviour | None, wish: Wish = WISH, **behaviour: object) -> None:
        with ThreadServer(Behaviour(SIMULATION, batches=batches, **behaviour)) as server:  # type: ignore[arg-type]
            self.world = build_world(folder, wish, base_url=server.base_url)
            self.seen = Seen()
            self.outcome = self.world.apply(observer=self.seen)
            self.tally = server.tally
            self.desk = server.server.desk

    @property
    def sizes(self) -> list[int]:
        assert self.desk is not None
        return self.desk.sizes

    @property
    def usd(self) -> Decimal:
        return Decimal(self.outcome.head["cost"]["usd"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The same plan, asked call by call."""
    return Served(tmp_path_factory.mktemp("plain"), None, PLAIN)


def codes(outcome: RunOutcome) -> list[str]:
    return [diagnostic.code for diagnostic in outcome.diagnostics]


def told(world: World, run: int = 1) -> list[str]:
    """The log, without what differs by the price and by the server's port: hashes, sums and addresses."""
    found = []
    for line in world.log(run).splitlines():
        event = json.loads(line)
        for name in ("prev", "root", "usd", "usd_expected", "usd_ceiling", "plan_id", "request", "reply", "models"):
            event.pop(name, None)
        found.append(json.dumps(event))
    return found


def test_a_batched_run_gives_the_same_rows_and_events_at_half_the_price(tmp_path: Path, plain: Served) -> None:
    run = Served(tmp_path, BatchBehaviour())

    assert (run.outcome.exit_code, codes(run.outcome)) == (ExitCode.DONE, [])
    assert run.world.output() == plain.world.output()
    assert told(run.world) == told(plain.world)
    assert run.usd * 2 == plain.usd > 0
    assert run.outcome.head["cost"]["tokens"] == plain.outcome.head["cost"]["tokens"]
    logged = [json.loads(line) for line in run.world.log(1).splitlines()]
    assert sum(Decimal(event["usd"]) for event in logged if event["event"] == "call") == run.usd
    assert run.sizes[0] == COUNT
    assert sum(run.sizes) == sum(run.tally.delivered.values())

    assert run.desk is not None
    first = next(iter(run.desk.batches.values()))
    lines = [json.loads(line) for line in run.desk.files[first["input_file_id"]].splitlines()]
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}
    keys = {entry.request_key for entry in read_entries(run.world.folder(1).journal)}
    assert {line["custom_id"] for line in lines} <= keys
    assert set(first["metadata"]) == {"refinec_run", "refinec_plan", "refinec_file", TOKEN}


FREE = (
    BatchFault("expire", share=0.0), BatchFault("status", share=1.0), BatchFault("status", share=1.0, status=429),
    BatchFault("status", share=1.0, message="half \ud83d of a character"), BatchFault("late", share=0.5),
    BatchFault("refused_id", share=0.5), BatchFault("dropped_id", share=0.5), BatchFault("duplicate"),
    BatchFault("garbage"), BatchFault("expire"),
)  # fmt: skip
PERHAPS_CHARGED = (BatchFault("missing"), BatchFault("broken", share=1.0))


@pytest.mark.parametrize("faults", [FREE, PERHAPS_CHARGED])
def test_what_goes_wrong_with_a_batch_is_asked_again_and_changes_no_byte(
    tmp_path: Path, plain: Served, faults: Sequence[BatchFault]
) -> None:
    run = Served(tmp_path, BatchBehaviour(script=faults), replace(WISH, retries=9))

    assert (run.outcome.exit_code, codes(run.outcome)) == (ExitCode.DONE, [])
    assert len(run.sizes) > 5 or faults is PERHAPS_CHARGED
    assert run.world.output() == plain.world.output()
    assert told(run.world) == told(plain.world)
    if faults is FREE:
        assert run.usd * 2 == plain.usd
        assert set(run.tally.delivered.values()) == {1}  # nothing was bought twice
    else:  # the claims of what may have been charged count as spent
        assert run.usd * 2 > plain.usd


def test_a_batch_whose_answers_are_gone_is_not_bought_again_before_somebody_resumes(
    tmp_path: Path, plain: Served
) -> None:
    gone = BatchBehaviour(script=[BatchFault("too_late")])
    with ThreadServer(Behaviour(SIMULATION, batches=gone)) as server:
        world = build_world(tmp_path, replace(WISH, retries=2), base_url=server.base_url)
        stopped = world.apply()
        assert (stopped.exit_code, codes(stopped)) == (ExitCode.UNAVAILABLE, ["RF6070", "RF6021"])
        [name] = server.server.desk.batches if server.server.desk is not None else []
        assert name in stopped.diagnostics[0].notes[0]
        assert {entry.state for entry in read_entries(world.folder(1).journal)} == {"open"}

        assert set(server.tally.delivered.values()) == {1}

        assert world.apply(resume=1).exit_code == ExitCode.DONE
        assert max(server.tally.delivered.values()) == 2
    assert world.output() == plain.world.output()
    assert told(world) == told(plain.world)


def test_an_endpoint_whose_batches_expire_each_time_is_taken_to_be_down(tmp_path: Path) -> None:
    never = [BatchFault("expire", share=0.0)] * 3
    run = Served(tmp_path, BatchBehaviour(script=never), replace(WISH, retries=2))

    assert (run.outcome.exit_code, codes(run.outcome)) == (ExitCode.UNAVAILABLE, ["RF6013", "RF6021"])
    states = Counter((entry.state, entry.failure) for entry in read_entries(run.world.folder(1).journal))
    assert states == {("failed", "expired"): 3 * COUNT}  # nothing of it counts as spent


@pytest.mark.parametrize(
    ("fault", "code"), [(BatchFault("fail"), "RF6071"), (BatchFault("cancel"), "RF6072")]
)
def test_a_batch_that_is_refused_or_cancelled_stops_the_run_which_then_goes_on(
    tmp_path: Path, plain: Served, fault: BatchFault, code: str
) -> None:
    with ThreadServer(Behaviour(SIMULATION, batches=BatchBehaviour(script=[fault]))) as server:
        world = build_world(tmp_path, WISH, base_url=server.base_url)
        stopped = world.apply()
        assert (stopped.exit_code, codes(stopped)) == (ExitCode.UNAVAILABLE, [code, "RF6021"])
        entries = list(read_entries(world.folder(1).journal))
        kept = sum(server.tally.delivered.values())
        states = Counter(entry.state for entry in entries)
        assert (states["answered"], states["open"]) == (kept, COUNT - kept)

        assert world.apply(resume=1).exit_code == ExitCode.DONE
        assert max(server.tally.delivered.values()) == 1

    assert world.output() == plain.world.output()
    assert told(world) == told(plain.world)


def test_a_queue_that_is_full_is_asked_in_smaller_batches_and_waited_for(tmp_path: Path, plain: Served) -> None:
    whole = Served(tmp_path / "whole", BatchBehaviour())
    assert whole.desk is not None
    files = [whole.desk.files[batch["input_file_id"]] for batch in whole.desk.batches.values()]
    largest = max(len(line) for file in files for line in file.splitlines())
    run = Served(tmp_path / "full", BatchBehaviour(queue=2 * (largest // 4 + 1)))

    assert (run.outcome.exit_code, codes(run.outcome)) == (ExitCode.DONE, [])
    assert run.desk is not None
    ended = {"completed": "completed", "failed": "full"}
    assert {each.batch: each.status for each in run.seen.batches} == {
        name: ended[batch["status"]] for name, batch in run.desk.batches.items()
    }
    refused = [batch for batch in run.desk.batches.values() if batch["status"] == "failed"]
    assert refused
    assert all(batch["errors"]["data"][0]["code"] == "token_limit_exceeded" for batch in refused)
    assert run.sizes[:3] == [COUNT, COUNT // 2, (COUNT // 2 + 1) // 2]
    assert run.world.output() == plain.world.output()
    assert told(run.world) == told(plain.world)
    assert run.usd * 2 == plain.usd
    assert set(run.tally.delivered.values()) == {1}


def test_a_queue_that_never_has_room_ends_the_run_which_then_goes_on(
    tmp_path: Path, plain: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refinelab_dsl.execute.batcher.PATIENCE", 0.05)
    with ThreadServer(Behaviour(SIMULATION, batches=BatchBehaviour(queue=1))) as server:
        world = build_world(tmp_path, WISH, base_url=server.base_url)
        stopped = world.apply()
        assert (stopped.exit_code, codes(stopped)) == (ExitCode.UNAVAILABLE, ["RF6071", "RF6021"])
        assert not server.tally.delivered
        assert server.server.desk is not None
        server.server.desk.behaviour = BatchBehaviour()
        assert world.apply(resume=1).exit_code == ExitCode.DONE
    assert told(world) == told(plain.world)


def test_a_file_is_split_at_what_a_provider_takes() -> None:
    lines = [(number, b"x" * size) for number, size in enumerate([3, 3, 3, 9, 1, 1, 1])]
    assert [[number for number, _ in part] for part in split_file(lines, 3, 9)] == [[0, 1, 2], [3], [4, 5, 6]]
    assert [[number for number, _ in part] for part in split_file(lines, 2, 7)] == [[0, 1], [2], [3], [4, 5], [6]]
    assert list(split_file([], 2)) == []


def test_an_endpoint_without_batches_is_said_to_be_one(tmp_path: Path) -> None:
    run = Served(tmp_path, None)

    assert run.outcome.exit_code == ExitCode.UNAVAILABLE
    assert codes(run.outcome) == ["RF6070", "RF6021"]
    assert "batch = true" in run.outcome.diagnostics[0].help[0].message
    assert not run.tally.delivered


def test_an_endpoint_that_takes_no_schema_is_asked_in_other_words(tmp_path: Path, plain: Served) -> None:
    refuse = frozenset({"json_schema", "max_completion_tokens"})
    run = Served(tmp_path, BatchBehaviour(), refuse=refuse)

    assert run.outcome.exit_code == ExitCode.DONE
    assert run.sizes[:3] == [COUNT] * 3  # once for each wording that it refused
    assert run.world.output() == plain.world.output()


@pytest.mark.parametrize(("tokens", "code"), [(35_000, ExitCode.DONE), (12_000, ExitCode.BUDGET)])
def test_a_batch_is_only_as_large_as_the_budget(tmp_path: Path, tokens: int, code: ExitCode) -> None:
    calls = Served(tmp_path / "calls", None, replace(PLAIN, tokens=tokens))
    run = Served(tmp_path / "batch", BatchBehaviour(), replace(WISH, tokens=tokens))

    assert calls.outcome.exit_code == run.outcome.exit_code == code
    assert run.world.output() == calls.world.output()
    assert told(run.world) == told(calls.world)
    assert 0 < run.sizes[0] < COUNT
    spent = sum(entry.settled.tokens for entry in read_entries(run.world.folder(1).journal))
    assert spent == run.outcome.head["cost"]["tokens"] <= tokens


def test_an_endpoint_that_reports_too_much_stops_the_model(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(SIMULATION, batches=BatchBehaviour())) as server:
        honest = server.server._answer_line

        def inflated(body: dict[str, object]) -> tuple[int, dict[str, object], str]:
            status, reply, request_id = honest(body)
            return status, {**reply, "usage": {"prompt_tokens": 10**6, "completion_tokens": 1}}, request_id

        assert server.server.desk is not None
        server.server.desk._answer = inflated  # type: ignore[assignment]
        world = build_world(tmp_path, WISH, base_url=server.base_url)
        outcome = world.apply()

    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert codes(outcome)[0] == "RF6011"
    assert find_unfinished(world.project)


def test_several_models_have_batches_of_their_own(tmp_path: Path) -> None:
    plain = Served(tmp_path / "plain", None, replace(PLAIN, models=2))
    run = Served(tmp_path / "batch", BatchBehaviour(), replace(WISH, models=2))

    assert run.outcome.exit_code == ExitCode.DONE
    assert run.sizes[:2] == [2, 4]
    assert run.world.output() == plain.world.output()


def test_the_second_run_buys_nothing(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(SIMULATION, batches=BatchBehaviour())) as server:
        world = build_world(tmp_path, WISH, base_url=server.base_url)
        assert world.apply().exit_code == ExitCode.DONE
        assert server.server.desk is not None
        made = len(server.server.desk.batches)
        again = world.apply()
        assert len(server.server.desk.batches) == made

    assert again.exit_code == ExitCode.DONE
    assert world.log(2) == world.log(1)


