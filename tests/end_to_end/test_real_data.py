"""The main job on real data: planned, applied over real HTTP through the real SDK, killed in the middle, resumed,
verified, replayed. The endpoint is the simulated model behind an OpenAI-shaped server on this machine."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import fork_refinec, refinec
from tests.harness.openai_server import ProcessServer

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
CONCURRENCY = 16

MMLU = """\
edition = 1
seed = 11

## Nine subjects of MMLU's test split: a file a subject, no header, keys as letters; a row of sociology is bad.
dataset mmlu {{
  task = mcq
  source = "{shared}/mmlu/test/[a-cs]*_test.csv"
  columns = [question, A, B, C, D, answer]
  on_bad_row = skip
  fields = {{
    question = column("question")
    choices = [column("A"), column("B"), column("C"), column("D")]
    answer = column("answer")
    subject = remove_suffix(stem(), "_test")
  }}
}}

measure area {{
  kind = column
  column = "subject"
}}

measure words {{
  kind = length
  unit = words
}}

dimension subject {{
  from = area
  target = uniform()
}}

dimension length {{
  from = words
  order = [short, medium, long]
  bands = {{ short = below(15), medium = between(15, 40), long = above(40) }}
  target = {{ short = 30%, medium = 45%, long = rest }}
}}
"""

GSM8K = """\
edition = 1
seed = 11

dataset gsm8k {{
  task = math
  source = "{shared}/gsm8k/test.jsonl"
  fields = {{
    question = column("question")
    answer = after(column("answer"), "####")
    solution = before(column("answer"), "####")
  }}
}}

measure words {{
  kind = length
  unit = words
}}

dimension length {{
  from = words
  order = [short, medium, long]
  bands = {{ short = below(35), medium = between(35, 60), long = above(60) }}
  target = {{ short = 20%, medium = 40%, long = 40% }}
}}
"""

REST = """
model small {{
  provider = openai
  id = "small-1"
  base_url = "{base_url}"
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }}
  limits = {{ concurrency = {concurrency} }}
}}

operator drop {{
  kind = remove
}}

operator paraphrase {{
  kind = expand
  model = small
  checks = [well_formed, fresh]
  prior = {{ success = 80% }}
}}

operator author {{
  kind = generate
  model = small
  moves = {{ {moves} }}
  checks = [well_formed, fresh, in_length]
  prior = {{ success = 60% }}
}}

validator well_formed {{
  kind = format
}}

validator fresh {{
  kind = duplicate
  against = [originals, output]
  accept = similarity < 0.95
}}

validator in_length {{
  kind = in_bin
  dimension = length
}}

budget {{
  tokens = 20M
  cost = $20.00
}}

output refined {{
  path = "out/refined.jsonl"
  layout = task
  provenance = "out/refined.prov.jsonl"
}}

