"""Answers and derivations of public sets: what `benchmarks/answers.md` says of them, as far as it is quickly told."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import answers
from refinelab_dsl.equivalence import compare_answers, find_wrong_line
from tests.architecture.tree import ROOT

DATA = ROOT / "../shared/data"


def need(name: str) -> Path:
    """A set of `../shared/data`; without it the test is skipped."""
    if not (DATA / name).exists():
        pytest.skip(f"NO DATA: ../shared/data/{name} is not here")
    return DATA / name


def test_keys_that_were_kept_are_the_same_and_revised_ones_different() -> None:
    need("gsm8k_platinum")
    assert answers.platinum(DATA) == {"kept: same": 596, "revised: different": 3}


def test_three_solutions_of_gsm8k_have_a_slip() -> None:
    lines = (need("gsm8k") / "test.jsonl").read_text(encoding="utf-8").splitlines()
    solutions = [json.loads(line)["answer"].split("####")[0].rstrip() for line in lines]
    wrong = {number: find_wrong_line(solution) for number, solution in enumerate(solutions)}
    found = {number: solutions[number].splitlines()[line - 1] for number, line in wrong.items() if line is not None}
    assert set(found) == {410, 501, 1024}
    assert "$32 - $20 = $300" in found[1024]


def test_first_mistakes_of_known_traces_are_found_in_their_line() -> None:
    path = need("bigbench_mistake") / "multistep_arithmetic.jsonl.gz"
    figures: Counter[str] = Counter()
    for row in answers.lines(path):
        wrong = find_wrong_line("\n".join(step.replace("\n", " ") for step in row["steps"]))
        known = row["mistake_index"]
        if known is not None:
            figures["in its line" if wrong == known + 1 else "elsewhere"] += 1
        elif row["answer"] == row["target"]:
            figures["right" if wrong is None else "alarm"] += 1
    assert figures == {"in its line": 230, "elsewhere": 8, "right": 43, "alarm": 1}


def test_choices_of_one_item_are_the_same_only_where_they_have_one_value() -> None:
    found = []
    with (need("mmlu") / "test" / "high_school_mathematics_test.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            found += [pair for pair in itertools.combinations(row[1:5], 2) if compare_answers(*pair) == "same"]
    factored = ["(6-3x)(6+3x)", "(-3x+6)(3x+6)", "9(2-x)(2+x)"]
    assert found == [
        *itertools.combinations(factored, 2),
        ("2 \N{MULTIPLICATION SIGN} 5", "5 \N{MULTIPLICATION SIGN} 2"),
        (r"\frac{\sqrt{3}}{12}", r"\frac{1}{4\sqrt{3}}"),
    ]
