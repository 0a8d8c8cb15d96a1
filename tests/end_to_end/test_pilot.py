"""`refinec pilot`, from the command to the plan that rests on it: what is learnt, kept, asked anew, and limited."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.artifacts.evidence import NAME, Rate, load_evidence, sum_rates
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.execute.harvest import harvest
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import Answer, fork_refinec, refinec
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

PRICE = 'price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }'
SPEC = """edition = 1
seed = 5
dataset quiz { task = qa, source = "items.jsonl", fields = { area = column("area"), level = column("level") } }
measure field { kind = classify, model = small, labels = [algebra, geometry] }
measure rating { kind = elo, model = small, seeds = bootstrap(6), neighbours = 2 }
dimension topic { from = field, target = { algebra = 70%, geometry = 30% } }
dimension difficulty { from = rating, bands = { easy = below(1500), hard = above(1500) }, target = uniform() }
operator drop { kind = remove }
operator author { kind = generate, model = small, moves = { topic = any }, checks = [well_formed] }
operator paraphrase { kind = expand, model = small, checks = [well_formed] }
validator well_formed { kind = format }
pilot { items = 4, budget = $0.50 }
budget { tokens = 400k }
output refined { path = "out/refined.jsonl", provenance = "out/refined.prov.jsonl" }
model small { provider = simulated, MODEL }
"""
ANEW = {("label", "field"): 16, ("try", "author"): 4, ("try", "paraphrase"): 4}
AREAS = {"algebra": "Solve x + {0} = {1} for x.", "geometry": "How long is the side of a square of area {0} * {0}?"}


def write_project(folder: Path, spec: str = SPEC, model: str = PRICE, items: int = 16) -> None:
    """As many items, of two areas in turn."""
    folder.mkdir(exist_ok=True)
    with (folder / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(items):
            area = list(AREAS)[number % 2]
            question = AREAS[area].format(number + 2, 2 * number + 5)
            row = {"question": question, "answer": str(number + 3), "area": area, "level": "hard"}
            stream.write(json.dumps(row) + "\n")
    (folder / "quiz.refine").write_text(spec.replace("MODEL", model), encoding="utf-8")


def run_pilot(folder: Path, *arguments: str, code: int = ExitCode.DONE) -> Any:
    """What it says as JSON."""
    answer = refinec("pilot", "--format", "json", *arguments, "quiz.refine", cwd=folder)
    assert answer.code == code, answer.err + answer.out
    return answer.json


def learn(folder: Path) -> Any:
    return run_pilot(folder, "--auto-approve")


def plan(folder: Path, *arguments: str) -> Answer:
    return refinec("plan", *arguments, "quiz.refine", cwd=folder)


def edit(folder: Path, before: str, after: str) -> None:
    text = (folder / "quiz.refine").read_text(encoding="utf-8")
    assert before in text
    (folder / "quiz.refine").write_text(text.replace(before, after), encoding="utf-8")


def read_evidence(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / NAME).read_text(encoding="utf-8").splitlines()]


def wishes(document: Any) -> dict[tuple[str, str], int]:
    """(phase, name) -> steps that are left."""
    return {(phase["phase"], wish["name"]): wish["steps"] for phase in document["phases"] for wish in phase["wishes"]}


def find_codes(document: Any) -> list[str]:
    return [each["code"] for each in document["diagnostics"]]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that a pilot has been through."""
    folder = tmp_path_factory.mktemp("learnt")
    write_project(folder)
    document = learn(folder)
    assert document["runs"] == [1, 2, 3]
    assert document["cost"]["simulated"]
    return folder


@pytest.fixture
def copy(learnt: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(learnt, tmp_path / "copy"))


