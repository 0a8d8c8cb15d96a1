"""Conversations from the file to every form of output: copies leave, new ones are made, turns go back as they came."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from refinelab_dsl.data.conversation import read_messages
from refinelab_dsl.data.parquet import read_parquet
from tests.cli.command import refinec

SPEC = """\
edition = 1
seed = 3
dataset talk {
  task = chat
  source = "talk.csv"
  fields = { messages = column("conversations"), area = column("area") }
}
measure topic_ { kind = column, column = area }
measure twins { kind = near_duplicate, threshold = 0.9 }
measure size { kind = length, unit = words }
dimension topic { from = topic_, target = uniform() }
dimension length { from = size, bands = { short = below(40), long = above(40) } }
model small { provider = simulated, params = { success = 1 } }
operator unique { kind = deduplicate, measure = twins }
operator reword { kind = expand, model = small, checks = [whole, fresh], where = len(messages) > 1 }
operator author { kind = generate, model = small, moves = { topic = any }, checks = [whole, fresh] }
validator whole { kind = format }
validator fresh { kind = duplicate }
constraints { size = 6, max_removed = 30%, keep_originals = at_least(50%) }
budget { tokens = 300k }
output back { path = "out/back.csv" }
output table { path = "out/table.parquet", format = parquet, layout = task }
output tuning { path = "out/tuning.jsonl", format = sft }
"""
SAID: list[tuple[str, list[str]]] = [
    ("sea", ["Why is the sea so salty on most coasts?", "Rivers carry salt from the rocks."]),
    ("sea", ["Why is the sea so salty on most coasts!", "Rivers carry salt from the rocks."]),
    ("sea", ["What makes the tides?", "The moon.", "And does the sun add anything to it?", "Half as much."]),
    ("sky", ["Why is the sky red in the evening?", "The light takes a longer way through the air."]),
    ("sea", ["How deep is the deepest place of all the seas?"]),
]


def write(folder: Path) -> None:
    with (folder / "talk.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["n", "area", "conversations"])
        for number, (area, texts) in enumerate(SAID):
            turns = [{"from": ("human", "gpt")[place % 2], "value": text} for place, text in enumerate(texts)]
            rows.writerow([number, area, json.dumps(turns)])
    (folder / "talk.refine").write_text(SPEC)


def test_conversations_come_and_go_in_the_form_of_their_source(tmp_path: Path) -> None:
    write(tmp_path)
    answer = refinec("apply", "talk.refine", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    head: dict[str, Any] = answer.json
    assert head["size"]["measured"] == 6
    with (tmp_path / "out/back.csv").open(newline="", encoding="utf-8") as stream:
        back = list(csv.DictReader(stream))
    kept = [row["n"] for row in back if row["_origin"] == "original"]
    assert len({"0", "1"} & set(kept)) == 1  # one of the two that are nearly equal left
    made = [row for row in back if row["_origin"] == "added"]
    assert made
    for row in made:
        turns = json.loads(row["conversations"])
        assert {key for turn in turns for key in turn} == {"from", "value"}
        assert {turn["from"] for turn in turns} <= {"human", "gpt"}
    messages = [read_messages(json.loads(row["conversations"])) for row in back]
    table = list(read_parquet(tmp_path / "out/table.parquet"))
    assert [row["messages"] for row in table] == messages
    tuning = [json.loads(line) for line in (tmp_path / "out/tuning.jsonl").read_text().splitlines()]
    assert [row["messages"] for row in tuning] == messages
    for command in (("verify", head["provenance"]["file"]), ("replay", str(head["run"]))):
        checked = refinec(*command, cwd=tmp_path)
        assert checked.code == 0, checked.err
    trace = refinec("trace", "6", cwd=tmp_path)
    assert "- user: " in trace.out


def test_a_row_that_is_no_conversation_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "talk.csv").open("a", encoding="utf-8") as stream:
        stream.write('5,sky,"[{""from"":""gpt"",""value"":""Hello.""}]"\n6,sky,plain words\n')
    answer = refinec("plan", "talk.refine", cwd=tmp_path)
    assert answer.code == 1
    assert "talk.csv:7" in answer.err
    assert "the first turn is the assistant's" in answer.err
    assert "one turn of the user: asked(column" in answer.err
