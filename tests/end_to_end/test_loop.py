"""Loops as a user runs them: rounds within one budget, chained logs, and commands that fail, hang or write garbage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.cli.command import Answer, fork_refinec, refinec

SPEC = """\
edition = 1
dataset items {{ task = qa, source = "items.jsonl", fields = {{ area = column("area") }} }}
dataset feedback {{ role = signals, source = "feedback.jsonl", join = {{ item = id }} }}
measure loss_before {{ kind = loss, signals = feedback }}
measure loss_after {{ kind = loss, signals = feedback }}
model small {{ provider = simulated }}
dimension complexity {{ from = loss_after, bands = {{ learnt = below(2), hard = above(2) }}, target = {{ learnt = 100%, hard = 0% }} }}
operator simplify {{ kind = rewrite, model = small, moves = {{ complexity = to(learnt) }}, where = loss_before > 1 and loss_after > 2, checks = [well_formed], max_per_item = 3 }}
operator author {{ kind = generate, model = small, where = z(loss_after) < 1, checks = [well_formed, fresh] }}
validator well_formed {{ kind = format }}
validator fresh {{ kind = duplicate }}
constraints {{ size = 27 }}
budget {{ tokens = {tokens} }}
output refined {{ path = "out.jsonl", layout = task }}
loop {{ rounds = 2, command = ["{python}", "train.py", "{{data}}", "{{signals}}"], timeout = 20s{more} }}
"""  # noqa: E501

# A quarter of the items is hard, in each round another one; what was rewritten is hard for ever.
TRAIN = """\
import json, sys
data, signals = sys.argv[1:]
rows = [json.loads(line) for line in open(data)]
print("training on", len(rows))
quarter = 1 + any(row["_origin"] == "changed" for row in rows)
with open(signals, "w") as file:
    for place, row in enumerate(rows):
        hard = row["_origin"] == "changed" or (row["id"][0] == "q" and int(row["id"][1:]) % 4 == quarter)
        row = {"item": row["id"], "loss_before": 2, "loss_after": 3 if hard else 1}
        file.write(json.dumps(row) + "\\n")
