"""`evaluate --models`: asked over HTTP and by rule, within a budget, and never twice."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.command import fork_refinec, refinec
from tests.harness.collector import Collector
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

SPEC = """\
edition = 1
dataset quiz {{ task = mcq, source = "data/quiz.jsonl" }}
measure words {{ kind = length }}
dimension length {{ from = words, bands = {{ short = below(7), long = above(7) }}, target = uniform() }}
model one {{ provider = simulated, id = "rule-one" }}
model two {{ provider = simulated, id = "rule-two" }}
model three {{ provider = simulated, id = "rule-three" }}
model far {{ provider = openai, id = "far", base_url = "{url}", timeout = 5s }}
operator thin {{ kind = remove }}
constraints {{ size = 20, max_removed = 60% }}
run {{ retries = 0 }}
output refined {{ path = "out/quiz.jsonl" }}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / ".refine").mkdir()
    rows = [
        {"id": f"q{at}", "question": f"What is {at} plus {at}" + " in words" * (at % 2) + "?",
         "choices": [str(2 * at + more) for more in (1, 0, 2, 3)], "answer": "B"}
        for at in range(30)
    ]  # fmt: skip
    (tmp_path / "data/quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_spec(tmp_path, "http://127.0.0.1:9/v1")
    return tmp_path


def write_spec(project: Path, url: str) -> None:
    (project / "quiz.refine").write_text(SPEC.format(url=url))



def test_models_are_asked_about_both_sets_in_several_styles(project: Path) -> None:
    assert refinec("apply", "--auto-approve", cwd=project).code == 0
    arguments = ("--models", "one,two,three", "--styles", "plain,self_consistency", "--budget", "2M")
    with Collector() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_EXPORT_TIMEOUT": "60000"}
        answer = refinec("evaluate", "1", *arguments, "--auto-approve", "--format", "json", cwd=project, environ=told,
                         fresh=True)  # fmt: skip
    spans = Counter(span.name.split()[0] for span in collector.spans)
    assert spans == {"invoke_workflow": 1, "chat": answer.json["asked"]["calls"]}
    assert answer.code == 0, answer.err
    assert re.search(r"^  100%  (\d+) of \1 answered, .* tokens", answer.err, re.MULTILINE), answer.err
    sets = answer.json["sets"]
    assert sets["original"]["styles"]["plain"]["items"] == 30
    assert sets["refined"]["styles"]["self_consistency"]["models"]["two"]["answered"] == 20
    assert sets["original"]["consistency"]["w"] is not None
    assert answer.json["asked"]["calls"] == 30 * 3 * 6
    assert answer.json["asked"]["simulated"] is True
    again = refinec("evaluate", "1", *arguments, "--auto-approve", cwd=project)
    assert "asked: 0 calls, 0 tokens" in again.out
    assert "simulated: replies were made by rule" in again.out
    fewer = refinec("evaluate", "1", *arguments, "-n", "10", "--format", "json", cwd=project)  # free: nobody is asked
    assert fewer.code == 0, fewer.err
    assert fewer.json["sets"]["original"]["styles"]["plain"]["items"] == 10


def test_a_program_is_told_how_an_evaluation_gets_on(project: Path) -> None:
    asks = ("evaluate", "quiz.refine", "--models", "one,two", "-q", "--auto-approve", "--json-file", "e.jsonl")
    assert refinec(*asks, "--budget", "200k", cwd=project).code == 0
    told = [json.loads(line) for line in (project / "e.jsonl").read_text().splitlines()]
    assert [each["event"] for each in told if each["event"] != "progress"] == ["started", "ended", "result"]
    assert told[0]["wanted"] == {"one": 30, "two": 30}
    assert told[0]["tokens"]["ceiling"] > 0
    assert {each["name"]: each["accepted"] for each in told[-3]["operators"]} == {"one": 30, "two": 30}
    assert (told[-2]["status"], told[-2]["exit_code"]) == ("complete", 0)
    assert told[-1]["asked"]["calls"] == 60
    assert all(each["time"].endswith("Z") and "run" not in each for each in told)

    stopped = refinec(*asks[:-2], "--budget", "1k", "--styles", "chain_of_thought", "--format", "jsonl", cwd=project)
    lines = [json.loads(line) for line in stopped.out.splitlines()]
    assert stopped.code == 5
    assert (lines[-2]["event"], lines[-2]["status"], lines[-2]["exit_code"]) == ("ended", "partial", 5)
    assert [each["code"] for each in lines[-1]["diagnostics"]] == ["RF6503"]
    wrong = refinec("evaluate", "9", "--json-file", "w.jsonl", cwd=project)
    assert wrong.code == 2
    assert json.loads((project / "w.jsonl").read_text())["diagnostics"][0]["code"] == "RF6003"


def test_a_budget_is_a_limit_and_what_was_bought_stays(project: Path) -> None:
    stopped = refinec("evaluate", "quiz.refine", "--models", "one", "--budget", "5k", "--auto-approve",
                      "--format", "json", cwd=project)  # fmt: skip
    assert stopped.code == 5
    assert "RF6503" in stopped.err
    assert stopped.json["asked"]["tokens"] <= 5_000
    some = stopped.json["sets"]["original"]["styles"]["plain"]["models"]["one"]["answered"]
    assert 0 < some < 30
    whole = refinec("evaluate", "quiz.refine", "--models", "one", "--budget", "200k", "--auto-approve",
                    "--format", "json", cwd=project)  # fmt: skip
    assert whole.code == 0, whole.err
    assert whole.json["asked"]["calls"] == 30 - some
    assert whole.json["asked"]["cached"] == some


@pytest.mark.parametrize(
    ("sent", "code", "kept"),
    [([signal.SIGINT], 130, True), ([signal.SIGTERM], 143, True), ([signal.SIGINT] * 2, 130, False)],
)
def test_a_signal_lets_running_calls_end_and_a_second_one_does_not(
    project: Path, sent: list[signal.Signals], code: int, kept: bool
) -> None:
    with ThreadServer(Behaviour(latency=(0.5, 0.5) if kept else (20, 20))) as server:
        write_spec(project, server.base_url)
        arguments = ("evaluate", "quiz.refine", "--models=far", "--budget=900k", "--auto-approve", "--format=json")
        with open(os.devnull) as nothing, (project / "told").open("w+b") as told:
            process = fork_refinec(*arguments, cwd=project, descriptors=[nothing.fileno(), *[told.fileno()] * 2])
            while not server.tally.asked and process.poll() is None:
                time.sleep(0.01)
            for number in sent:
                time.sleep(0.1)
                process.send_signal(number)
            assert process.wait(60) == code
        assert "RF6507" in (project / "told").read_text()
        bought = server.tally.asked.copy()
        server.server.behaviour = Behaviour()
        again = refinec(*arguments, cwd=project)
    assert again.code == 0, again.err
    assert 0 < bought.total() < 30
    assert again.json["asked"]["cached"] == (bought.total() if kept else 0)


def test_over_http_no_key_is_sent(project: Path) -> None:
    with ThreadServer(Behaviour(script=(None, Fault("status", status=503)))) as server:
        write_spec(project, server.base_url)
        answer = refinec("evaluate", "quiz.refine", "--models", "far", "--styles", "chain_of_thought",
                         "--budget", "900k", "--auto-approve", "--format", "json", cwd=project)  # fmt: skip
        assert answer.code == 0, answer.err
        bodies = server.tally.bodies
    assert answer.json["asked"]["failed"] == {"server": 1}
    assert answer.json["sets"]["original"]["styles"]["chain_of_thought"]["models"]["far"]["answered"] == 29
    assert answer.json["asked"]["simulated"] is False
    for body in bodies:
        text = json.dumps(body["messages"])
        assert '"answer\\":' not in text.replace("`answer`", "")
        assert "question" in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--models", "one"], 2, "--budget 400k"),
        (["--models", "one", "--budget", "25%"], 2, "is no budget"),
        (["--models", "one,four", "--budget", "9k"], 2, "RF6501"),
        (["--models", "one", "--styles", "plian", "--budget", "9k"], 2, "nearest: plain"),
        (["--models", "far", "--budget", "$2"], 2, "the price of model `far` is unknown"),
        (["--models", "one", "--answers", "x", "--budget", "9k"], 2, "these are four evaluations; take one"),
        (["--budget", "9k"], 2, "name whom, with --models"),
        (["--models", "one", "--budget", "9k"], 2, "add --auto-approve"),
    ],
)
def test_refusals(arguments: list[str], code: int, says: str, project: Path) -> None:
    answer = refinec("evaluate", "quiz.refine", *arguments, cwd=project)
    assert answer.code == code, answer.err
    assert says in answer.err


def test_code_is_not_asked_as_text(project: Path) -> None:
    row = {"prompt": "def f():", "tests": "def check(f): assert f()", "entry_point": "f", "solution": "    return 1"}
    (project / "data/quiz.jsonl").write_text(json.dumps(row) + "\n")
    spec = (project / "quiz.refine").read_text().replace("task = mcq", "task = code")
    (project / "quiz.refine").write_text(spec)
    answer = refinec("evaluate", "quiz.refine", "--models", "one", "--budget", "9k", cwd=project)
    assert answer.code == 2
    assert "RF6502" in answer.err
