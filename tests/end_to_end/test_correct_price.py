"""What a plan says that `correct` costs, beside what the run is charged: over HTTP, where replies are paid once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.artifacts.evidence import NAME, Rate, load_evidence
from refinelab_dsl.operators.correct import Asked, split_calls
from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = """edition = 1
seed = 3
dataset quiz {{ task = {task}, source = "items.jsonl", fields = {{ doubt = column("doubt") }} }}
model small {{
  provider = openai
  id = "some"
  base_url = "{url}"
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }}
}}
{corpus}
validator checked {{ kind = {validator}, model = small }}
operator repair {{ kind = correct, model = small, validator = checked, where = {where} }}
constraints {{ flagged = {where}, max_removed = 0% }}
pilot {{ items = 4, budget = $0.50 }}
budget {{ tokens = 400k }}
output refined {{ path = "out/refined.jsonl" }}
"""
MEASURE = "measure key { kind = verdict, validator = checked }\n"
CORPUS = 'dataset facts { role = corpus, source = "facts.txt" }'
VALIDATORS = {"rag": "rag, corpus = facts, top_k = 2", "pot": "pot"}
FACTS = "A hexagon has six sides. Bees build hexagons.\n\nA square has four sides.\n"


@contextmanager
def lay_out(folder: Path, kind: str, where: str) -> Iterator[None]:
    """Sixteen items, each second with a wrong key: sides of hexagons for `rag`, days of weeks for `pot`."""
    folder.mkdir()
    with (folder / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(16):
            row: dict[str, Any] = {"doubt": number % 2}
            if kind == "rag":
                row["question"] = f"How many sides has hexagon number {number}?"
                row["choices"] = ["three", "four", "five", "six"]
                row["answer"] = "five" if number % 2 else "six"
            else:
                row["question"] = f"How many days are {number + 3} weeks?"
                row["solution"] = f"A week has 7 days. 7 * {number + 3} = {7 * number + 21}"
                row["answer"] = str(7 * number + 21 + 5 * (number % 2))
            stream.write(json.dumps(row) + "\n")
    (folder / "facts.txt").write_text(FACTS, encoding="utf-8")
    with ThreadServer(Behaviour(Simulation(success=0.5 if kind == "rag" else 0.9))) as server:
        text = SPEC.format(
            task="mcq" if kind == "rag" else "math", url=server.base_url, where=where,
            corpus=CORPUS if kind == "rag" else "", validator=VALIDATORS[kind],
        )  # fmt: skip
        (folder / "spec.refine").write_text(text + (MEASURE if "key" in where else ""), encoding="utf-8")
        yield


def run(folder: Path, *arguments: str) -> Any:
    answer = refinec(*arguments, "--format", "json", "spec.refine", cwd=folder)
    assert answer.code in (0, 9), answer.err + answer.out
    return answer.json


@pytest.mark.parametrize("kind", ["rag", "pot"])
def test_what_a_pilot_bought_is_not_expected_to_be_paid_again(tmp_path: Path, kind: str) -> None:
    with lay_out(tmp_path / "first", kind, "key == refuted"):
        run(tmp_path / "first", "pilot", "--auto-approve")
        planned = run(tmp_path / "first", "plan")["cost"]["tokens"]
        clone = shutil.copytree(tmp_path / "first", tmp_path / "clone", ignore=shutil.ignore_patterns(".refine"))
        done = run(tmp_path / "first", "apply", "--auto-approve")
        assert done["operators"]["repair"]["attempts"] >= 4
        paid = done["cost"]["tokens"]
        assert 0.9 * planned["low"] <= paid <= 1.2 * planned["expected"]
        per_attempt = done["operators"]["repair"]["tokens"] / done["operators"]["repair"]["attempts"]
        assert per_attempt == pytest.approx(done["operators"]["repair"]["planned_tokens_per_attempt"], rel=0.25)
        # A fresh clone has the evidence and not the replies: neither those of verdicts, nor what the pilot repaired.
        planned = run(clone, "plan")["cost"]["tokens"]
        again = run(clone, "apply", "--auto-approve")["cost"]["tokens"]
    assert paid < planned["expected"] < again <= planned["high"] * 1.02  # questions differ in length
    assert again <= planned["ceiling"]


@pytest.mark.parametrize("kind", ["rag", "pot"])
def test_without_a_pilot_the_first_verdict_is_paid(tmp_path: Path, kind: str) -> None:
    with lay_out(tmp_path / "spec", kind, "doubt > 0"):
        planned = run(tmp_path / "spec", "plan")["cost"]["tokens"]
        done = run(tmp_path / "spec", "apply", "--auto-approve")
    paid = done["cost"]["tokens"]
    assert done["operators"]["repair"]["attempts"] == 8
    assert 0.4 * planned["expected"] < paid < 1.3 * planned["expected"]
    assert paid <= planned["ceiling"]


def test_evidence_tells_what_is_paid_from_what_was_bought(tmp_path: Path) -> None:
    with lay_out(tmp_path / "spec", "pot", "key == refuted"):
        run(tmp_path / "spec", "pilot", "--auto-approve")
    evidence, _ = load_evidence(tmp_path / "spec" / NAME)
    (rate,) = [each for each in evidence.records if isinstance(each, Rate)]
    assert rate.own_calls == rate.attempts  # a derivation is written anew
    assert rate.stored_input_tokens > 0
    assert rate.input_tokens == rate.own_input_tokens  # the second verdict asks for the very same programs


def asked(text: str) -> list[Asked]:
    """`p0 own p0`: a program of sample 0, the operator's own call, that program again; `find1`: a search; `rag1`: a
    question about what it found."""
    kinds = {"p": "validator.v", "own": "repair", "rag": "validator.v", "find": ""}
    return [
        Asked(
            kinds[name], word, "corpus.facts" if name == "find" else "small", int(word[-1]) if name == "p" else 0
        )
        for word in text.split()
        for name in [word.rstrip("0123456789")]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first", "repeated"),
    [
        ("p0", 1, []),
        ("p0 p1 own p0 p1", 2, [3, 4]),
        ("p0 p1 p0", 2, [2]),
        ("find1 rag1", 2, []),
        ("find1 rag1 find2 rag2", 2, []),
        ("find1 rag1 own find2 rag2", 2, []),
        ("", 0, []),
    ],
)
def test_the_first_verdict_is_told_from_what_follows(text: str, first: int, repeated: list[int]) -> None:
    assert split_calls(asked(text), "repair") == (first, frozenset(repeated))


def test_a_simulated_model_is_asked_again() -> None:
    """Its replies depend on the answer: the requests differ, and the first program is counted from the start."""
    calls = [Asked("validator.v", key, "small", sample) for key, sample in [("a", 0), ("b", 1), ("c", 0)]]
    assert split_calls(calls, "repair") == (2, frozenset())
