"""A run whose spec has `replan` solves the rest again after each share of its budget, with what it learnt by then."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import refinelab_dsl
from refinelab_dsl import Run, compiler
from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.diagnostics import RefineError
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.provenance import read_trailer
from refinelab_dsl.provenance.log import LogLine, read_log
from refinelab_dsl.providers.endpoint import Simulation, answer_body
from tests.cli.command import fork_refinec, refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = """edition = 1
seed = 3
dataset items {{ task = mcq, source = "items.jsonl" }}
measure subject {{ kind = column, column = "subject" }}
dimension topic {{ from = subject, target = uniform() }}
measure level {{ kind = column, column = "level" }}
dimension difficulty {{
  from = level, order = [easy, hard], target = {{ easy = 30%, hard = 70% }}, on_new = assume
}}
model small {{
  provider = openai, id = "small", base_url = "{base_url}"
  price = {{ input = $1 / 1M, output = $4 / 1M, as_of = "2026-11-01" }}
}}
validator fresh {{ kind = duplicate, against = [originals, output] }}
validator sound {{ kind = format }}
operator drop {{ kind = remove }}
operator author {{
  kind = generate, model = small, moves = {{ topic = any }}, checks = [sound, fresh], prior = {{ success = 90% }}
}}
operator harden {{
  kind = rewrite, model = small, moves = {{ difficulty = +1 }}, checks = [sound], prior = {{ success = 90% }}
}}
constraints {{ max_removed = 30% }}
budget {{ tokens = 60k, cost = $0.20 }}
solve {{ replan = {replan} }}
output refined {{ path = "out.jsonl", provenance = "out.prov.jsonl" }}
"""


def write_project(folder: Path, base_url: str, replan: str = "0.1") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "spec.refine").write_text(SPEC.format(base_url=base_url, replan=replan))
    rows = [
        {"question": f"Item {at}: how much is {at} times {at + 3}?", "choices": [f"{letter}{at}" for letter in "abcd"],
         "answer": f"b{at}", "subject": "organic" if at < 24 else "physical", "level": ("easy", "hard")[at % 2]}
        for at in range(40)
    ]  # fmt: skip
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def apply(folder: Path, concurrency: int | None = None) -> Run:
    return refinelab_dsl.load(folder / "spec.refine").plan().apply(environ={}, concurrency=concurrency)


def read_records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / ".refine/runs").glob("*/run.json"))]


def read_bytes(folder: Path) -> list[bytes]:
    """Everything that may not depend on when replies arrive: plans, logs, outputs."""
    legs = sorted((folder / ".refine/runs").iterdir())
    return [
        *((leg / name).read_bytes() for leg in legs for name in ("plan.refplan", "provenance.jsonl")),
        (folder / "out.jsonl").read_bytes(),
    ]


@pytest.fixture
def server() -> Any:
    with ThreadServer(Behaviour(simulation=Simulation(success=0.5))) as server:
        yield server


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_rest_is_solved_again_with_what_was_learnt_inside_one_budget(tmp_path: Path, server: ThreadServer) -> None:
    one = write_project(tmp_path / "one", server.base_url)
    run = apply(one, concurrency=1)
    records = read_records(one)
    assert len(records) > 1
    assert [record["status"] for record in records] == ["replanned"] * (len(records) - 1) + ["complete"]
    assert run.head["legs"] == [record["run"] for record in records[:-1]]
    plans = [PlanFile.open(leg / "plan.refplan")[0] for leg in sorted((one / ".refine/runs").iterdir())]
    headers = [plan.header for plan in plans if plan is not None]
    rates = [{each.operator: each.success for each in header.actions} for header in headers]
    assert rates[0]["author"].source == "spec"
    assert rates[1]["author"].source == "evidence"
    assert rates[1]["author"].mean < rates[0]["author"].mean
    paid = 0
    for record, header, after in zip(records, headers, headers[1:], strict=False):
        assert record["paid_tokens"] > 0
        paid += record["paid_tokens"]
        assert (after.budget.tokens, after.budget.spent_tokens) == (header.budget.tokens, paid)
        assert after.budget.usd == header.budget.usd
        accepted = sum(each.stock for each in after.actions)
        assert accepted >= sum(each.stock for each in header.actions)
        assert accepted > 0
    usages = [answer_body(body, server.server.behaviour.simulation)["usage"] for body in server.tally.bodies]
    tokens = sum(usage["prompt_tokens"] + usage["completion_tokens"] for usage in usages)
    assert run.head["cost"]["tokens"] == tokens <= 60_000
    assert run.head["cost"]["calls"] == sum(server.tally.asked.values()) == len(server.tally.asked)

    root = None
    for leg in sorted((one / ".refine/runs").iterdir()):  # each log starts with the root of the one before it
        lines = [line for line in read_log(leg / "provenance.jsonl") if isinstance(line, LogLine)]
        said = [line.event for line in lines if isinstance(line.event, events.Replan)]
        assert [event.root for event in said] == ([] if root is None else [root])
        trailer = read_trailer(leg / "provenance.jsonl")
        assert trailer is not None
        root = trailer.root
    changed = [row for row in map(json.loads, (one / "out.jsonl").open()) if row["_origin"] == "changed"]
    assert changed
    last = str(records[-1]["run"])
    assert refinec("replay", last, cwd=one).code == ExitCode.DONE
    assert refinec("verify", "out.prov.jsonl", cwd=one).code == ExitCode.DONE
    assert f"{len(records) - 1}x" in refinec("show", last, cwd=one).out

    many = write_project(tmp_path / "many", server.base_url)
    apply(many, concurrency=16)
    assert read_bytes(many) == read_bytes(one)


def test_between_two_legs_a_run_can_be_left_and_resumed(
    tmp_path: Path, server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = write_project(tmp_path / "calm", server.base_url)
    apply(calm)
    asked = sum(server.tally.asked.values())
    rough = write_project(tmp_path / "rough", server.base_url)
    plan_rest, left = compiler.plan_rest, []

    def leave(*arguments: Any) -> Any:
        if not left:
            left.append(True)
            raise KeyboardInterrupt
        return plan_rest(*arguments)

    monkeypatch.setattr(compiler, "plan_rest", leave)
    with pytest.raises(KeyboardInterrupt):
        apply(rough)
    assert [record["status"] for record in read_records(rough)] == ["replanned"]
    assert not (rough / "out.jsonl").exists()
    resumed = refinec("apply", "--resume", cwd=rough)
    assert resumed.code == ExitCode.DONE, resumed.err
    assert read_bytes(rough) == read_bytes(calm)
    assert sum(server.tally.asked.values()) == 2 * asked
    again = refinec("apply", "--resume=1", cwd=rough)
    assert again.code == ExitCode.STALE
    assert "RF6004" in again.err


def test_where_the_rest_cannot_be_planned_the_run_goes_on_by_its_plan(
    tmp_path: Path, server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_project(tmp_path / "a", server.base_url)
    settled = write_project(tmp_path / "b", server.base_url, replan="never")
    plan_rest = compiler.plan_rest

    def edit(*arguments: Any) -> Any:
        path = folder / "spec.refine"
        path.write_text(path.read_text().replace("70% }", "65% }").replace("easy = 30%", "easy = 35%"))
        return plan_rest(*arguments)

    monkeypatch.setattr(compiler, "plan_rest", edit)
    codes, records = [], []
    for place in (folder, settled):
        try:
            run = apply(place)
            codes.append([each.code for each in run.diagnostics])
        except RefineError as error:
            codes.append([each.code for each in error.diagnostics])
        records.append(read_records(place))
    assert codes[0] == ["RF6050", *codes[1]]
    assert [len(each) for each in records] == [1, 1]
    assert (folder / "out.jsonl").read_bytes() == (settled / "out.jsonl").read_bytes()


def test_a_plan_says_what_it_stays_inside(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "a", "http://127.0.0.1:9/v1")
    shown = refinec("plan", cwd=folder)
    assert "after each 10% of it the rest is solved again, for drop, author, harden" in shown.out
    document = refinec("plan", "--format", "json", cwd=folder).json
    assert document["envelope"] == {"share": "0.1", "operators": ["drop", "author", "harden"], "models": ["small"]}
    text = (folder / "spec.refine").read_text()
    (folder / "spec.refine").write_text("".join(line + "\n" for line in text.splitlines() if "budget" not in line))
    assert "RF2244" in refinec("check", cwd=folder).out


def test_a_budget_that_binds_ends_a_run_at_the_same_step_whatever_is_in_flight(
    tmp_path: Path, server: ThreadServer
) -> None:
    """A plan's ceiling is cut at its budget, so that it is not above it does not say that nothing can bind."""
    found = []
    for concurrency in (1, 16):
        folder = write_project(tmp_path / f"at{concurrency}", server.base_url, replan="never")
        text = (folder / "spec.refine").read_text()
        small = text[text.index("model small") : text.index("validator")]
        brief = small.replace("small", "brief").replace('"brief"', '"brief", params = { max_tokens = 200 }')
        text = text.replace("tokens = 60k", "tokens = 20k")
        text = text.replace("kind = rewrite, model = small", "kind = rewrite, model = brief")
        (folder / "spec.refine").write_text(text.replace(small, small + brief))
        with pytest.raises(RefineError, match="RF6010"):
            apply(folder, concurrency)
        found.append(read_bytes(folder))
    assert found[0] == found[1]


