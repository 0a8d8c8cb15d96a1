"""`batch = require` from the spec to the output: what `plan` says, and what `apply` pays at an endpoint on HTTP."""

from __future__ import annotations

import json
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec
from tests.cli.test_serve_simulated import serving

SPEC = """\
edition = 1
dataset quiz {{ task = qa, source = "quiz.jsonl", fields = {{ area = column("subject") }} }}
measure subject {{ kind = column, column = "area" }}
dimension topic {{ from = subject, target = uniform() }}
model small {{
  provider = openai
  id = "simulated-small"
  base_url = "{base_url}"
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M{share} }}
  batch = {batch}
}}
operator drop {{ kind = remove }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }}, checks = [well_formed] }}
validator well_formed {{ kind = format }}
budget {{ cost = $0.50 }}
run {{ batch = {wanted} }}
output refined {{ path = "out.jsonl" }}
"""


def write(folder: Path, base_url: str, *, batch: bool, share: str = "") -> None:
    rows = [{"question": f"What is {n}?", "answer": f"it is {n}", "subject": "ab"[n % 4 == 0]} for n in range(12)]
    (folder / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = SPEC.format(
        base_url=base_url, share=share and f", batch = {share}", batch=str(batch).lower(),
        wanted="require" if batch else "never",
    )  # fmt: skip
    (folder / "quiz.refine").write_text(text, encoding="utf-8")


def plan(folder: Path, *, batch: bool, share: str = "") -> dict[str, Any]:
    write(folder, "http://127.0.0.1:9/v1", batch=batch, share=share)
    answer = refinec("plan", "--format", "json", cwd=folder)
    assert answer.code == ExitCode.DONE, answer.err
    return dict(answer.json)


@pytest.mark.parametrize(("share", "factor"), [("", Decimal("0.5")), ("40%", Decimal("0.4"))])
def test_a_plan_is_priced_at_what_a_batch_costs(tmp_path: Path, share: str, factor: Decimal) -> None:
    calls, batched = plan(tmp_path, batch=False), plan(tmp_path, batch=True, share=share)

    assert "batch" not in calls
    (entry,) = batched["batch"]
    assert (entry["model"], entry["price_share"], entry["rehearsed"]) == ("small", float(factor), False)
    assert entry["rounds"] > 1
    assert batched["cost"]["tokens"] == calls["cost"]["tokens"]
    for name in ("expected", "low", "high", "ceiling", "full"):
        before, now = (Decimal(each["cost"]["usd"][name]) for each in (calls, batched))
        assert abs(now - before * factor) <= Decimal("0.000002"), name
    shown = refinec("plan", cwd=tmp_path).out
    assert f"model small at {factor:.0%} of its price" in shown
    assert ("the spec does not say" in shown) == (not share)


def test_a_spec_is_refined_by_batches_in_spite_of_an_expired_one(tmp_path: Path) -> None:
    with serving(tmp_path, "--batches", "0", "--batch-fault", "expire", "--log", "log.jsonl") as (process, ready, _):
        write(tmp_path, ready["base_url"], batch=True)
        done = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED
    assert done.code == ExitCode.DONE, done.err
    outcomes = [json.loads(line)["outcome"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert outcomes.count("answered") >= done.json["added"] > 0
    assert outcomes.count("made") >= 2
    usage = [json.loads(line) for line in (tmp_path / ".refine/runs/0001/provenance.jsonl").read_text().splitlines()]
    calls = [event for event in usage if event["event"] == "call"]
    paid = sum(
        event["input_tokens"] * Decimal("0.00000015") + event["output_tokens"] * Decimal("0.0000006") for event in calls
    )
    assert Decimal(done.json["cost"]["usd"]) == paid / 2 > 0


def test_a_fault_that_batches_do_not_have_is_said(tmp_path: Path) -> None:
    answer = refinec("serve-simulated", "--port", "0", "--batch-fault", "expires", cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert "there is no such fault of a batch" in answer.err
