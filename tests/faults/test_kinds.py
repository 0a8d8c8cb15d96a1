"""Each thing that can go wrong with a reply, over the real SDK and HTTP, and what a run makes of it: tried again,
rejected with a reason, taken as it is, or the model is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.execute import RunOutcome
from refinelab_dsl.execute.journal import Entry, read_entries
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.provenance import LogLine, read_log, verify
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving import FaultKind
from tests.execute.worlds import Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, Recording, ThreadServer

SIMULATION = Simulation(success=1.0)
COUNT = 6
WISH = Wish(rows=12, actions=(("generate", "asia", COUNT, 12),), removed=2, concurrency=1, retries=3)


@dataclass(frozen=True)
class Day:
    """A run beside an endpoint, and what it left behind."""

    world: World
    outcome: RunOutcome
    tally: Recording

    @property
    def codes(self) -> list[str]:
        return [diagnostic.code for diagnostic in self.outcome.diagnostics]

    @property
    def entries(self) -> list[Entry]:
        return list(read_entries(self.world.folder(1).journal))

    def count(self, state: str) -> int:
        return sum(entry.state == state for entry in self.entries)

    @property
    def reasons(self) -> list[str]:
        """Why replies were rejected."""
        return [
            event.reason for event in self.events(events.Verdict)
            if event.check == "reply" and not event.accept
        ]

    def events(self, kind: type[Any]) -> list[Any]:
        found = [entry.event for entry in read_log(self.world.folder(1).log) if isinstance(entry, LogLine)]
        return [event for event in found if isinstance(event, kind)]


def spend_day(
    folder: Path, script: Sequence[Fault | None] = (), chances: Sequence[tuple[Fault, float]] = (), wish: Wish = WISH
) -> Day:
    with ThreadServer(Behaviour(SIMULATION, script=script, chances=chances)) as server:
        world = build_world(folder, wish, base_url=server.base_url)
        return Day(world, world.apply(), server.tally)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Day:
    day = spend_day(tmp_path_factory.mktemp("good"))
    assert (day.outcome.exit_code, day.codes) == (ExitCode.DONE, [])
    return day


@pytest.mark.parametrize(
    ("fault", "lost"),
    [
        # What never was an answer costs nothing; what may have been one keeps its claim.
        (Fault("status", status=429), False),
        (Fault("status", status=429, retry_after="0"), False),
        (Fault("status", status=429, retry_after="0.05"), False),
        (Fault("status", status=500), False),
        (Fault("status", status=502), False),
        (Fault("status", status=503, retry_after="0"), False),
        (Fault("reset"), True),
        (Fault("hang"), True),
        (Fault("slow", seconds=3.0), True),
        (Fault("drop"), True),
        (Fault("invalid_json"), True),
        (Fault("not_utf8"), True),
        (Fault("no_body"), True),
        (Fault("doubled"), True),
        (Fault("empty"), True),
    ],
    ids=lambda value: f"{value.kind}-{value.status}-{value.retry_after}" if isinstance(value, Fault) else "",
)
def test_what_a_further_try_mends_is_tried_again(tmp_path: Path, good: Day, fault: Fault, lost: bool) -> None:
    wish = replace(WISH, timeout="1") if fault.kind in ("hang", "slow") else WISH
    day = spend_day(tmp_path, script=(None, fault, fault), wish=wish)
    assert (day.outcome.exit_code, day.codes) == (ExitCode.DONE, [])
    assert day.world.output() == good.world.output()
    assert day.tally.asked.total() == good.tally.asked.total() + 2
    assert max(day.tally.asked.values()) == 3
    assert day.count("lost" if lost else "failed") == 2
    claims = sum(entry.reserved.tokens for entry in day.entries if entry.state == "lost")
    assert day.outcome.head["cost"]["tokens"] == good.outcome.head["cost"]["tokens"] + claims
    assert (claims > 0) is lost


@pytest.mark.parametrize(
    "fault",
    [Fault("slow", seconds=0.02), Fault("duplicate"), Fault("wrong_model", model="rule0-2026-01-01")],
    ids=lambda fault: fault.kind,
)
def test_what_is_no_fault_for_a_run_leaves_no_trace(tmp_path: Path, good: Day, fault: Fault) -> None:
    """A second answer that nobody asked for is not taken for that of the next call."""
    day = spend_day(tmp_path, chances=((fault, 1.0),))
    assert (day.outcome.exit_code, day.codes) == (ExitCode.DONE, [])
    assert day.world.output() == good.world.output()
    assert day.tally.asked == good.tally.asked
    assert day.outcome.head["cost"] == good.outcome.head["cost"]


@pytest.mark.parametrize(
    ("fault", "asked", "reason"),
    [
        (Fault("wrong_schema"), 2, "Object missing required field `question`"),
        (Fault("blank"), 2, "the reply is empty"),
        (Fault("cut"), 2, "the reply was cut off at its limit of 300 tokens"),
        (Fault("refusal"), 1, "the model declines to answer"),
        (Fault("filtered"), 1, "a filter of the endpoint withheld the reply"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_replies_that_hold_no_item_are_rejected_with_a_reason(
    tmp_path: Path, fault: Fault, asked: int, reason: str
) -> None:
    """asked: calls of an attempt. A reply that cannot be read is repaired once; who declines is not asked again."""
    day = spend_day(tmp_path, chances=((fault, 1.0),))
    assert (day.outcome.status, day.outcome.exit_code) == ("complete", ExitCode.INCOMPLETE)
    assert day.outcome.head["rejected"] == {"reply": 12}
    assert set(day.reasons) == {reason}
    assert day.tally.asked.total() == day.count("answered") == 12 * asked
    assert verify(day.world.folder(1).log, day.world.project).diagnostics == ()


@pytest.mark.parametrize("kind", ["wrong_schema", "blank", "cut"])
def test_a_repair_mends_a_single_bad_reply(tmp_path: Path, good: Day, kind: FaultKind) -> None:
    day = spend_day(tmp_path, script=(None, Fault(kind)))
    assert (day.outcome.exit_code, day.codes) == (ExitCode.DONE, [])
    assert day.outcome.head["rejected"] == {}
    assert day.tally.asked.total() == COUNT + 1
    assert "This reply cannot be used" in day.tally.bodies[2]["messages"][-1]["content"]
    assert len(day.world.output().splitlines()) == len(good.world.output().splitlines())


def test_usage_that_is_missing_counts_as_the_most_that_the_call_could_take(tmp_path: Path, good: Day) -> None:
    day = spend_day(tmp_path, chances=((Fault("no_usage"), 1.0),))
    assert day.outcome.exit_code == ExitCode.DONE
    assert day.world.output() == good.world.output()
    reserved = sum(entry.reserved.tokens for entry in day.entries)
    assert day.outcome.head["cost"]["tokens"] == reserved > good.outcome.head["cost"]["tokens"]


def test_usage_that_is_too_large_stops_the_model(tmp_path: Path) -> None:
    day = spend_day(tmp_path, script=(None, None, Fault("large_usage", factor=1_000)))
    assert (day.outcome.status, day.outcome.exit_code) == ("stopped", ExitCode.UNAVAILABLE)
    assert day.codes == ["RF6011", "RF6021"]
    assert day.tally.asked.total() == 3


def test_replies_of_another_model_count_and_are_told(tmp_path: Path, good: Day) -> None:
    day = spend_day(tmp_path, chances=((Fault("wrong_model", model="cheap-one"), 0.5),))
    assert (day.outcome.exit_code, day.codes) == (ExitCode.DONE, ["RF6023"])
    assert "`cheap-one`" in day.outcome.diagnostics[0].message
    assert day.world.output() == good.world.output()
    assert {event.model_id for event in day.events(events.Call)} == {"rule0", "cheap-one"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("status", status=401), "RF6012"),
        (Fault("status", status=403), "RF6012"),
        (Fault("status", status=404, code="model_not_found"), "RF6012"),
        (Fault("status", status=429, code="insufficient_quota"), "RF6012"),
    ],
    ids=lambda value: f"{value.status}-{value.code}" if isinstance(value, Fault) else "",
)
def test_a_refusal_of_every_call_stops_the_model(tmp_path: Path, good: Day, fault: Fault, code: str) -> None:
    with ThreadServer(Behaviour(SIMULATION, script=(None, *[fault] * 20))) as server:
        world = build_world(tmp_path, WISH, base_url=server.base_url)
        day = Day(world, world.apply(), server.tally)
        assert (day.outcome.status, day.outcome.exit_code) == ("stopped", ExitCode.UNAVAILABLE)
        assert day.codes == [code, "RF6021"]
        assert server.tally.asked.total() == 2
        server.script.clear()
        assert world.apply(resume=1).exit_code == ExitCode.DONE
    assert world.output() == good.world.output()
    assert max(server.tally.delivered.values()) == 1


@pytest.mark.parametrize("kind", ["hang", "drop", "reset"])
def test_a_model_that_never_answers_is_given_up_and_its_claims_are_kept(
    tmp_path: Path, good: Day, kind: FaultKind
) -> None:
    wish = replace(WISH, concurrency=2, retries=1, timeout="0.5" if kind == "hang" else "20")
    with ThreadServer(Behaviour(SIMULATION, script=[Fault(kind)] * 99)) as server:
        world = build_world(tmp_path, wish, base_url=server.base_url)
        day = Day(world, world.apply(), server.tally)
        assert day.outcome.exit_code == ExitCode.UNAVAILABLE
        assert day.codes == ["RF6013", "RF6021"]
        assert day.tally.delivered.total() == day.count("answered") == 0
        server.script.clear()
        resumed = world.apply(resume=1)
    claims = [entry.reserved.tokens for entry in day.entries if entry.state == "lost"]
    assert len(claims) >= 3
    assert resumed.exit_code == ExitCode.DONE
    assert world.output() == good.world.output()
    assert resumed.head["cost"]["tokens"] == good.outcome.head["cost"]["tokens"] + sum(claims)
