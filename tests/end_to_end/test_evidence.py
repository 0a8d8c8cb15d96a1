"""Specs that rest on evidence, from the command to the refined set: checks by `rag`, repairs by `correct`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import Answer, refinec
from tests.harness.mediawiki_server import ThreadWiki, WikiServer
from tests.harness.openai_server import Behaviour, ThreadServer

FACTS = ("A hexagon has six sides.", "A square has four sides.", "A triangle has three sides.", "A cube has six faces.")

SPEC = """edition = 1
seed = 3
dataset quiz {{
  task = mcq
  source = "items.jsonl"
  fields = {{ doubt = column("doubt"), truth = column("truth") }}
}}
{corpus}
model small {{ {model}
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }}
}}
validator grounded {{ kind = rag, model = small, corpus = {name}, top_k = 2 }}
operator repair {{
  kind = correct
  model = small
  validator = grounded
  where = doubt > 0.5
  prior = {{ success = 80% }}
}}
constraints {{ flagged = doubt > 0.5, max_removed = 0% }}
budget {{ tokens = 400k }}
output refined {{ path = "out/refined.jsonl", layout = task, columns = [question, choices, answer] }}
"""

LOCAL = 'dataset facts { role = corpus, source = "facts.txt" }'


def _project(
    folder: Path, *, name: str = "facts", corpus: str = LOCAL, model: str = "provider = simulated",
    facts: str = "\n\n".join(FACTS),
) -> None:  # fmt: skip
    """Sixteen items, every second with a wrong key under suspicion; the simulated model alone knows their truth."""
    numbers = ["three", "four", "five", "six"]
    with (folder / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(16):
            key = "six" if number % 2 else "five"
            row = {
                "question": f"How many sides has hexagon number {number}?", "choices": numbers, "answer": key,
                "truth": "six", "doubt": 0.1 if number % 2 else 0.9,
            }  # fmt: skip
            stream.write(json.dumps(row) + "\n")
    (folder / "facts.txt").write_text(facts, encoding="utf-8")
    (folder / "spec.refine").write_text(SPEC.format(corpus=corpus, name=name, model=model), encoding="utf-8")


def _apply(folder: Path, environ: Mapping[str, str] = {}) -> Answer:
    return refinec("apply", "--auto-approve", "--format", "json", "spec.refine", cwd=folder, environ=environ)


def _answers(folder: Path) -> list[str]:
    rows = [json.loads(line) for line in (folder / "out/refined.jsonl").read_text("utf-8").splitlines()]
    return [row["answer"] for row in rows]


def _events(folder: Path, run: int = 1) -> list[dict[str, Any]]:
    log = folder / f".refine/runs/{run:04d}/provenance.jsonl"
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def test_wrong_keys_are_corrected_and_nothing_else_is_changed(tmp_path: Path) -> None:
    _project(tmp_path)
    answer = _apply(tmp_path)
    assert answer.code == 0, answer.err
    head = answer.json
    repaired = head["operators"]["repair"]
    assert repaired["accepted"] >= 4
    answers = _answers(tmp_path)
    assert answers[1::2] == ["six"] * 8
    assert answers[::2].count("six") == repaired["accepted"]
    assert answers[::2].count("five") == 8 - repaired["accepted"]
    verdicts = [event for event in _events(tmp_path) if event["event"] == "call" and event["model"] == "corpus.facts"]
    assert len(verdicts) > 10
    replayed = refinec("replay", "1", cwd=tmp_path)
    assert replayed.code == 0, replayed.err


REWORDED = """operator reword {
  kind = expand
  model = small
  where = doubt > 0.5
  checks = [fresh, grounded]
  max_per_item = 3
}
validator fresh { kind = duplicate, on_reject = retry, retries = 1 }
validator grounded { kind = rag, model = small, corpus = facts, top_k = 2, on_reject = correct }
measure doubtful { kind = length }
dimension size { from = doubtful, bands = { short = below(5), long = above(5) }, target = { short = 0%, long = rest } }
constraints { size = between(20, 22), max_removed = 0%, distinct = at_least(50%) }
"""


def test_results_get_the_answer_that_evidence_supports(tmp_path: Path) -> None:
    _project(tmp_path, model="provider = simulated\n  params = { success = 1.0 }")
    spec = tmp_path / "spec.refine"
    text = spec.read_text("utf-8")
    start, end = text.index("validator grounded"), text.index("budget {")
    spec.write_text(text[:start] + REWORDED + text[end:], encoding="utf-8")
    answer = _apply(tmp_path)
    assert answer.code == 0, answer.err
    reword = answer.json["operators"]["reword"]
    events = _events(tmp_path)
    accepted = [event["step"] for event in events if event["event"] == "commit"]
    refused = {event["step"] for event in events if event["event"] == "verdict" and event["check"] == "grounded"
               and not event["accept"]}  # fmt: skip
    assert reword["corrections"] >= len(refused.intersection(accepted)) > 2
    assert reword["accepted"] == len(accepted) >= 4
    # Their parents have the key `five`, which the passages refute; each is judged once more from its first check.
    answers = _answers(tmp_path)
    assert answers[:16] == ["five", "six"] * 8
    assert set(answers[16:]) == {"six"}
    for step in refused.intersection(accepted):
        told = [(each["check"], each["accept"]) for each in events if each.get("step") == step and "accept" in each]
        assert told == [("grounded", False), ("fresh", True), ("grounded", True)]  # `fresh` is judged at commit
    replayed = refinec("replay", "1", cwd=tmp_path)
    assert replayed.code == 0, replayed.err


def test_a_model_that_always_says_supported_catches_nothing(tmp_path: Path) -> None:
    """Over HTTP: every reply is `supported`. Nothing is refuted, nothing is changed, and the run says so."""
    with ThreadServer(Behaviour(Simulation(success=1.0))) as server:
        model = f'provider = openai, id = "yes", base_url = "{server.base_url}"'
        _project(tmp_path, model=model)
        answer = _apply(tmp_path)
        bodies = server.tally.bodies
    assert answer.code == 0
    assert "RF6015" in answer.err
    assert _answers(tmp_path) == ["five", "six"] * 8
    rejections = [event for event in _events(tmp_path) if event["event"] == "verdict"]
    assert {event["reason"] for event in rejections} <= {"nothing to correct", "it is not sure that the item is wrong"}
    assert answer.json["operators"]["repair"]["accepted"] == 0
    assert all('"truth"' not in message["content"] for body in bodies for message in body["messages"])
    assert any("A hexagon has six sides." in body["messages"][-1]["content"] for body in bodies)


def test_over_http_an_item_is_verified_repaired_and_verified_again(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(Simulation(success=0.5))) as server:
        _project(tmp_path, model=f'provider = openai, id = "some", base_url = "{server.base_url}"')
        answer = _apply(tmp_path)
    assert answer.code in (0, 9), answer.err
    accepted = answer.json["operators"]["repair"]["accepted"]
    assert accepted > 0
    answers = _answers(tmp_path)
    assert answers[1::2] == ["six"] * 8
    assert sum(each != "five" for each in answers[::2]) == accepted


def test_keywords_go_to_the_wiki_that_the_user_names_and_the_plan_lists(tmp_path: Path) -> None:
    _project(tmp_path, corpus="", name='wikipedia("en")')
    with ThreadWiki(WikiServer({"Hexagon": FACTS[0], "Square": FACTS[1]})) as wiki:
        environ = {"REFINE_WIKIPEDIA_URL": wiki.address, "REFINE_CONTACT": "me@example.org"}
        shown = refinec("plan", "spec.refine", cwd=tmp_path, environ=environ)
        answer = _apply(tmp_path, environ)
        asked, agents = list(wiki.asked), list(wiki.agents)
    assert "keywords to 127.0.0.1" in shown.out
    assert answer.code == 0, answer.err
    searches = [each["srsearch"] for each in asked if "srsearch" in each]
    assert searches
    assert all("How many" not in search for search in searches)
    assert all("me@example.org" in agent for agent in agents)
    again = refinec("replay", "1", cwd=tmp_path)
    assert again.code == 0, again.err


def test_a_wiki_that_refuses_stops_the_run_which_goes_on_later(tmp_path: Path) -> None:
    _project(tmp_path, corpus="", name='wikipedia("en")')
    pages = {"Hexagon": FACTS[0]}
    with ThreadWiki(WikiServer(pages, [None, None, None, None, "403"])) as wiki:
        environ = {"REFINE_WIKIPEDIA_URL": wiki.address}
        answer = _apply(tmp_path, environ)
        assert answer.code == 8
        assert "RF6604" in answer.err
        before = len(wiki.asked)
        resumed = refinec("apply", "--resume", "--format", "json", cwd=tmp_path, environ=environ)
        assert resumed.code == 0, resumed.err
        repeated = [each["srsearch"] for each in wiki.asked[before:] if "srsearch" in each]
        assert wiki.asked[0]["srsearch"] not in repeated


def test_a_corpus_that_changed_makes_a_plan_stale(tmp_path: Path) -> None:
    _project(tmp_path)
    assert refinec("plan", "spec.refine", "-o", "a.refplan", cwd=tmp_path).code == 0
    with (tmp_path / "facts.txt").open("a", encoding="utf-8") as stream:
        stream.write("\n\nA prism has rectangles.\n")
    answer = refinec("apply", "a.refplan", cwd=tmp_path)
    assert answer.code == 6
    assert "facts.txt" in answer.err


@pytest.mark.parametrize("facts", ["", " \n\n"])
def test_an_empty_corpus_is_refused_by_the_plan(tmp_path: Path, facts: str) -> None:
    _project(tmp_path, facts=facts)
    answer = refinec("plan", "spec.refine", cwd=tmp_path)
    assert answer.code == 1
    assert "RF3070" in answer.err


def test_nothing_retrieved_is_nothing_asked(tmp_path: Path) -> None:
    _project(tmp_path, facts="Quartz glitters.")
    answer = _apply(tmp_path)
    assert "RF6015" in answer.err
    calls = [event for event in _events(tmp_path) if event["event"] == "call"]
    assert {event["model"] for event in calls} == {"corpus.facts"}
    assert answer.json["cost"]["tokens"] == 0


PILOTED = SPEC.replace("doubt > 0.5", "verified == refuted").replace(
    "operator repair", "measure verified {{ kind = verdict, validator = grounded }}\n"
    "pilot {{ items = 3, label = all, budget = $1.00 }}\noperator repair"
)  # fmt: skip


def _pilot(folder: Path, model: str) -> Answer:
    _project(folder, model=model)
    (folder / "spec.refine").write_text(PILOTED.format(corpus=LOCAL, name="facts", model=model), encoding="utf-8")
    return refinec("pilot", "--auto-approve", "spec.refine", cwd=folder)


def test_a_pilot_finds_wrong_keys_and_the_run_corrects_them(tmp_path: Path) -> None:
    """The whole way: originals are verified, what is refuted is repaired, and the first verdict is not paid twice."""
    piloted = _pilot(tmp_path, "provider = simulated")
    assert piloted.code == 0, piloted.err
    assert "verified   16 of 16 items" in piloted.out
    refuted = re.search(r"refuted (\d+)", piloted.out)
    assert refuted is not None, piloted.out
    assert int(refuted[1]) >= 6
    answer = _apply(tmp_path)
    assert answer.code == 0, answer.err
    assert answer.json["operators"]["repair"]["accepted"] >= 3
    assert _answers(tmp_path).count("six") >= 8 + 3
    # Of two verdicts on a repaired item the store has the first.
    asked = [each for each in _events(tmp_path, answer.json["run"]) if each["event"] == "call" and each["template"]]
    assert answer.json["cost"]["tokens"] < 0.7 * sum(each["input_tokens"] + each["output_tokens"] for each in asked)


def test_a_validator_that_always_says_supported_refutes_nothing_in_the_pilot(tmp_path: Path) -> None:
    with ThreadServer(Behaviour(Simulation(success=1.0))) as server:
        piloted = _pilot(tmp_path, f'provider = openai, id = "yes", base_url = "{server.base_url}"')
        said = piloted.out + piloted.err
        planned = refinec("plan", "--format", "json", "spec.refine", cwd=tmp_path)
    assert "refuted" not in said.partition("Known")[2]
    assert planned.json["flagged"] == {"now": 0, "planned": 0}
    assert planned.json["actions"] == []


def test_the_host_of_a_validators_model_is_listed_too(tmp_path: Path) -> None:
    _project(tmp_path, model="provider = simulated")
    spec = tmp_path / "spec.refine"
    other = 'model other { provider = openai, id = "x", base_url = "http://127.0.0.1:9/v1" }\nvalidator grounded '
    text = spec.read_text("utf-8").replace("validator grounded ", other, 1)
    text = text.replace("kind = rag, model = small", "kind = rag, model = other")
    spec.write_text(text, "utf-8")
    planned = refinec("plan", "--format", "json", "spec.refine", cwd=tmp_path)
    assert planned.json["hosts"] == ["127.0.0.1"]