def test_vectors_of_the_originals_are_paid_once_and_the_rest_knows_it(tmp_path: Path, server: ThreadServer) -> None:
    found = []
    for concurrency in (1, 16):
        folder = write_project(tmp_path / f"at{concurrency}", server.base_url)
        text = (folder / "spec.refine").read_text()
        near = 'embedding near { provider = openai, id = "near", base_url = "%s", price = { input = $9 / 1M } }\n'
        text = text.replace("validator fresh {", near % server.base_url + "validator fresh {\n  embedding = near,")
        (folder / "spec.refine").write_text(text.replace("against = [", "accept = similarity < 1.0, against = ["))
        before = len(server.tally.bodies)
        run = apply(folder, concurrency)
        bodies = server.tally.bodies[before:]
        found.append(read_bytes(folder))
    assert found[0] == found[1]

    first, *rest = [PlanFile.open(leg / "plan.refplan")[0] for leg in sorted((folder / ".refine/runs").iterdir())]
    assert first is not None
    assert rest
    assert first.header.originals["near"].tokens > 0
    texts = next(body["input"] for body in bodies if len(body.get("input", ())) == 40)
    vectors = sum(len(text.split()) for text in texts)
    paid = 0
    for record, after in zip(read_records(folder), rest, strict=False):
        assert after is not None
        originals = after.header.originals["near"]
        assert (originals.texts, originals.calls, originals.tokens, originals.ceiling) == (40, 0, 0, 0)
        paid += record["paid_tokens"]
        assert after.header.budget.spent_tokens == vectors + paid
    assert run.head["cost"]["tokens"] <= 60_000


