"""`refinec serve-simulated`: a script that starts it, uses it and ends it."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import fork_refinec, refinec
from tests.harness.warm import Forked

SPEC = """\
edition = 1
dataset quiz {{ task = mcq, source = "quiz.jsonl", fields = {{ area = column("subject") }} }}
measure subject {{ kind = column, column = "area" }}
dimension topic {{ from = subject, target = uniform() }}
model small {{ provider = openai, id = "simulated-small", base_url = "{base_url}" }}
operator drop {{ kind = remove }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }}, checks = [well_formed] }}
validator well_formed {{ kind = format }}
budget {{ tokens = 200k }}
run {{ retries = 9, backoff = 0.01s }}
constraints {{ size = 26, max_removed = 10% }}
output refined {{ path = "out.jsonl" }}
"""


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[Forked, dict[str, Any], Path]]:
    """A running server, what it said of itself, and the file that its messages go to."""
    ready, said, told = folder / "ready.json", folder / "out.txt", folder / "err.txt"
    with said.open("wb") as out, told.open("wb") as err, Path("/dev/null").open("rb") as nothing:
        process = fork_refinec(
            "serve-simulated", "--port", "0", "--json-file", str(ready), *arguments, cwd=folder,
            descriptors=[nothing.fileno(), out.fileno(), err.fileno()],
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                assert process.poll() is None, told.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield process, json.loads(ready.read_text()), told
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_it_listens_until_a_signal(tmp_path: Path, number: int, code: ExitCode) -> None:
    with serving(tmp_path) as (process, ready, told):
        with urllib.request.urlopen(f"{ready['base_url']}/models") as answer:
            assert json.load(answer)["data"][0]["id"] == "simulated-small"
        assert (ready["event"], ready["simulated"], ready["pid"]) == ("ready", True, process.pid)
        assert ready["base_url"] == f"http://127.0.0.1:{ready['port']}/v1"
        process.send_signal(number)
        assert process.wait(30) == code
    shown = (tmp_path / "out.txt").read_text()
    assert f'base_url = "{ready["base_url"]}"' in shown
    assert "every reply says that it is simulated" in told.read_text().lower()


def test_a_spec_that_follows_its_words_is_refined_in_spite_of_faults(tmp_path: Path) -> None:
    words = ["river", "moon", "acid", "verb", "king", "tax", "leaf", "bone", "coin", "tide", "wolf", "gene", "rock"]
    rows = [
        {"question": f"Which {word} is number {n}?", "choices": ["one", "two", "three", f"{word} {n}"], "answer": "D",
         "subject": "a" if n % 6 else "b"}
        for n, word in enumerate(words)
    ]  # fmt: skip
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = ("--fault", "500=0.4", "--fault", "drop=0.1", "--rpm", "6000", "--log", "log.jsonl", "--seed", "4")
    with serving(tmp_path, *arguments) as (process, ready, told):
        (tmp_path / "quiz.refine").write_text(SPEC.format(base_url=ready["base_url"]), encoding="utf-8")
        done = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED
    assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE), done.err
    assert done.json["added"] > 0
    added = [row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines()) if row.get("_simulated")]
    assert len(added) == done.json["added"]
    outcomes = [json.loads(line)["outcome"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert outcomes.count("answered") >= len(added)
    assert {"answered", "status 500"} <= set(outcomes)
    assert f"{len(outcomes)} requests, " in told.read_text()


def test_json_on_standard_output_is_a_line_when_it_is_ready(tmp_path: Path) -> None:
    with serving(tmp_path, "--format", "json", "--key", "sk-local", "--model", "only-this") as (_, ready, _told):
        (line,) = (tmp_path / "out.txt").read_text().splitlines()
        assert json.loads(line) == ready
        assert ready["models"] == ["only-this"]
        assert "sk-local" not in line


def test_other_machines_reach_it_where_that_is_asked_for_and_this_is_said(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as (process, ready, told):
        assert ready["base_url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED
    assert "warning: whoever reaches 0.0.0.0 can use it" in told.read_text()
    assert "0 requests, 0 tokens" in told.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fault", "dropp=0.1"), "no fault is called 'dropp'"),
        (("--fault", "drop=2"), "'2' is no share"),
        (("--fault", "drop=0.6", "--fault", "429=0.6"), "add up to more than 1"),
        (("--latency", "soon"), "'soon' is no time"),
        (("--latency", "0.5-0.1"), "from the shorter to the longer"),
        (("--latency", "nan"), "no range of times"),
        (("--rpm", "0"), "--rpm"),
        (("--log", "missing/log.jsonl"), "cannot write --log missing/log.jsonl"),
        (("--host", "no such host"), "cannot listen on no such host:0"),
    ],
)
def test_wrong_use_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = refinec("serve-simulated", "--port", "0", *arguments, cwd=tmp_path, fresh=arguments[0] == "--rpm")
    assert answer.code == ExitCode.USAGE
    assert said in re.sub(r"\s+", " ", answer.err)


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = refinec("serve-simulated", "--port", str(port), cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert f"cannot listen on 127.0.0.1:{port}" in answer.err


@pytest.mark.parametrize(
    ("text", "bounds"),
    [("0", (0.0, 0.0)), ("0.2", (0.2, 0.2)), ("200ms", (0.2, 0.2)), ("0.1-0.5", (0.1, 0.5)), ("50ms-1s", (0.05, 1.0))],
)
def test_how_a_latency_is_written(text: str, bounds: tuple[float, float]) -> None:
    from refinelab_dsl.cli.serve_simulated import Latency

    assert Latency().convert(text, None, None) == pytest.approx(bounds)