def test_a_dry_run_spends_nothing_and_writes_nothing(tmp_path: Path) -> None:
    write_project(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    document = run_pilot(tmp_path, "--dry-run")
    assert wishes(document) == {
        ("compare", "rating"): 15, ("label", "field"): 16, ("label", "rating"): 16, ("try", "author"): 4,
        ("try", "paraphrase"): 4,
    }  # fmt: skip
    assert sorted(tmp_path.rglob("*")) == before


def test_without_evidence_a_plan_says_what_is_not_known(tmp_path: Path) -> None:
    write_project(tmp_path)
    shown = plan(tmp_path, "--format", "json")
    assert shown.code == ExitCode.DONE, shown.err
    assert shown.json["status"] == "known_after_pilot"
    for command in (["plan", "-o", "a.refplan"], ["apply", "--auto-approve"]):
        answer = refinec(*command, "--format", "json", "quiz.refine", cwd=tmp_path)
        assert answer.code == ExitCode.SPEC
        assert find_codes(answer.json) == ["RF5142", "RF5142"]
    assert not (tmp_path / ".refine/runs").exists()
    assert not (tmp_path / "a.refplan").exists()


def test_what_is_learnt_is_what_was_priced_and_no_text(learnt: Path) -> None:
    records = read_evidence(learnt)
    found = Counter((each["record"], each.get("measure") or each["operator"]) for each in records)
    assert found == {
        ("rate", "author"): 1, ("rate", "paraphrase"): 1, ("rating", "rating"): 6, ("value", "field"): 16,
        ("value", "rating"): 16,
    }  # fmt: skip
    assert {each["value"] for each in records if each.get("measure") == "field"} == set(AREAS)
    assert all(each["attempts"] == 4 for each in records if each["record"] == "rate")
    assert all(each["simulated"] for each in records)
    text = (learnt / NAME).read_text(encoding="utf-8")
    assert "Solve" not in text
    assert "How long" not in text


def test_its_intervals_have_the_confidence_that_is_asked_for(copy: Path) -> None:
    said = {}
    for confidence in ("50%", "99%"):
        edit(copy, "pilot { items = 4,", f"pilot {{ items = 4, confidence = {confidence},")
        (copy / NAME).unlink()
        events = f"pilot{confidence[:2]}.jsonl"
        answer = refinec("pilot", "--auto-approve", "--json-file", events, "quiz.refine", cwd=copy)
        text = answer.out
        told = [json.loads(line) for line in (copy / events).read_text(encoding="utf-8").splitlines()]
        phases = [event["phase"] for event in told if event["event"] == "started"]
        assert phases
        assert all(f": {phase}\n" in answer.err for phase in phases)
        assert {event["status"] for event in told if event["event"] == "ended"} == {"complete"}
        assert (told[-1]["event"], len(told[-1]["runs"])) == ("result", len(phases))
        assert f"Known, {confidence} intervals" in text
        low, high = re.findall(r"author   success \d+% \((\d+)-(\d+)\)", text)[0]
        said[confidence] = int(high) - int(low)
        edit(copy, f" confidence = {confidence},", "")
    assert said["99%"] > said["50%"] > 0


NO_RATING = "".join(
    line for line in SPEC.splitlines(keepends=True) if not line.startswith(("measure rating", "dimension difficulty"))
)


@pytest.mark.parametrize(("more", "changed"), [
    ("judge good { model = small, accept = score >= 3 }", ("[well_formed] }", "[well_formed, good] }")),
    (
        "judge good { models = [small, other] }\nmodel other { provider = simulated, id = \"other\" }\n"
        "operator polish { kind = refine, model = small, second_model = other, judge = good, checks = [well_formed] }",
        ("pilot {", "pilot {"),
    ),
])  # fmt: skip
def test_a_pilot_of_a_spec_with_judges_learns_to_its_end(tmp_path: Path, more: str, changed: tuple[str, str]) -> None:
    write_project(tmp_path, f"{NO_RATING.replace(*changed)}{more}\n", "params = { success = 90% }")
    asked = wishes(run_pilot(tmp_path, "--dry-run"))
    document = learn(tmp_path)
    assert {("label", "field"), ("try", "author")} <= asked.keys()
    assert not [each for each in document["diagnostics"] if each["severity"] == "error"]
    assert wishes(run_pilot(tmp_path)) == {}
    assert refinec("pilot", "quiz.refine", cwd=tmp_path).code == ExitCode.DONE


def test_a_second_pilot_asks_nothing(copy: Path) -> None:
    before = (copy / NAME).read_bytes()
    document = learn(copy)
    assert document["phases"] == []
    assert (copy / NAME).read_bytes() == before
    assert len(list((copy / ".refine/runs").iterdir())) == 3
    answer = refinec("pilot", "quiz.refine", cwd=copy)
    assert answer.code == ExitCode.DONE
    assert "note[RF5143]" in answer.err


def test_a_fresh_clone_plans_the_same_with_no_store(copy: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("quiz.refine", "items.jsonl", NAME):
        shutil.copy(copy / name, clone / name)
    for folder in (copy, clone):
        answer = plan(folder, "--no-inventory", "-o", "a.refplan")
        assert answer.code == ExitCode.DONE, answer.err
        assert "from evidence" in answer.out
    assert (clone / "a.refplan").read_bytes() == (copy / "a.refplan").read_bytes()
    assert not (clone / ".refine/store.db").exists()


def test_a_changed_list_of_labels_is_asked_anew_and_nothing_else(copy: Path) -> None:
    edit(copy, "labels = [algebra, geometry]", "labels = [algebra, geometry, logic]")
    edit(copy, "geometry = 30% }", "geometry = 30%, logic = 0% }")
    answer = plan(copy, "-o", "a.refplan", "--format", "json")
    assert answer.code == ExitCode.SPEC
    assert [each["message"] for each in answer.json["diagnostics"]] == [
        "the values of `field` are not known yet for 16 of 16 items"
    ]
    # What operators make is measured too, so their attempts take something else; the ratings stay.
    assert wishes(run_pilot(copy, "--dry-run")) == ANEW
    learn(copy)
    records = read_evidence(copy)
    assert Counter(each.get("measure") for each in records)["field"] == 16
    assert len({each["key"] for each in records if each.get("measure") == "field"}) == 1


def test_a_changed_prompt_is_asked_anew(copy: Path) -> None:
    edit(copy, "labels = [algebra, geometry]", "labels = [algebra, geometry], prompt = sort")
    with (copy / "quiz.refine").open("a", encoding="utf-8") as stream:
        stream.write("prompt sort { user = \"Which of {{ labels | join(', ') }}? {{ item.question }}\" }\n")
    assert wishes(run_pilot(copy, "--dry-run")) == ANEW


def test_an_operator_that_asks_otherwise_is_tried_anew(copy: Path) -> None:
    edit(
        copy, "kind = expand, model = small,", "kind = expand, model = small, prior = { success = 60% }, where = true,"
    )
    assert wishes(run_pilot(copy, "--dry-run")) == {}  # what is believed, and of which items, asks nothing else
    edit(copy, "kind = expand, model = small,", "kind = expand, model = small, prompt = reword,")
    with (copy / "quiz.refine").open("a", encoding="utf-8") as stream:
        stream.write('prompt reword { user = "Say it otherwise: {{ item.question }}" }\n')
    assert wishes(run_pilot(copy, "--dry-run")) == {("try", "paraphrase"): 4}


def test_only_a_new_item_is_asked_about(copy: Path) -> None:
    with (copy / "items.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"question": "Is a circle round?", "answer": "yes", "area": "geometry", "level": "easy"}\n')
    assert wishes(run_pilot(copy, "--dry-run")) == {("label", "field"): 1, ("label", "rating"): 1}


def test_a_budget_that_is_too_small_is_5_before_a_call(tmp_path: Path) -> None:
    write_project(tmp_path, SPEC.replace("$0.50", "$0.0010"))
    for arguments in (["--dry-run"], ["--auto-approve"]):
        document = run_pilot(tmp_path, *arguments, code=ExitCode.BUDGET)
        assert find_codes(document) == ["RF5144"]
        assert document["phases"]
    assert not (tmp_path / ".refine/runs").exists()
    assert not (tmp_path / NAME).exists()


def test_something_that_costs_needs_a_budget(tmp_path: Path) -> None:
    write_project(tmp_path, SPEC.replace("pilot { items = 4, budget = $0.50 }", "pilot { items = 4 }"))
    assert find_codes(run_pilot(tmp_path, "--auto-approve", code=ExitCode.SPEC)) == ["RF5145"]


def test_the_budget_is_a_limit_over_all_phases(tmp_path: Path) -> None:
    """From the second phase on the endpoint reports four times what was expected: the phase has what the first left."""
    script = (*[None] * 15, *[Fault("large_usage", factor=4)] * 200)
    with ThreadServer(Behaviour(Simulation(success=1.0), script=script)) as server:
        model = f'provider = openai, base_url = "{server.base_url}", id = "small", {PRICE}'
        spec = SPEC.replace("provider = simulated, ", "").replace("budget = $0.50", "budget = 60k")
        write_project(tmp_path, spec, model)
        document = run_pilot(tmp_path, "--auto-approve", code=ExitCode.BUDGET)
        expected = sum(wish["expected"]["tokens"] for phase in document["phases"] for wish in phase["wishes"])
        assert expected < 60_000
        logs = [
            json.loads(line)
            for path in sorted(tmp_path.glob(".refine/runs/*/provenance.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        spent = sum(each["input_tokens"] + each["output_tokens"] for each in logs if each["event"] == "call")
        assert document["runs"] == [1, 2]
        assert 30_000 < spent <= 60_000
        # Started again, it has what is left, which is not enough.
        asked = server.tally.asked.total()
        again = run_pilot(tmp_path, "--auto-approve", code=ExitCode.BUDGET)
        assert again["spent"]["runs"] == [1, 2]
        assert again["spent"]["tokens"] >= spent
        assert find_codes(again) in (["RF5144"], ["RF5149"])
        assert server.tally.asked.total() == asked
    assert len(read_evidence(tmp_path)) > 6  # what was learnt until then is kept


def test_a_pilot_whose_next_phase_is_too_dear_does_not_say_that_it_is_complete(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(Simulation(), script=(Fault("large_usage", factor=3),) * 200)) as server:
        model = f'provider = openai, base_url = "{server.base_url}", id = "small", {PRICE}'
        spec = NO_RATING.replace("provider = simulated, ", "").replace("4, budget = $0.50", "12, budget = 31k")
        write_project(tmp_path, spec, model)
        answer = refinec("pilot", "--auto-approve", "quiz.refine", cwd=tmp_path)
    assert answer.code == ExitCode.BUDGET, answer.err
    assert re.search(r"Pilot stopped: .* What it learnt is in refine.evidence.jsonl.", answer.out), answer.err
    assert "Pilot complete" not in answer.out
    assert len(read_evidence(tmp_path)) > 1


def start_pilot(folder: Path) -> Any:
    with open(os.devnull, "w+b") as nothing, (folder / "said.txt").open("wb") as said:
        return fork_refinec(
            "pilot", "--auto-approve", "quiz.refine", cwd=folder,
            descriptors=[nothing.fileno(), nothing.fileno(), said.fileno()],
        )  # fmt: skip


def wait_until(server: ThreadServer, count: int, process: Any) -> None:
    deadline = time.monotonic() + 60
    while server.tally.delivered.total() < count:
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "it makes no progress"
        time.sleep(0.002)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, ExitCode.INTERRUPTED)])
def test_a_stopped_pilot_goes_on_and_pays_nothing_twice(tmp_path: Path, sent: int, code: int) -> None:
    """Killed in its second phase. What was in flight then may be asked again, at most as many as are asked at once."""
    with ThreadServer(Behaviour(latency=(0.03, 0.03))) as server:
        model = (
            f'provider = openai, base_url = "{server.base_url}", id = "small", limits = {{ concurrency = 2 }}, {PRICE}'
        )
        spec = SPEC.replace("provider = simulated, ", "").replace("bootstrap(6)", "bootstrap(4)")
        write_project(tmp_path, spec, model, items=8)
        process = start_pilot(tmp_path)
        wait_until(server, 12, process)
        process.send_signal(sent)
        assert process.wait(60) == code
        said = (tmp_path / "said.txt").read_text()
        assert ("go on with: refinec pilot\n" in said) == (sent == signal.SIGINT), said
        assert "--resume" not in said  # of a pilot it does not go on
        assert any(each["record"] == "rating" for each in read_evidence(tmp_path))
        before = run_pilot(tmp_path, "--dry-run")["spent"]
        assert before["runs"] == [1, 2]
        assert before["tokens"] > 0
        assert learn(tmp_path)["spent"] == before
        heads = refinec("runs", "--format", "json", cwd=tmp_path).json
        assert [head["status"] for head in heads][:3] == ["complete", "superseded", "complete"]
        assert run_pilot(tmp_path, "--dry-run")["spent"]["runs"] == []  # it came to its end
        twice = sum(count - 1 for count in server.tally.delivered.values())
        assert twice <= (2 if sent == signal.SIGKILL else 0)
        asked = server.tally.asked.total()
        assert learn(tmp_path)["phases"] == []
        assert server.tally.asked.total() == asked


def test_the_logs_of_a_pilot_are_chained_and_verified(copy: Path) -> None:
    for number in (1, 2, 3):
        log = copy / f".refine/runs/000{number}/provenance.jsonl"
        answer = refinec("verify", str(log), cwd=copy)
        assert answer.code == ExitCode.DONE, answer.err
        events = [json.loads(line) for line in log.read_bytes().splitlines()]
        assert events[0]["event"] == "run"
        assert events[-1]["event"] == "trailer"
    flipped = log.read_bytes().replace(b'"author"', b'"Author"', 1)
    log.write_bytes(flipped)
    assert refinec("verify", str(log), cwd=copy).code == ExitCode.CHECK_FAILED


def test_a_run_teaches_rates_too(copy: Path) -> None:
    """The log of `apply` says how operators fared, as the log of a pilot does, under the same keys."""
    answer = refinec("apply", "--auto-approve", "--format", "json", "quiz.refine", cwd=copy)
    assert answer.code == ExitCode.DONE, answer.err
    opened, problems = PlanFile.open(copy / ".refine/runs/0004/plan.refplan")
    assert opened is not None, problems
    news, problem = harvest(copy / ".refine/runs/0004/provenance.jsonl", opened.header, opened.plan_id)
    assert problem is None
    rates = [each for each in news if isinstance(each, Rate)]
    before, _ = load_evidence(copy / NAME)
    assert rates
    for rate in rates:
        assert rate.attempts >= rate.accepted > 0
        (known,) = before.rates(rate.key)
        assert len(before.including(news).rates(rate.key)) == 2
        together = sum_rates(before.including(news).rates(rate.key))
        assert together is not None
        assert together.attempts == known.attempts + rate.attempts


def test_a_damaged_line_of_evidence_is_an_error_of_plan_and_pilot(copy: Path) -> None:
    lines = (copy / NAME).read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace('"record":"rating"', '"record":"rumour"')
    (copy / NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for command in (["plan"], ["pilot", "--auto-approve"]):
        answer = refinec(*command, "--format", "json", "quiz.refine", cwd=copy)
        assert answer.code == ExitCode.SPEC
        assert find_codes(answer.json) == ["RF5141"]
    assert (copy / NAME).read_text(encoding="utf-8").splitlines() == lines