def write_checked(folder: Path, base_url: str) -> Path:
    """A project whose checks have further tries and keep results apart, in legs that its budget does not do for."""
    write_project(folder, base_url)
    text = (folder / "spec.refine").read_text()
    text = text.replace("output] }", "output], on_reject = retry, retries = 2 }")
    drift = "validator close { kind = drift, accept = similarity > 0.9, on_reject = quarantine }\n"
    text = text.replace("validator sound", drift + "validator sound")
    brief = "validator brief { kind = expression, accept = words(question) < 9, on_reject = quarantine }\n"
    text = text.replace("validator sound", brief + "validator sound", 1)
    text = text.replace("checks = [sound],", "checks = [sound, close],")
    text = text.replace("checks = [sound, fresh]", "checks = [sound, fresh, brief]")
    text = text.replace('provenance = "out.prov.jsonl"', 'provenance = "out.prov.jsonl", quarantine = "held.jsonl"')
    (folder / "spec.refine").write_text(text.replace("tokens = 60k", "tokens = 40k"))
    return folder


def read_legs(folder: Path) -> list[list[events.AnyEvent]]:
    logs = sorted((folder / ".refine/runs").glob("*/provenance.jsonl"))
    return [[line.event for line in read_log(log) if isinstance(line, LogLine)] for log in logs]


def list_held(leg: list[events.AnyEvent]) -> list[events.Held]:
    return [event for event in leg if isinstance(event, events.Held)]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ThreadServer, Path]]:
    """A server, and what a run with one call at a time came to."""
    folder = tmp_path_factory.mktemp("checked") / "one"
    with ThreadServer(Behaviour(simulation=Simulation(success=0.5))) as server:
        write_checked(folder, server.base_url)
        with suppress(RefineError):  # its budget does not do for everything
            apply(folder, 1)
        yield server, folder