"""


def prepare(folder: Path, *, train: str = TRAIN, tokens: str = "60k", more: str = "") -> None:
    (folder / ".git").mkdir(exist_ok=True)
    rows = [
        {"id": f"q{n}", "question": f"What is the sum of {n} and {n + 7}?", "answer": str(2 * n + 7), "area": "sums"}
        for n in range(24)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "loop.refine").write_text(SPEC.format(tokens=tokens, more=more, python=sys.executable))
    (folder / "train.py").write_text(train)


def apply(folder: Path, *arguments: str) -> Answer:
    return refinec("apply", *(arguments or ("loop.refine",)), "--auto-approve", "--allow-exec", "--format", "json",
                   cwd=folder)  # fmt: skip


def load(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def codes(answer: Answer) -> list[str]:
    return [each["code"] for each in answer.json["diagnostics"]]


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("loop")
    prepare(folder)
    answer = apply(folder)
    assert answer.code in (0, 9), answer.err
    return folder, answer.json


def test_rounds_are_runs_of_one_budget_that_follow_each_other(looped: tuple[Path, dict[str, Any]]) -> None:
    folder, head = looped
    loop = head["loop"]
    assert (loop["status"], loop["reason"]) == ("complete", "rounds")
    assert [each["run"] for each in loop["rounds"]] == [1, 2]
    assert all(each["accepted"] > 0 and each["exit_code"] == 0 for each in loop["rounds"])
    spent = [each["tokens"] for each in loop["rounds"]]
    assert spent == sorted(spent)
    assert 0 < spent[0] < spent[-1] <= 60_000
    for number in (1, 2):
        run = folder / f".refine/runs/{number:04d}"
        assert json.loads((run / "run.json").read_text())["legs"] == list(range(1, number))
        assert refinec("verify", run / "provenance.jsonl", cwd=folder).code == (0 if number == 2 else 11)
        assert refinec("replay", str(number), cwd=folder).code == 0
    first = load(folder / ".refine/runs/0001/provenance.jsonl")[-1]["root"]
    assert first in (folder / ".refine/runs/0002/provenance.jsonl").read_text()


def test_every_round_keeps_its_items_its_signals_its_plan_and_what_was_printed(
    looped: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = looped
    for number in (1, 2):
        place = folder / f".refine/loops/0001/round-{number:02d}"
        items, signals = load(place / "data/items.jsonl"), load(place / "signals.jsonl")
        assert [each["id"] for each in items] == [each["item"] for each in signals]
        assert (place / "command.log").read_text() == f"training on {len(items)}\n"
        assert (place / "plan.refplan").read_bytes() == (
            folder / f".refine/runs/{number:04d}/plan.refplan"
        ).read_bytes()
    assert {each["_origin"] for each in load(folder / ".refine/loops/0001/round-01/data/items.jsonl")} == {"original"}


def test_an_item_is_rewritten_once_and_what_made_it_stays_said(looped: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = looped
    later = load(folder / ".refine/loops/0001/round-02/data/items.jsonl")
    made = {each["id"]: each for each in later if each["_origin"] != "original"}
    assert {"changed", "added"} == {each["_origin"] for each in made.values()}
    final = {each["id"]: each for each in load(folder / "out.jsonl")}
    for identity, row in made.items():  # the training says that it is hard again, and it stays as it is
        assert final[identity]["question"] == row["question"]
        assert final[identity]["_origin"] == row["_origin"]
        assert final[identity]["_simulated"] is True
    assert len({(each["question"], each["answer"]) for each in final.values()}) == len(final)


def test_loops_stand_beside_the_runs(looped: tuple[Path, dict[str, Any]]) -> None:
    folder, head = looped
    (listed,) = refinec("runs", "loops", "--format", "json", cwd=folder).json
    assert (listed["loop"], listed["status"], listed["reason"], listed["spec"]) == (1, "complete", "rounds", "loop")
    assert listed["rounds"] == head["loop"]["rounds"]
    assert listed["cost"]["tokens"] == head["loop"]["rounds"][-1]["tokens"] > 0
    shown = refinec("runs", cwd=folder).out.splitlines()
    assert [line.split()[0] for line in shown if line] == ["run", "1", "2", "loop", "1"]
    assert shown[-2].split() == ["loop", "status", "spec", "rounds", "runs", "changes", "tokens", "cost", "started"]
    changes = sum(each["accepted"] for each in head["loop"]["rounds"])
    assert shown[-1].split()[:7] == ["1", "complete", "loop", "2", "1,", "2", str(changes)]


def test_a_loop_whose_record_is_damaged_is_told_and_begun_again_without_buying_twice(
    looped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(looped[0], folder)
    record = folder / ".refine/loops/0001/loop.json"
    record.write_text(record.read_text().replace('"status": "complete"', '"status": "running"'))
    (listed,) = refinec("runs", "loops", "--format", "json", cwd=folder).json
    assert listed["status"] == "interrupted"  # nobody holds the lock: it was killed
    record.write_text('{"loop": 1, "status": "runn')
    run = folder / ".refine/runs/0002/run.json"
    run.write_text(run.read_text().replace('"status": "complete"', '"status": "interrupted"'))
    answer = apply(folder, "--resume")
    assert (answer.code, codes(answer)) == (8, ["RF6906"])
    assert ".refine/loops/0001/loop.json" in answer.out
    assert "`refinec apply --resume=2`" in answer.out
    (listed,) = refinec("runs", "loops", "--format", "json", cwd=folder).json
    assert (listed["loop"], listed["status"], listed["cost"]) == (1, "damaged", None)
    resumed = apply(folder, "--resume=2")
    assert (resumed.json["run"], resumed.json["status"]) == (2, "complete"), resumed.err
    again = apply(folder)
    assert (again.json["loop"]["loop"], again.json["loop"]["status"]) == (2, "complete"), again.err
    accepted = [sum(each["accepted"] for each in loop["rounds"]) for loop in (again.json["loop"], looped[1]["loop"])]
    assert accepted[0] == accepted[1]
    assert (again.json["cost"]["tokens"], again.json["cost"]["calls"]) == (0, 0)
    assert (folder / ".refine/loops/0001/round-01/data/items.jsonl").exists()


def test_without_consent_nothing_is_run(tmp_path: Path) -> None:
    prepare(tmp_path)
    answer = refinec("apply", "loop.refine", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert (answer.code, codes(answer)) == (2, ["RF6900"])
    assert not (tmp_path / ".refine").exists()


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ("print('out of memory')\nraise SystemExit(7)", "RF6901"),
        ("pass", "RF6904"),
        (TRAIN.replace('"loss_before": 2', '"loss_before": float("nan") if place == 3 else 2'), "RF6905"),
        (TRAIN.replace("for place, row in enumerate(rows)", "for place, row in enumerate(rows[1:])"), "RF3103"),
        (TRAIN.replace('"item": row["id"]', '"item": row["id"] if place else "stranger"'), "RF3104"),
        ("import sys\nopen(sys.argv[2], 'wb').write(bytes(range(256)) * 9)", "RF6905"),
        (TRAIN.replace('"loss_after": 3 if hard else 1', '"loss_after": "high"'), "RF3101"),
    ],
)
def test_a_command_that_fails_or_writes_garbage_leaves_a_round_to_go_on_with(
    tmp_path: Path, train: str, expected: str
) -> None:
    prepare(tmp_path, train=train)
    answer = apply(tmp_path)
    assert answer.code == 8, answer.err
    assert expected in codes(answer)
    assert answer.json["loop"]["status"] == "stopped"
    items = tmp_path / ".refine/loops/0001/round-01/data/items.jsonl"
    assert len(load(items)) == 24
    assert not (tmp_path / ".refine/runs/0001").exists()
    if expected == "RF6901":
        assert "exit code 7" in answer.out
        assert "out of memory" in answer.out
        before = items.read_bytes()
        (tmp_path / "train.py").write_text(TRAIN)
        again = apply(tmp_path, "--resume")
        assert again.json["loop"]["loop"] == 1, again.err
        assert again.json["loop"]["status"] == "complete"
        assert items.read_bytes() == before


def test_what_a_command_writes_over_its_input_changes_no_item(
    tmp_path: Path, looped: tuple[Path, dict[str, Any]]
) -> None:
    """A training that lowers its input in place, or empties it, gives what one gives that only reads it."""
    spoil = 'text = open(data).read()\nopen(data, "w").write(text.lower() if quarter == 1 else "gone")\n'
    prepare(tmp_path, train=TRAIN + spoil)
    answer = apply(tmp_path)
    assert answer.json["loop"]["reason"] == "rounds", answer.err
    for name in ("out.jsonl", ".refine/loops/0001/round-01/data/items.jsonl",
                 ".refine/loops/0001/round-02/data/items.jsonl"):  # fmt: skip
        assert (tmp_path / name).read_bytes() == (looped[0] / name).read_bytes(), name
    assert not list((tmp_path / ".refine/loops").rglob("given"))


def test_a_folder_that_a_command_made_for_its_signals_is_no_bar_to_a_resume(tmp_path: Path) -> None:
    prepare(tmp_path, train="import os, sys\nos.makedirs(sys.argv[2] + '/shard')")
    answer = apply(tmp_path)
    assert (answer.code, codes(answer)) == (8, ["RF6904"])
    (tmp_path / "train.py").write_text(TRAIN)
    again = apply(tmp_path, "--resume")
    assert again.code in (0, 9), again.err
    assert (again.json["loop"]["loop"], again.json["loop"]["reason"]) == (1, "rounds")


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    prepare(tmp_path, train="import time\nprint('epoch 1', flush=True)\ntime.sleep(600)")
    spec = tmp_path / "loop.refine"
    spec.write_text(spec.read_text().replace("timeout = 20s", "timeout = 1s"))
    answer = apply(tmp_path)
    assert (answer.code, codes(answer)) == (8, ["RF6903"])
    assert "epoch 1" in answer.out


def test_ctrl_c_ends_the_command_and_the_loop_goes_on_later(tmp_path: Path) -> None:
    prepare(tmp_path, train="import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
    with open(os.devnull, "r+b") as nothing:
        process = fork_refinec(
            "apply", "loop.refine", "--auto-approve", "--allow-exec", cwd=tmp_path,
            descriptors=[nothing.fileno()] * 3,
        )  # fmt: skip
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    (tmp_path / "train.py").write_text(TRAIN)
    answer = apply(tmp_path, "--resume")
    assert answer.json["loop"]["status"] == "complete", answer.err


@pytest.mark.parametrize(
    ("train", "more", "tokens", "expected"),
    [
        (TRAIN.replace("3 if hard else", "3 if hard and quarter < 2 else"), "", "60k", ("no gain",)),
        (TRAIN, ", stop_when = tokens() > 100", "60k", ("stop_when",)),
        (TRAIN, "", "14k", ("budget",)),
    ],
)
def test_a_loop_ends_where_nothing_is_gained_where_stop_when_holds_and_within_its_budget(
    tmp_path: Path, train: str, more: str, tokens: str, expected: tuple[str, ...]
) -> None:
    prepare(tmp_path, train=train, more=more, tokens=tokens)
    if expected == ("no gain",):
        spec = tmp_path / "loop.refine"
        spec.write_text(spec.read_text().replace("size = 27", "size = keep"))
    answer = apply(tmp_path)
    loop = answer.json["loop"]
    assert loop["status"] == "complete", answer.err
    assert loop["reason"] in expected
    assert 0 < loop["rounds"][-1]["tokens"] <= int(tokens.replace("k", "000").replace("_", ""))


LOSING = """\
edition = 1
dataset items {{ task = qa, source = "items.jsonl", fields = {{ area = column("area") }} }}
dataset feedback {{ role = signals, source = "feedback.jsonl", join = {{ item = id }} }}
measure loss_after {{ kind = loss, signals = feedback }}
measure area_of {{ kind = column, column = "area" }}
dimension area {{ from = area_of, labels = [sums, odd], target = {{ sums = 95%, odd = 5% }} }}
operator drop {{ kind = remove, where = loss_after > 2 }}
constraints {{ size = {size} }}
budget {{ tokens = 60k }}
output refined {{ path = "out.jsonl", layout = task }}
loop {{ rounds = 1, command = ["{python}", "train.py", "{{data}}", "{{signals}}"], timeout = 20s }}
"""
LOSING_TRAIN = TRAIN.replace('"loss_before": 2, "loss_after": 3 if hard', '"loss_after": 3 if row["area"] == "odd"')


@pytest.mark.parametrize(("odd", "lost"), [(1, "only item"), (2, "2 items")])
def test_a_round_that_loses_a_label_is_named(tmp_path: Path, odd: int, lost: str) -> None:
    prepare(tmp_path, train=LOSING_TRAIN)
    (tmp_path / "loop.refine").write_text(LOSING.format(size=24 - odd, python=sys.executable))
    rows = load(tmp_path / "items.jsonl")
    for row in rows[:odd]:
        row["area"] = "odd"
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = apply(tmp_path)
    assert answer.code == 0, answer.err
    (found,) = [each for each in answer.json["diagnostics"] if each["code"] == "RF6910"]
    assert found["message"] == "round 1 may have made the set worse"
    assert found["notes"] == [f"`odd` of `area` lost its {lost}"]
    assert "RF6027" not in codes(answer), "it is said of the round"
    assert "round 1" in answer.err


def test_the_example_of_three_axes_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs/middo", tmp_path / "specs/middo")
    shutil.copytree(ROOT / "specs/data", tmp_path / "specs/data")
    (tmp_path / ".git").mkdir()
    spec = tmp_path / "specs/middo/middo.refine"
    spec.write_text(spec.read_text().replace("rounds = 3", "rounds = 2"))  # the third is no other
    answer = apply(tmp_path, "specs/middo/middo.refine")
    loop = answer.json["loop"]
    assert (loop["status"], loop["reason"]) == ("complete", "rounds"), answer.err
    assert loop["rounds"][-1]["tokens"] <= 60_000
    assert sum(each["accepted"] for each in loop["rounds"]) > 0
    assert refinec("verify", answer.json["provenance"]["file"], cwd=tmp_path / "specs/middo").code == 0
    assert refinec("replay", str(answer.json["run"]), cwd=tmp_path / "specs/middo").code == 0
