"""All items of a dataset by an embedding that an endpoint computes: learnt by a pilot in batches, bought by a run that
compares results with them, never twice."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.likeness import cluster_rows
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving.calls import embed_texts
from tests.cli.command import fork_refinec, refinec
from tests.end_to_end import test_embeddings as checks
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

ROWS = 300
BATCH = 256
KEYED = {"EMBED_KEY": "sk-of-this-test"}
SPEC = """\
edition = 1

dataset quiz { task = qa, source = "data/quiz.jsonl", fields = { area = column("area") } }

measure area { kind = column, column = area }
measure twins { kind = near_duplicate, method = embedding, embedding = near, threshold = 0.9 }

dimension topic { from = area, target = uniform() }
constraints { size = between(10, 400), max_removed = 30%% }

embedding near {
  provider = openai
  id = "some/embedding"
  base_url = "%s"
  api_key = env("EMBED_KEY")
  price = { input = $2 / 1M }
}

operator once { kind = deduplicate, measure = twins }

pilot { budget = %s }
output refined { path = "out/quiz.jsonl" }
"""
LETTERS = "bcdfghjklmnpqrstvwxz"


def _write(folder: Path, base_url: str, budget: str = "$0.05", rows: int = ROWS) -> Path:
    """Every tenth question repeats the one before it in capital letters and one more word."""
    (folder / ".refine").mkdir(exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/quiz.jsonl").write_text("".join(_row(number) for number in range(rows)))
    spec = folder / "quiz.refine"
    spec.write_text(SPEC % (base_url, budget))
    return spec


def _row(number: int) -> str:
    is_copy = number % 10 == 9
    base = number - is_copy
    words = " ".join(f"{LETTERS[base * step % 20]}o{LETTERS[(base // step) % 20]}a" * 3 for step in (1, 3, 7, 20))
    question = f"Which of the towns is called {words}?"
    row = {"question": question, "answer": str(base), "area": "ab"[number // 10 % 2]}
    return json.dumps({**row, "question": f"{question.upper()}?"} if is_copy else row) + "\n"


def _texts(server: ThreadServer) -> list[str]:
    return [text for body in server.tally.bodies for text in body["input"]]


def _sizes(server: ThreadServer) -> list[int]:
    """Texts of each request."""
    return [len(body["input"]) for body in server.tally.bodies]


def _look(folder: Path) -> dict[str, Any]:
    """What a pilot would ask, by `--dry-run`."""
    answer = refinec("pilot", "--dry-run", "--format", "json", cwd=folder, environ=KEYED)
    assert answer.code == ExitCode.DONE, answer.err
    found: dict[str, Any] = answer.json["phases"][0]
    return found


def _pilot(folder: Path) -> Any:
    return refinec("pilot", "--auto-approve", cwd=folder, environ=KEYED)


def _clusters(folder: Path) -> dict[str, Any]:
    lines = (folder / "refine.evidence.jsonl").read_text().splitlines()
    [record] = [json.loads(line) for line in lines]
    assert isinstance(record, dict)
    return record


def test_items_are_embedded_in_batches_and_a_clone_plans_without_key_and_vectors(tmp_path: Path) -> None:
    folder, clone = tmp_path / "first", tmp_path / "clone"
    folder.mkdir()
    with ThreadServer() as server:
        _write(folder, server.base_url)
        assert refinec("plan", "-o", "never.refplan", cwd=folder).code == ExitCode.SPEC
        unknown = refinec("plan", cwd=folder)
        assert unknown.code == ExitCode.DONE
        assert "twins: known after pilot for 300 of 300 items" in unknown.out
        assert "items are embedded" in unknown.out
        assert not (folder / "never.refplan").exists()
        phase = _look(folder)
        assert (phase["phase"], phase["hosts"]) == ("embed", ["127.0.0.1"])
        [wish] = phase["wishes"]
        assert wish["expected"]["calls"] == 2
        assert server.tally.bodies == []
        assert _pilot(folder).code == ExitCode.DONE
        assert sorted(_sizes(server)) == [ROWS - BATCH, BATCH]
        texts = _texts(server)
        words = sum(len(text.split()) for text in texts)
        assert wish["expected"]["tokens"] > words / 2
        assert Decimal(wish["expected"]["usd"]) == wish["expected"]["tokens"] * Decimal("0.000002")
        record = _clusters(folder)
        assert len(record["copies"]) == 2 * ROWS // 10
        assert not any(text in (folder / "refine.evidence.jsonl").read_text() for text in texts)
        assert refinec("pilot", "--auto-approve", cwd=folder).code == ExitCode.DONE
        assert len(server.tally.bodies) == 2

        # One row more: everything rests on it, and it alone is asked about.
        first = refinec("plan", "-o", "first.refplan", cwd=folder)
        assert first.code == ExitCode.DONE, first.err
        shutil.copytree(folder, clone, ignore=shutil.ignore_patterns(".refine", "first.refplan"))
        (folder / "data/quiz.jsonl").open("a").write(_row(ROWS))
        assert "known after pilot for 301 of 301 items" in refinec("plan", cwd=folder).out
        [wish] = _look(folder)["wishes"]
        assert wish["expected"]["calls"] == 1
        assert wish["expected"]["tokens"] < 60
        assert _pilot(folder).code == ExitCode.DONE
        assert sorted(_sizes(server)) == [1, ROWS - BATCH, BATCH]
        assert _clusters(folder)["count"] == ROWS + 1
    (clone / ".refine").mkdir()
    again = refinec("plan", "-o", "first.refplan", cwd=clone)
    assert again.code == ExitCode.DONE, again.err
    assert (clone / "first.refplan").read_bytes() == (folder / "first.refplan").read_bytes()
    assert refinec("apply", "--auto-approve", cwd=clone).code == ExitCode.DONE
    assert len((clone / "out/quiz.jsonl").read_text().splitlines()) == ROWS - ROWS // 10


def test_clusters_are_those_of_vectors_that_were_asked_one_by_one(tmp_path: Path) -> None:
    with ThreadServer() as server:
        _write(tmp_path, server.base_url, rows=60)
        assert _pilot(tmp_path).code == ExitCode.DONE
        [texts] = [body["input"] for body in server.tally.bodies]
    alone = [embed_texts({"input": [text]}, Simulation())["data"][0]["embedding"] for text in texts]
    firsts = cluster_rows(np.array(alone, np.float32), [b""] * 60, [str(n - n % 10 // 9) for n in range(60)], 0.9)
    sizes = sorted(Counter(first for first in firsts if first is not None).values())
    assert sizes == sorted(Counter(_clusters(tmp_path)["copies"].values()).values())
    assert sizes == [2] * 6


def test_what_was_bought_before_a_kill_is_not_bought_again(tmp_path: Path) -> None:
    """The budget has room for one request at a time: when the second arrives, the first is kept."""
    with ThreadServer(Behaviour(script=(None, Fault("hang")))) as server:
        _write(tmp_path, server.base_url, "$0.02", rows=120)
        with (tmp_path / "out.txt").open("w+b") as out, (tmp_path / "in.txt").open("w+b") as given:
            process = fork_refinec(
                "pilot", "--auto-approve", cwd=tmp_path, environ=KEYED,
                descriptors=[given.fileno(), out.fileno(), out.fileno()],
            )  # fmt: skip
            deadline = time.monotonic() + 60
            while len(server.tally.bodies) < 2:
                assert process.poll() is None, "it ended before"
                assert time.monotonic() < deadline, "it makes no progress"
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL
        assert not (tmp_path / "refine.evidence.jsonl").exists()
        kept = set(server.tally.bodies[0]["input"])
        assert _pilot(tmp_path).code == ExitCode.DONE
        again = [text for body in server.tally.bodies[2:] for text in body["input"]]
        assert len(kept) + len(again) == 120
        assert kept.isdisjoint(again)
    assert _clusters(tmp_path)["count"] == 120


def test_a_budget_that_is_too_small_is_said_before_a_text_is_sent(tmp_path: Path) -> None:
    with ThreadServer() as server:
        _write(tmp_path, server.base_url, "$0.001")
        refused = refinec("pilot", "--auto-approve", cwd=tmp_path, environ=KEYED)
        assert refused.code == ExitCode.BUDGET
        assert "RF5144" in refused.err
        assert server.tally.bodies == []


def test_a_budget_with_no_room_for_the_worst_case_of_a_batch_is_used_in_smaller_ones(tmp_path: Path) -> None:
    with ThreadServer() as server:
        _write(tmp_path, server.base_url, "$0.02", rows=120)
        assert _pilot(tmp_path).code == ExitCode.DONE
        assert len(server.tally.bodies) > 1
        assert len(_texts(server)) == len(set(_texts(server))) == 120


def test_what_is_known_rests_on_whom_is_asked_and_how(tmp_path: Path) -> None:
    with ThreadServer() as server:
        spec = _write(tmp_path, server.base_url, rows=20)
        assert _pilot(tmp_path).code == ExitCode.DONE
    text = spec.read_text()
    for old, new, is_known in (
        ('id = "some/embedding"', 'id = "other/embedding"', False),
        ("threshold = 0.9", "threshold = 0.8", False),
        ("127.0.0.1", "localhost", False),
        ("near(?!_)", "close", True),
        (r"input = \$2", "input = $3", True),
    ):
        spec.write_text(re.sub(rf"\b{old}", new, text))
        assert spec.read_text() != text
        planned = refinec("plan", cwd=tmp_path)
        assert planned.code == ExitCode.DONE, planned.err
        assert ("known after pilot for 20 of 20 items" not in planned.out) == is_known, old


def test_results_are_compared_with_originals_that_a_run_embeds_first(tmp_path: Path) -> None:
    with ThreadServer() as server:
        checks._write(tmp_path, server.base_url, "cost = $0.05")
        spec = tmp_path / "quiz.refine"
        spec.write_text(spec.read_text().replace("against = output", "against = [originals, output]"))
        planned = refinec("plan", "-o", "quiz.refplan", cwd=tmp_path)
        assert planned.code == ExitCode.DONE, planned.err
        assert "near, originals" in planned.out
        plan, problems = PlanFile.open(tmp_path / "quiz.refplan")
        assert plan is not None, problems
        found = plan.header.originals["near"]
        assert (found.texts, found.calls) == (120, 1)
        assert found.usd == found.tokens * Decimal("0.000002")
        assert plan.header.usd.expected is not None
        assert found.usd < plan.header.usd.expected
        assert found.ceiling < (plan.header.tokens.ceiling or 0)
        assert server.tally.bodies == []

        done = refinec("apply", "quiz.refplan", "--auto-approve", "--format", "json", cwd=tmp_path)
        assert done.code == ExitCode.DONE, done.err
        assert _sizes(server)[:2] == [120, 1]
        texts = _texts(server)
        assert len(set(texts)) == len(texts)
        words = sum(len(text.split()) for text in texts)
        assert Decimal(done.json["cost"]["usd"]) == words * Decimal("0.000002")
        events = checks._events(tmp_path)
        [vectors] = [event for event in events if event["event"] == "vectors"]
        assert (vectors["texts"], vectors["embedding"], vectors["batch"]) == (120, "near", 0)
        values = [each["values"] for each in checks._verdicts(events) if each["check"] == "new"]
        assert values
        assert max(value["similarity"] for value in values) <= 1
        assert all(value["similarity"] > 0.5 for value in values)  # each is made of an original

        asked = len(server.tally.bodies)
        refined = (tmp_path / "out/quiz.jsonl").read_bytes()
        again = refinec("plan", "--no-inventory", "-o", "again.refplan", "--format", "json", cwd=tmp_path)
        assert (tmp_path / "again.refplan").read_bytes() == (tmp_path / "quiz.refplan").read_bytes()
        assert again.json["cached"]["embedding.near"] == 1
        assert refinec("apply", "--auto-approve", cwd=tmp_path).code == ExitCode.DONE
        assert len(server.tally.bodies) == asked
        assert (tmp_path / "out/quiz.jsonl").read_bytes() == refined
        assert refinec("replay", "1", cwd=tmp_path).code == ExitCode.DONE
        assert refinec("verify", ".refine/runs/0001/provenance.jsonl", cwd=tmp_path).code == ExitCode.DONE

        # A clone has no vectors: they are bought again, in one request.
        clone = tmp_path / "clone"
        clone.mkdir()
        (clone / ".refine").mkdir()
        shutil.copytree(tmp_path / "data", clone / "data")
        shutil.copy(spec, clone)
        assert refinec("apply", "--auto-approve", cwd=clone).code == ExitCode.DONE
        assert (clone / "out/quiz.jsonl").read_bytes() == refined
        assert len(server.tally.bodies[asked]["input"]) == 120


def test_a_plan_says_that_the_originals_take_its_budget(tmp_path: Path) -> None:
    checks._write(tmp_path, "http://127.0.0.1:1/v1", "cost = $0.004")
    spec = tmp_path / "quiz.refine"
    spec.write_text(spec.read_text().replace("against = output", "against = originals"))
    planned = refinec("plan", cwd=tmp_path)
    assert planned.code == ExitCode.DONE
    assert "near, originals" not in planned.out
    assert "warning[RF4011]: a budget of $0.004 buys nothing" in planned.err
    assert "the vectors of the originals take about $0.005254 before the first" in planned.err
    enough = re.search(r"such as `(cost = \S+)`", planned.err)
    assert enough is not None
    spec.write_text(spec.read_text().replace("cost = $0.004", enough[1]))
    assert "near, originals" in refinec("plan", cwd=tmp_path).out


def test_a_run_that_cannot_embed_the_originals_stops_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(script=(Fault("status", status=401, message="no longer"),))) as server:
        checks._write(tmp_path, server.base_url, "cost = $0.05")
        spec = tmp_path / "quiz.refine"
        spec.write_text(spec.read_text().replace("against = output", "against = originals"))
        stopped = refinec("apply", "--auto-approve", cwd=tmp_path)
        assert stopped.code == ExitCode.UNAVAILABLE
        assert "embedding.near" in stopped.err
        assert not (tmp_path / "out/quiz.jsonl").exists()
        assert refinec("apply", "--resume", cwd=tmp_path).code == ExitCode.DONE
        assert _sizes(server)[:2] == [120, 120]


def test_a_pilot_that_tries_operators_embeds_the_originals_once(tmp_path: Path) -> None:
    with ThreadServer() as server:
        checks._write(tmp_path, server.base_url, "cost = $0.05")
        spec = tmp_path / "quiz.refine"
        text = spec.read_text().replace("against = output", "against = originals")
        spec.write_text(text + "pilot { items = 3, budget = $0.05 }\n")
        phase = _look(tmp_path)
        assert [wish["name"] for wish in phase["wishes"]] == ["near", "reword"]
        assert phase["hosts"] == ["127.0.0.1"]
        assert _pilot(tmp_path).code == ExitCode.DONE
        assert _sizes(server)[:2] == [120, 1]
        asked = len(server.tally.bodies)
        assert refinec("apply", "--auto-approve", cwd=tmp_path).code == ExitCode.DONE
        assert all(len(body["input"]) == 1 for body in server.tally.bodies[asked:])
    # A rate rests on the embedding that results are judged by, however it is called.
    text = spec.read_text()
    for old, new, is_known in (("near", "close_by", True), ("some/embedding", "other/embedding", False)):
        spec.write_text(re.sub(rf"\b{old}\b", new, text))
        looked = refinec("pilot", "--dry-run", "--format", "json", cwd=tmp_path)
        assert looked.code == ExitCode.DONE, looked.err
        assert [phase["phase"] for phase in looked.json["phases"]] == ([] if is_known else ["try"])