def test_legs_with_further_tries_and_a_quarantine_have_the_same_bytes_at_any_concurrency(
    tmp_path: Path, checked: tuple[ThreadServer, Path]
) -> None:
    server, one = checked
    many = write_checked(tmp_path / "many", server.base_url)
    with suppress(RefineError):
        apply(many, 50)
    assert [*read_bytes(many), (many / "held.jsonl").read_bytes()] == [
        *read_bytes(one), (one / "held.jsonl").read_bytes()
    ]
    legs = read_legs(one)
    assert len(legs) > 2
    assert any(isinstance(event, events.Call) and event.turn for leg in legs for event in leg)


def test_the_quarantine_holds_what_checks_of_every_leg_kept_apart(
    tmp_path: Path, checked: tuple[ThreadServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = checked
    monkeypatch.chdir(folder)
    legs = [list_held(leg) for leg in read_legs(folder)]
    assert sum(bool(held) for held in legs) > 2  # not of the last one alone
    ids = [event.id for held in legs for event in held]
    assert len(set(ids)) == len(ids)
    rows = [json.loads(line) for line in (folder / "held.jsonl").open()]
    assert [(row["id"], row["_operator"], row["_target"]) for row in rows] == [
        (event.id, event.operator, event.target) for held in legs for event in held
    ]
    assert len({row["question"] for row in rows}) > 1
    last = str(len(legs))
    head = json.loads((folder / f".refine/runs/{int(last):04d}/summary.json").read_text())
    assert head["quarantined"] == len(ids)
    assert [each["rows"] for each in head["outputs"] if each.get("quarantine")] == [len(ids)]

    again = refinec("replay", last, "--into", str(tmp_path / "again"), cwd=folder)
    assert again.code == ExitCode.DONE, again.err
    assert (tmp_path / "again/refined/quarantine/held.jsonl").read_bytes() == (folder / "held.jsonl").read_bytes()
    for path in ("held.jsonl", "out.prov.jsonl"):
        assert refinec("verify", path, cwd=folder).code == ExitCode.DONE
    shown = refinec("show", last, cwd=folder)
    assert re.search(rf"quarantine +held.jsonl +{len(ids)} rows", shown.out), shown.out
    reviewed = refinec("review", last, "--format", "json", cwd=folder)
    edits = [each for each in reviewed.json["edits"] if each["kind"] == "quarantined"]
    assert [each["id"] for each in edits] == ids
    assert [each["after"]["question"] for each in edits] == [row["question"] for row in rows]
    assert reviewed.json["counts"]["quarantined"] == len(ids)
    assert refinec("trace", ids[0], cwd=folder).code == ExitCode.DONE


def test_what_another_leg_held_is_told_by_its_log_alone(tmp_path: Path, checked: tuple[ThreadServer, Path]) -> None:
    """A log of an earlier leg that is another one, or damaged, is no source for a replay."""
    folder = tmp_path / "copy"
    shutil.copytree(checked[1], folder)
    last = str(len(read_legs(folder)))
    log = folder / ".refine/runs/0002/provenance.jsonl"
    log.write_bytes((folder / ".refine/runs/0001/provenance.jsonl").read_bytes())
    other = refinec("replay", last, cwd=folder)
    assert other.code == ExitCode.CHECK_FAILED
    log.unlink()
    gone = refinec("replay", last, cwd=folder)
    assert gone.code == ExitCode.CHECK_FAILED
    assert "0002/provenance.jsonl" in gone.err


def test_killed_in_a_later_leg_and_resumed_the_quarantine_has_the_same_bytes(
    tmp_path: Path, checked: tuple[ThreadServer, Path]
) -> None:
    server, calm = checked
    calls = sum(record["calls"] for record in read_records(calm)[:-1])
    folder = write_checked(tmp_path / "rough", server.base_url)
    before = len(server.tally.bodies)
    with (tmp_path / "out.txt").open("w+b") as out, (tmp_path / "in.txt").open("w+b") as given:
        process = fork_refinec(
            "apply", "--auto-approve", cwd=folder, environ={}, descriptors=[given.fileno(), out.fileno(), out.fileno()]
        )
        deadline = time.monotonic() + 120
        while len(server.tally.bodies) - before < 0.7 * calls:
            assert process.poll() is None, "it ended before"
            assert time.monotonic() < deadline, "it makes no progress"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
    assert not (folder / "held.jsonl").exists()
    assert len(read_records(folder)) > 1
    resumed = refinec("apply", "--resume", cwd=folder)
    assert resumed.code in (ExitCode.DONE, ExitCode.BUDGET), resumed.err
    assert (folder / "held.jsonl").read_bytes() == (calm / "held.jsonl").read_bytes()
