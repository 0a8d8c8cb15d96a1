"""`auto` on planted faults: how often it refutes a faulty item, and how often a sound one.

    python benchmarks/validator_stress.py [--json FILE]

The items, passages and replies are our own, written by hand (`tests/validators/recorded/items.jsonl`): 30 that are
computed and 10 that are looked up. No model was asked. The replies are what a good model might say, slips among them: a
first program that computes something else, one that guesses where the question is cut, a judge that supports whatever a
passage mentions. The programs really run, in the embedded sandbox; nothing is searched. Each item is checked as it is,
and with each fault: another key, a second correct choice, its answer in the question, its question cut off.

A fault is found where `auto` says `refuted`; a sound item that it refutes is a false alarm. `unknown` is neither.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Execute, Finding, Outcome, Passage, Retrieve
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.sandbox import Sandbox
from refinelab_dsl.validators import auto
from tests.validators.driving import make_questions, make_validator
from tests.validators.items import make_item

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "validators" / "recorded" / "items.jsonl"
CONDITIONS = ("sound", "wrong key", "two correct choices", "leaked hint", "truncated stem")


def plant(row: dict[str, Any], condition: str) -> tuple[Item, list[str]] | None:
    """The item under a condition and the programs that are replied; None where it cannot be had."""
    question, choices, answer, programs = row["question"], list(row.get("choices", ())), row["answer"], row["whole"]
    match condition:
        case "wrong key":
            answer = row["wrong_key"]
        case "two correct choices":
            if not choices:
                return None
            last = max(place for place, choice in enumerate(choices) if choice not in (answer, row["also"]))
            choices[last] = row["also"]
        case "leaked hint":
            question = f"{question} {row['hint']}"
        case "truncated stem":
            question, programs = row["cut"], row["cut_programs"]
    return make_item(question, *choices, answer=answer), programs


def run(row: dict[str, Any], condition: str, item: Item, programs: list[str], sandbox: Sandbox) -> tuple[Finding, int]:
    """What `auto` finds, and how many calls it took. The last program is repeated where more are asked for."""
    questions = make_questions(row["task"], {"validator.check.pot": "pot", "validator.check.rag": "rag"})
    inquiry, calls = auto.inquire(make_validator("auto", corpus="facts"), item, questions), 0
    sent: Any = None
    while True:
        try:
            effect = inquiry.send(sent)
        except StopIteration as stop:
            return stop.value, calls
        match effect:
            case Retrieve():
                sent = tuple(Passage(f"facts:{place}", "", text) for place, text in enumerate(row["passages"], 1))
            case Request() if effect.schema is not None and "verdict" in effect.schema["properties"]:
                calls += 1
                sent = Completion(json.dumps(row["judged"][condition]), None, "stop", "recorded")
            case Request():
                program = programs[min(calls, len(programs) - 1)]
                calls += 1
                sent = Completion(json.dumps({"program": program}), None, "stop", "recorded")
            case Execute():
                outcome: Outcome = sandbox.run(effect)
                sent = outcome
            case _:
                raise AssertionError(effect)


def measure() -> dict[str, dict[str, Counter[str]]]:
    """Way and condition -> verdicts, calls, and misses by name."""
    table: dict[str, dict[str, Counter[str]]] = {}
    rows = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    with Sandbox() as sandbox:
        for row in rows:
            way = "computed" if row["whole"] else "looked up"
            for condition in CONDITIONS:
                planted = plant(row, condition)
                if planted is None:
                    continue
                finding, calls = run(row, condition, *planted, sandbox)
                entry = table.setdefault(way, {}).setdefault(condition, Counter())
                entry.update({finding.verdict: 1, "items": 1, "calls": calls})
                wanted = "supported" if condition == "sound" else "refuted"
                if finding.verdict != wanted:
                    entry[f"{row['id']}: {finding.verdict} ({finding.reason})"] += 1
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="auto on planted faults, with recorded replies")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--misses", action="store_true", help="name each item that was not settled as it should be")
    options = parser.parse_args()
    table = measure()
    print(f"{'way':10} {'condition':20} {'items':>5} {'refuted':>8} {'supported':>9} {'unknown':>8} {'calls':>6}")
    for way, conditions in table.items():
        for condition, entry in conditions.items():
            shown = (entry[name] for name in ("items", "refuted", "supported", "unknown", "calls"))
            print("{:10} {:20} {:5} {:8} {:9} {:8} {:6}".format(way, condition, *shown))
            if options.misses:
                print(*(f"      {name}" for name in entry if ":" in name), sep="\n")
    for way, conditions in table.items():
        faulty = [conditions[condition] for condition in CONDITIONS[1:]]
        found, planted = sum(entry["refuted"] for entry in faulty), sum(entry["items"] for entry in faulty)
        alarms, sound = conditions["sound"]["refuted"], conditions["sound"]["items"]
        print(f"\n{way}: {found} of {planted} planted faults refuted ({found / planted:.0%}), "
              f"{alarms} of {sound} sound items refuted ({alarms / sound:.0%})")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
