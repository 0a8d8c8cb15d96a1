"""Specs that ask too much, or nothing: each is answered with a code, a place and a way out, and never takes long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import Answer, refinec

SPEC = """\
edition = 1
dataset items {
  task = qa
  source = "rows.jsonl"
  fields = { question = column("question"), answer = column("answer"), area = column("area") }
}
measure subject { kind = column, column = area }
dimension topic { from = subject, target = uniform() }
model small { provider = simulated, id = "s", price = { input = $0.15 / 1M, output = $0.60 / 1M } }
operator drop { kind = remove }
operator author { kind = generate, model = small, moves = { topic = any } }
budget { tokens = 400k }
output refined { path = "out/rows.jsonl" }
"""


def write(folder: Path, areas: list[str], *changes: tuple[str, str]) -> None:
    rows = [
        {"question": f"What is {number} plus {number + 1}?", "answer": str(2 * number + 1), "area": area}
        for number, area in enumerate(areas)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "a.refine").write_text(text)


def plan(folder: Path, *options: str) -> Answer:
    return refinec("plan", *options, cwd=folder)


FEW = ["algebra"] * 6 + ["geometry"] * 2
NO_AUTHOR = ("operator author { kind = generate, model = small, moves = { topic = any } }\n", "")
TOPOLOGY = ("target = uniform()", "labels = [algebra, geometry, topology], target = uniform()")


def test_empty_labels_that_nobody_fills_are_a_warning(tmp_path: Path) -> None:
    write(tmp_path, FEW, NO_AUTHOR, TOPOLOGY)
    answer = plan(tmp_path)
    assert answer.code == ExitCode.DONE
    assert "warning[RF4010]: no item has the label `topology`" in answer.err
    assert "a.refine:8:" in answer.err
    assert "help: let a `generate` operator move to it" in answer.err


def test_empty_labels_that_must_be_filled_are_an_error_with_a_way_out(tmp_path: Path) -> None:
    write(tmp_path, FEW, NO_AUTHOR, TOPOLOGY, ("budget {", "constraints { floor = { topic = 1 } }\nbudget {"))
    answer = plan(tmp_path)
    assert answer.code == ExitCode.INFEASIBLE
    assert "error[RF4001]: no plan meets every constraint" in answer.err
    assert "this alone cannot be met: every label of topic keeps its `floor`" in answer.err
    assert "a.refine:11:" in answer.err
    assert "help: feasible, solved again to be sure: floor = { topic = 0 }" in answer.err


@pytest.mark.parametrize(
    ("budget", "way"), [("tokens = 0", "such as `tokens = "), ("cost = $0", "such as `cost = $"),
                        ("tokens = 50", "such as `tokens = ")]
)  # fmt: skip
def test_a_budget_that_buys_nothing_is_a_warning_and_what_is_free_is_done(
    budget: str, way: str, tmp_path: Path
) -> None:
    write(tmp_path, FEW, ("tokens = 400k", budget), ("budget {", "constraints { size = 6 }\nbudget {"))
    answer = plan(tmp_path)
    assert answer.code == ExitCode.DONE
    assert "warning[RF4011]: a budget of " in answer.err
    assert "a.refine:13:" in answer.err
    assert way in answer.err
    assert "Plan: keep 6, change 0, add 0, drop 2. No calls, no cost." in answer.out


def test_the_way_out_of_an_empty_budget_is_one(tmp_path: Path) -> None:
    write(tmp_path, FEW, ("tokens = 400k", "tokens = 0"))
    help_ = next(line for line in plan(tmp_path).err.splitlines() if line.startswith("help: give it more"))
    write(tmp_path, FEW, ("tokens = 400k", help_.split("`")[1].replace(",", "")))
    answer = plan(tmp_path)
    assert "RF4011" not in answer.err
    assert "+ author" in answer.out


def test_a_set_that_is_protected_as_a_whole_stays_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, FEW, ("budget {", "constraints { protect = len(question) > 0 }\nbudget {"))
    answer = plan(tmp_path)
    assert answer.code == ExitCode.DONE
    assert "warning[RF4012]: all 8 items are protected: none of them may leave or be changed" in answer.err
    assert "a.refine:12:" in answer.err
    assert "Plan: nothing to do" in answer.out
    assert "protect (line 12): leaving it out lowers the divergence by about " in answer.out


def test_one_item_is_planned(tmp_path: Path) -> None:
    write(tmp_path, ["algebra"], ("target = uniform()", "labels = [algebra, geometry], target = uniform()"))
    answer = plan(tmp_path)
    assert answer.code == ExitCode.DONE
    assert "Plan: nothing to do, all 1 row stay as they are." in answer.out
    write(tmp_path, ["algebra"], ("budget {", "constraints { size = 4, distinct = at_least(0%) }\nbudget {"))
    assert "Plan: keep 1, change 0, add 3, drop 0." in plan(tmp_path).out


def test_no_item_at_all_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, [])
    answer = plan(tmp_path)
    assert answer.code == ExitCode.SPEC
    assert "error[RF3012]" in answer.err


@pytest.mark.parametrize(
    ("constraints", "lines"),
    [
        ("size = 2, keep_originals = at_least(90%)", ["exactly 2 items", "at least 8 of 8 items stay"]),
        ("size = 3", ["exactly 3 items", "at most 2 of 8 items leave"]),
        ("size = 4000", ["exactly 4000 items", "tokens, the reserve taken off"]),
    ],
)
def test_constraints_that_contradict_each_other_are_named_together(
    constraints: str, lines: list[str], tmp_path: Path
) -> None:
    write(tmp_path, FEW, ("budget {", f"constraints {{ {constraints} }}\nbudget {{"))
    answer = plan(tmp_path)
    assert answer.code == ExitCode.INFEASIBLE
    assert "error[RF4001]: no plan meets every constraint" in answer.err
    assert "a.refine:12:" in answer.err
    for line in lines:
        assert line in answer.err
    assert "help: feasible, solved again to be sure: size = " in answer.err


def test_ten_thousand_labels_are_refused_at_once(tmp_path: Path) -> None:
    write(tmp_path, [f"area {number}" for number in range(10_000)])
    answer = plan(tmp_path)
    assert answer.code == ExitCode.SPEC
    assert "error[RF3043]: dimension `topic` has 10000 labels in the data; at most 5000 can be balanced" in answer.err
    assert "a.refine:8:" in answer.err
    assert "help: measure something coarser, or list the labels that matter" in answer.err


def test_a_thousand_labels_are_planned(tmp_path: Path) -> None:
    areas = [f"area {number}" for number in range(1_000)]
    write(tmp_path, areas + areas[:50], ("budget {", "constraints { size = 1_000 }\nbudget {"))
    answer = plan(tmp_path)
    assert answer.code == ExitCode.DONE, answer.err
    assert "Plan: keep 1,000, change 0, add 0, drop 50." in answer.out


def test_too_many_combinations_are_refused_before_they_are_made(tmp_path: Path) -> None:
    write(
        tmp_path, [f"area {number}" for number in range(2_000)],
        ("model small", "dimension again { from = subject, target = uniform() }\nmodel small"),
        ("topic = any", "topic = any, again = any"),
    )  # fmt: skip
    answer = plan(tmp_path)
    assert answer.code == ExitCode.INFEASIBLE
    assert "error[RF4013]: operator `author` has 4,000,000 combinations of labels" in answer.err
    assert "help: name the labels that it shall make" in answer.err
