"""A run at an endpoint that fails in every way that there is, and what must hold of it however it went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.execute import RunOutcome
from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.provenance import LogLine, read_log, replay, verify
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.store import Store
from tests.execute.worlds import SOURCE, Wish, World, build_world
from tests.harness.openai_server import Behaviour, Fault, Tally, ThreadServer

FAULTS: Final = (
    Fault("status", status=429), Fault("status", status=429, retry_after="0"), Fault("status", status=500),
    Fault("status", status=503, retry_after="0"), Fault("slow", seconds=0.05), Fault("hang"), Fault("reset"),
    Fault("drop"), Fault("duplicate"), Fault("doubled"), Fault("invalid_json"), Fault("not_utf8"), Fault("no_body"),
    Fault("wrong_schema"), Fault("cut"), Fault("refusal"), Fault("filtered"), Fault("empty"), Fault("blank"),
    Fault("wrong_model"), Fault("no_usage"),
)  # fmt: skip
"""All kinds but too large a usage, which stops the model and so would end the storm."""

HELD: Final = ("fresh", "in_size")


@dataclass(frozen=True)
class Storm:
    """What came of it. problems: what does not hold. asked: requests; spoilt: those that got a fault."""

    world: World
    outcome: RunOutcome
    tally: Tally
    problems: tuple[str, ...]

    @property
    def asked(self) -> int:
        return self.tally.asked.total()

    @property
    def spoilt(self) -> int:
        return self.asked - self.tally.outcomes["answered"]


def weather_storm(folder: Path, steps: int, *, share: float = 0.3, tokens: int | None = None, seed: int = 0) -> Storm:
    """A run of so many steps, each of which is begun unless the budget ends. share: of requests that get a fault, all
    kinds alike. tokens: the budget."""
    half, rest = steps // 2, steps - steps // 2
    wish = Wish(
        rows=120, actions=(("generate", "asia", half, half), ("expand", "africa", rest, rest)),
        removed=10, tokens=tokens, concurrency=32, retries=8, timeout="1", held_by=HELD,
    )  # fmt: skip
    chances = tuple((fault, share / len(FAULTS)) for fault in FAULTS)
    with ThreadServer(Behaviour(Simulation(seed=seed, success=0.7), chances=chances)) as server:
        world = build_world(folder, wish, base_url=server.base_url)
        outcome = world.apply()
        return Storm(world, outcome, server.tally, tuple(examine(world, outcome, server.tally, tokens)))


def examine(world: World, outcome: RunOutcome, tally: Tally, budget: int | None) -> list[str]:
    """What does not hold of a run that must hold of each."""
    found = [entry.event for entry in read_log(world.folder(1).log) if isinstance(entry, LogLine)]
    commits = [event for event in found if isinstance(event, events.Commit)]
    rejects = [event for event in found if isinstance(event, events.Reject)]
    ended = Counter(event.step for event in (*commits, *rejects))
    entries = list(read_entries(world.folder(1).journal))
    counted = sum(
        (entry.settled if entry.state == "answered" else entry.reserved).tokens
        for entry in entries if entry.state in ("answered", "lost")
    )
    held = [event for event in rejects if event.check in HELD]
    rows = (world.project.base / "held/out.jsonl").read_bytes().splitlines()
    checks: dict[str, Any] = {
        "a step ended twice": max(ended.values()) == 1,
        "a step did not end": outcome.status == "partial" or set(ended) == {step.id for step in world.steps},
        "a step was rejected without a reason": all(event.reason for event in rejects),
        "a call is open": {entry.state for entry in entries} <= {"answered", "failed", "lost"},
        "the run counts other tokens than its journal": outcome.head["cost"]["tokens"] == counted,
        "the endpoint may charge more than the run counts": tally.billed <= counted,
        "the budget is exceeded": budget is None or counted <= budget,
        "what was refused is not kept apart": len(rows) == len(held) == outcome.head["quarantined"] > 0,
        "the log does not verify": verify(world.project.base / "out.prov.jsonl", world.project).diagnostics == (),
        "the output is not what was accepted": len(world.output().splitlines()) == (
            world.header.size_now - outcome.head["removed"] + len(commits)
        ),
    }
    with Store(world.project.store) as store:
        again = replay(world.folder(1).path, world.project, store, source=(SOURCE,), into=world.project.base / "again")
    checks["a replay differs"] = again.diagnostics == ()
    return [problem for problem, holds in checks.items() if not holds]
