"""What a run's log teaches: driven through the runtime with the simulated model, read from the log alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl import compiler, execute
from refinelab_dsl.artifacts.evidence import NAME, NO_EVIDENCE, AnyRecord, Label, Rate, Rating, Value, dump_evidence
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.harvest import harvest
from refinelab_dsl.execute.observe import RunOptions
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import find_project

SPEC = """edition = 1
seed = 4
dataset quiz { task = qa, source = "items.jsonl", fields = { area = column("area"), level = column("level") } }
model small { provider = simulated, price = { input = $1 / 1M, output = $2 / 1M, as_of = "2026-11-01" } }
operator drop { kind = remove }
pilot { items = 6, budget = $1.00 }
budget { tokens = 400k }
output refined { path = "out/refined.jsonl" }
"""
FIELD = """measure field { kind = classify, model = small, labels = [algebra, geometry] }
dimension topic { from = field, target = uniform() }
"""
FOUND = FIELD.replace("[algebra, geometry]", "discover(4)")
RATING = """measure rating { kind = elo, model = small, seeds = bootstrap(4), neighbours = 3 }
dimension difficulty { from = rating, bands = { easy = below(1500), hard = above(1500) }, target = uniform() }
"""
AUTHOR = """operator author { kind = generate, model = small, moves = { area = any }, checks = [well_formed, sound] }
measure area { kind = column, column = area }
dimension area { from = area }
validator well_formed { kind = format }
validator sound { kind = pot, model = small }
"""
VERDICT = """validator sound { kind = pot, model = small }
measure truth { kind = verdict, validator = sound }
dimension truth { from = truth, target = { supported = 100%, refuted = 0%, unknown = 0% } }
"""


class Learnt:
    """A project whose spec is piloted phase by phase."""

    def __init__(self, folder: Path, *parts: str) -> None:
        self.spec = folder / "quiz.refine"
        self.spec.write_text(SPEC + "".join(parts), encoding="utf-8")
        rows = [
            {"question": f"What is {number} + {number}?", "answer": str(2 * number), "area": "algebra" if number % 2
             else "geometry", "level": "hard" if number % 2 else "easy"}
            for number in range(10)
        ]  # fmt: skip
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (folder / ".refine").mkdir()
        self.project = find_project(folder)
        self.folder = folder
        self.evidence = NO_EVIDENCE

    def run_phase(self) -> tuple[AnyRecord, ...]:
        """What the next phase teaches; it is evidence then."""
        piloted = compiler.pilot(self.spec, destination=self.folder / "pilot.refplan")
        assert piloted.plan is not None, [each.message for each in piloted.diagnostics]
        program = piloted.analysis.program
        assert program is not None
        options = RunOptions(source=program.dataset.source)
        result = execute.run(piloted.plan.path, self.project, options)
        assert result.exit_code == ExitCode.DONE, [each.message for each in result.diagnostics]
        assert result.run is not None
        folder = runs.find_run(self.project, result.run)
        assert folder is not None
        self.log = folder.log
        self.plan, _ = PlanFile.open(folder.plan)
        assert self.plan is not None
        news, problem = harvest(self.log, self.plan.header, self.plan.plan_id)
        assert problem is None
        self.evidence = self.evidence.including(news)
        dump_evidence(self.folder / NAME, self.evidence)
        return news

    def read_calls(self) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [event for event in events if event["event"] == "call"]


def test_values_are_those_of_the_items(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path, FIELD)
    news = learnt.run_phase()
    assert len(news) == 10
    assert all(isinstance(each, Value) and each.simulated for each in news)
    assert {each.value for each in news if isinstance(each, Value)} <= {"algebra", "geometry", None}
    assert len({each.item for each in news if isinstance(each, Value)}) == 10
    assert compiler.pilot(learnt.spec).phases == ()


def test_labels_that_are_found_are_what_items_are_then_asked_about(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path, FOUND)
    labels = [each for each in learnt.run_phase() if isinstance(each, Label)]
    assert [each.place for each in labels] == list(range(len(labels)))
    assert 2 <= len(labels) <= 4
    values = [each for each in learnt.run_phase() if isinstance(each, Value)]
    assert len(values) == 10
    assert {each.value for each in values} <= {each.label for each in labels}


def test_seeds_are_rated_around_1500_and_keep_their_ratings(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path, RATING)
    ratings = {each.item: each.rating for each in learnt.run_phase() if isinstance(each, Rating)}
    assert len(ratings) == 4
    assert sum(ratings.values()) / 4 == pytest.approx(1500, abs=0.1)
    values = {each.item: each for each in learnt.run_phase() if isinstance(each, Value)}
    assert len(values) == 10
    assert {item: values[item].value for item in ratings} == ratings
    assert all(value.simulated for value in values.values())  # a seed's rating rests on simulated comparisons
    assert all(value.error for item, value in values.items() if item not in ratings)


def test_a_verdict_is_found_of_every_item(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path, VERDICT)
    values = Counter(each.value for each in learnt.run_phase() if isinstance(each, Value))
    assert values.total() == 10
    assert set(values) <= {"supported", "refuted", "unknown"}


def test_a_rate_counts_attempts_and_all_that_they_took(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path, AUTHOR)
    (rate,) = learnt.run_phase()
    assert isinstance(rate, Rate)
    calls = learnt.read_calls()
    assert rate.attempts == 6
    assert 0 < rate.accepted <= 6
    assert rate.input_tokens == sum(call["input_tokens"] for call in calls)
    assert rate.output_tokens == sum(call["output_tokens"] for call in calls)
    own = [call for call in calls if call["template"] == "author"]
    assert len(own) < len(calls)  # `sound` asks too
    assert rate.own_input_tokens == sum(call["input_tokens"] for call in own)
    assert rate.usd == (rate.input_tokens + 2 * rate.output_tokens) / rate.usd.__class__(1_000_000)  # type: ignore[union-attr]
    assert rate.run == learnt.plan.plan_id[:16]  # type: ignore[union-attr]


def test_a_log_that_ends_badly_teaches_what_stands_before(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path, FIELD)
    whole = learnt.run_phase()
    assert learnt.plan is not None
    lines = learnt.log.read_bytes().splitlines(keepends=True)
    half = tmp_path / "half.jsonl"
    half.write_bytes(b"".join(lines[: len(lines) // 2]) + b"{broken\n" + b"".join(lines[len(lines) // 2 :]))
    news, problem = harvest(half, learnt.plan.header, learnt.plan.plan_id)
    assert problem is not None
    assert 0 < len(news) < len(whole)
    assert set(news) < set(whole)