expect "length as asked" {{
  assert = jsd(length) <= 0.005
}}
"""


@dataclass(frozen=True)
class Case:
    name: str
    spec: str
    moves: str
    rows: int  # of the dataset that are items
    dimensions: tuple[str, ...]


CASES = (
    Case("mmlu", MMLU, "subject = any, length = any", 1131, ("subject", "length")),
    Case("gsm8k", GSM8K, "length = any", 1319, ("length",)),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessServer]:
    log = tmp_path_factory.mktemp("server") / "requests.jsonl"
    with ProcessServer("--delay", "0.02", "--success", "0.75", log=log) as running:
        yield running


def write_project(folder: Path, case: Case, base_url: str) -> Path:
    folder.mkdir()
    (folder / "refine.lock").touch()
    spec = folder / f"{case.name}.refine"
    spec.write_text(
        case.spec.format(shared=SHARED) + REST.format(base_url=base_url, concurrency=CONCURRENCY, moves=case.moves)
    )
    return spec


def answered(server: ProcessServer, since: int) -> Counter[str]:
    """How often each request was answered, so paid, from exchange number `since` on."""
    return Counter(exchange["key"] for exchange in server.exchanges()[since:] if exchange["outcome"] == "answered")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_planned_applied_killed_resumed_verified_replayed(case: Case, server: ProcessServer, tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the public datasets are not here: {SHARED}")
    spec = write_project(tmp_path / "whole", case, server.base_url)
    whole, broken = spec.parent, tmp_path / "broken"

    plan = refinec("plan", spec.name, "-o", "a.refplan", "--allow-outside", "--format", "json", cwd=whole)
    assert plan.code == 0, plan.err
    planned = plan.json
    assert planned["size"] == {"now": case.rows, "planned": case.rows}
    assert planned["solver"]["status"] == "optimal"
    for name in case.dimensions:
        assert planned["divergence"][name]["planned"] < planned["divergence"][name]["now"] / 10
    assert str(SHARED) not in (whole / "a.refplan").read_text()

    # 1. Without interruption.
    before = len(server.exchanges())
    applied = refinec("apply", "a.refplan", "--allow-outside", "--format", "json", cwd=whole)
    assert applied.code in (0, 9), applied.err
    bought = answered(server, before)
    assert max(bought.values()) == 1
    head = applied.json
    assert head["status"] == "complete"
    rows = [json.loads(line) for line in (whole / "out/refined.jsonl").read_text().split("\n")[:-1]]
    assert len(rows) == head["size"]["measured"] == case.rows
    added = [row for row in rows if row["_origin"] == "added"]
    wanted = {action["operator"]: 0 for action in planned["actions"]}
    for action in planned["actions"]:
        wanted[action["operator"]] += action["accepted"]
    assert len(added) == sum(operator["accepted"] for operator in head["operators"].values())
    assert len(added) >= 0.9 * sum(count for name, count in wanted.items() if name != "drop")

    # 2. The same, killed in the middle: the same bytes, and nothing bought twice but what was in flight.
    write_project(broken, case, server.base_url)
    (broken / "a.refplan").write_bytes((whole / "a.refplan").read_bytes())
    before = len(server.exchanges())
    kill_in_the_middle(broken, server, before, sum(bought.values()) // 2)
    assert not (broken / "out/refined.jsonl").exists(), "an output stood there before the run was complete"
    resumed = refinec("apply", "--resume", "--format", "json", cwd=broken)
    assert resumed.code == applied.code, resumed.err
    for name in ("refined.jsonl", "refined.prov.jsonl"):
        assert (broken / "out" / name).read_bytes() == (whole / "out" / name).read_bytes()
    again = answered(server, before)
    assert set(again) == set(bought)
    assert sum(again.values()) - len(again) <= CONCURRENCY

    # 3. Verified, replayed, traced; one flipped byte is found.
    assert refinec("verify", "out/refined.prov.jsonl", cwd=broken).code == 0
    assert refinec("verify", "out/refined.jsonl", cwd=broken).code == 0
    before = len(server.exchanges())
    replayed = refinec("replay", "1", cwd=broken)
    assert replayed.code == 0, replayed.err
    trace = refinec("trace", added[0]["id"], cwd=broken)
    assert trace.code == 0, trace.err
    assert len(server.exchanges()) == before
    data = bytearray((broken / "out/refined.jsonl").read_bytes())
    data[len(data) // 3] ^= 1
    (broken / "out/refined.jsonl").write_bytes(bytes(data))
    assert refinec("verify", "out/refined.jsonl", cwd=broken).code != 0

    # 4. A saved plan is single-use; the spec applied again is answered from the cache alone.
    assert refinec("apply", "a.refplan", "--allow-outside", cwd=whole).code == 6
    once_more = refinec("apply", spec.name, "--auto-approve", "--allow-outside", cwd=whole)
    assert once_more.code == applied.code, once_more.err
    assert len(server.exchanges()) == before


def kill_in_the_middle(folder: Path, server: ProcessServer, before: int, enough: int) -> None:
    """Starts `apply` and kills it with SIGKILL once `enough` calls were answered."""
    with open(os.devnull, "r+") as nothing:
        process = fork_refinec(
            "apply", "a.refplan", "--allow-outside", cwd=folder, descriptors=[nothing.fileno()] * 3
        )
    deadline = time.monotonic() + 120
    while len(server.exchanges()) - before < enough and time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
