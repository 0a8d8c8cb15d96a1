"""Checks by an embedding that an endpoint computes: priced, asked under the ledger, kept, and repeated for nothing."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec
from tests.harness.openai_server import Behaviour, Fault, ThreadServer

ROOT = Path(__file__).resolve().parents[2]
SPEC = """\
edition = 1
seed = 5

dataset quiz { task = mcq, source = "data/quickstart.jsonl" }

measure field { kind = column, column = subject }

dimension subject { from = field, target = uniform() }

constraints { size = between(100, 124) }
model small { provider = simulated, price = { input = $0 / 1M, output = $0 / 1M } }

embedding near {
  provider = openai
  id = "some/embedding"
  base_url = "%s"
  price = { input = $2 / 1M }
}

operator thin { kind = remove }
operator reword { kind = expand, model = small, checks = [close, new] }
validator close { kind = drift, embedding = near, accept = similarity > 0.2 }
validator new { kind = duplicate, embedding = near, against = output }

budget { %s }
output refined { path = "out/quiz.jsonl" }
"""


def _write(folder: Path, base_url: str, budget: str = "cost = $0.01") -> None:
    (folder / ".refine").mkdir(exist_ok=True)
    shutil.copytree(ROOT / "specs/data", folder / "data", dirs_exist_ok=True)
    (folder / "quiz.refine").write_text(SPEC % (base_url, budget), encoding="utf-8")


def _events(folder: Path, run: int = 1) -> list[dict[str, Any]]:
    log = (folder / f".refine/runs/{run:04}/provenance.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in log.splitlines()]


def _verdicts(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "verdict"]


def test_vectors_are_bought_once_and_their_price_is_counted(tmp_path: Path) -> None:
    with ThreadServer() as server:
        _write(tmp_path, server.base_url)
        planned = refinec("plan", "-o", "quiz.refplan", cwd=tmp_path)
        assert planned.code == ExitCode.DONE, planned.err
        plan, problems = PlanFile.open(tmp_path / "quiz.refplan")
        assert plan is not None, problems
        header = plan.header
        assert header.hosts == ("127.0.0.1",)
        assert header.asked["reword"].calls > 0
        done = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
        assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE), done.err
        texts = [text for body in server.tally.bodies for text in body["input"]]
        assert texts
        assert len(set(texts)) == len(texts)
        cost = Decimal(done.json["cost"]["usd"])
        words = sum(len(text.split()) for text in texts)
        assert cost == words * Decimal("0.000002")
        assert Decimal(0) < cost < Decimal("0.01")
        assert header.usd.expected is not None
        assert 0 < header.usd.expected < 3 * cost
        asked = len(server.tally.bodies)
        again = refinec("apply", "--auto-approve", cwd=tmp_path)
        assert again.code in (ExitCode.DONE, ExitCode.INCOMPLETE), again.err
        assert len(server.tally.bodies) == asked
    events = _events(tmp_path)
    calls = [event for event in events if event["event"] == "call" and event["model"] == "embedding.near"]
    assert calls
    verdicts = {name: [each for each in _verdicts(events) if each["check"] == name] for name in ("close", "new")}
    assert all(verdict["accept"] == (verdict["values"]["similarity"] > 0.2) for verdict in verdicts["close"])
    assert all(verdict["accept"] == (verdict["values"]["similarity"] < 0.95) for verdict in verdicts["new"])
    assert verdicts["new"]
    assert refinec("replay", "1", cwd=tmp_path).code == ExitCode.DONE
    repeated = [each["values"] for each in _verdicts(_events(tmp_path, 2))]
    assert repeated == [each["values"] for each in _verdicts(events)]


def test_a_run_that_was_stopped_goes_on_with_what_it_bought(tmp_path: Path) -> None:
    behaviour = Behaviour(script=(*[None] * 5, Fault("status", status=401, message="no longer")))
    with ThreadServer(behaviour) as server:
        _write(tmp_path, server.base_url)
        stopped = refinec("apply", "--auto-approve", cwd=tmp_path)
        assert stopped.code == ExitCode.UNAVAILABLE
        assert "embedding.near" in stopped.err
        resumed = refinec("apply", "--resume", cwd=tmp_path)
        assert resumed.code in (ExitCode.DONE, ExitCode.INCOMPLETE), resumed.err
        delivered = [text for body in server.tally.bodies for text in body["input"]]
        assert len(delivered) - len(set(delivered)) <= 1 + server.tally.outcomes["status 401"]
        (tmp_path / "straight").mkdir()
        _write(tmp_path / "straight", server.base_url)
        assert refinec("apply", "--auto-approve", cwd=tmp_path / "straight").code == resumed.code
    outputs = [(folder / "out/quiz.jsonl").read_bytes() for folder in (tmp_path, tmp_path / "straight")]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(("fault", "said"), [("one_less", "0 vectors came for 1 texts"), ("not_finite", "finite")])
def test_vectors_that_are_none_stop_the_run_and_say_why(tmp_path: Path, fault: Any, said: str) -> None:
    with ThreadServer(Behaviour(script=(Fault(fault),) * 40)) as server:
        _write(tmp_path, server.base_url)
        done = refinec("apply", "--auto-approve", cwd=tmp_path)
    assert done.code == ExitCode.UNAVAILABLE
    assert "RF6012" in done.err
    assert said in done.err


def test_a_budget_is_kept_by_embeddings_too(tmp_path: Path) -> None:
    with ThreadServer() as server:
        _write(tmp_path, server.base_url, "cost = $0.0008")
        done = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
        assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE, ExitCode.BUDGET), done.err
        words = sum(len(text.split()) for body in server.tally.bodies for text in body["input"])
    assert words * Decimal("0.000002") <= Decimal("0.0008")


def test_dollars_cannot_be_kept_where_an_embedding_has_no_price(tmp_path: Path) -> None:
    _write(tmp_path, "http://127.0.0.1:1/v1")
    spec = tmp_path / "quiz.refine"
    spec.write_text(spec.read_text().replace("  price = { input = $2 / 1M }\n", ""))
    refused = refinec("check", cwd=tmp_path)
    assert refused.code == ExitCode.SPEC
    assert "the price of embedding `near` is unknown" in refused.out
