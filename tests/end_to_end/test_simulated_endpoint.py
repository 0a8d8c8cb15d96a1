"""Tables of a run whose endpoint is simulated, and which came to nothing but what was kept apart: they are replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = """edition = 1
dataset items {{ task = qa, source = "items.jsonl", fields = {{ area = column("area") }} }}
measure field {{ kind = column, column = area }}
dimension topic {{ from = field, target = uniform() }}
model small {{ provider = openai, base_url = "{base_url}", id = "small" }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }}, checks = [long] }}
validator long {{ kind = expression, accept = len(question) > 9_999, on_reject = quarantine }}
constraints {{ size = 12, max_removed = 0% }}
budget {{ tokens = 200k }}
output refined {{ path = "out.{kind}", provenance = "out.prov.jsonl" }}
"""


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_where_all_was_kept_apart_the_output_is_replayed(tmp_path: Path, kind: str) -> None:
    (tmp_path / ".git").mkdir()
    rows = [{"question": f"What is {n}?", "answer": str(n), "area": "aab"[n % 3]} for n in range(9)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with ThreadServer(Behaviour(Simulation(success=1.0))) as server:
        (tmp_path / "spec.refine").write_text(SPEC.format(base_url=server.base_url, kind=kind))
        told = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path).json
    assert (told["added"], told["simulated"]) == (0, True)
    assert len((tmp_path / "out.quarantine.jsonl").read_text().splitlines()) > 0
    answer = refinec("replay", "1", cwd=tmp_path)
    assert answer.code == 0, answer.err
