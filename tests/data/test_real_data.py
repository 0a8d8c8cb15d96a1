"""The readers on real public sets, against the counts that their makers give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data import BadRow, Item, build_profile, find_files, load_items, read_items
from refinelab_dsl.declarations import Band, Constraints, Dataset, Dimension, Measure, Target
from refinelab_dsl.expressions.nodes import Binary, Constant
from refinelab_dsl.project import Project

from .sets import MMLU_COLUMNS, MMLU_FIELDS, call, column

SHARED = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
PROJECT = Project(SHARED, SHARED)

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="THE REAL DATA SETS ARE MISSING: ../shared/data does not exist beside the checkout"
)


def read(source: str, task: Any, **options: Any) -> tuple[list[Item], list[BadRow]]:
    dataset = Dataset(name="real", task=task, source=(source,), **options)
    files, problems = find_files(dataset, PROJECT)
    assert problems == ()
    entries = list(read_items(dataset, files, PROJECT))
    return [each for each in entries if isinstance(each, Item)], [each for each in entries if isinstance(each, BadRow)]


def reasons(bad: list[BadRow]) -> list[tuple[str, str]]:
    return [(str(entry.diagnostic.place), entry.diagnostic.message) for entry in bad]


MMLU: Mapping[str, Any] = {
    "columns": MMLU_COLUMNS,
    "fields": {**MMLU_FIELDS, "subject": call("remove_suffix", call("stem"), "_test")},
}


def test_mmlu() -> None:
    """3 037 rows in 19 files, with newlines and quotes inside of fields. One of them is no question: its key, C, has
    the same text as D. One stands twice."""
    items, bad = read("mmlu/test/*.csv", "mcq", **MMLU)
    assert len(items) + len(bad) == 3037
    assert reasons(bad) == [
        ("mmlu/test/sociology_test.csv:198", "bad row: choices C and D are the same, and the answer is one of them")
    ]
    subjects = Counter(item.attributes["subject"] for item in items)
    assert (len(subjects), subjects["philosophy"], subjects["high_school_biology"], subjects["sociology"]) == (
        19,
        311,
        310,
        200,
    )
    assert [item.key for item in items if "-" in item.key] == ["bb69dcea909730f2-2"]
    for item in items:
        assert item.fields["answer"] == item.raw["ABCD"["ABCD".index(item.raw["answer"])]]


def test_mmlu_as_a_profile() -> None:
    subject = Measure(name="area", kind="column", options={"column": "subject"})
    words = Measure(name="length", kind="length", options={"unit": "words"})
    bands = (Band(label="short", high=Decimal(20)), Band(label="long", low=Decimal(20)))
    dimensions = (
        Dimension(name="topic", measure="area", target=Target(kind="uniform")),
        Dimension(name="size", measure="length", bands=bands, target=Target(kind="uniform")),
    )
    dataset = Dataset(name="mmlu", task="mcq", source=("mmlu/test/*.csv",), on_bad_row="skip", **MMLU)
    profile, diagnostics = build_profile(
        dataset, (subject, words), dimensions, (), Constraints(), seed=7, project=PROJECT
    )
    assert profile is not None
    assert [problem.code for problem in diagnostics] == ["RF3050"]
    assert (profile.size, profile.skipped, profile.duplicates, len(profile.files)) == (3036, 1, 1, 19)
    assert sum(profile.counts("topic").values()) == sum(profile.counts("size").values()) == 3036
    assert profile.label_names["topic"] == tuple(sorted(profile.label_names["topic"]))
    files, _ = find_files(dataset, PROJECT)
    chosen = set(profile.keys[::500])
    assert set(load_items(dataset, files, PROJECT, chosen)) == chosen


def test_lines_of_records_with_newlines_inside() -> None:
    items, _ = read("mmlu/test/econometrics_test.csv", "mcq", **MMLU)
    lines = (SHARED / "mmlu/test/econometrics_test.csv").read_bytes().split(b"\n")
    for item in items:
        assert item.place.line is not None
        start = item.fields["question"].split("\n")[0].replace('"', '""').encode()
        assert start in lines[item.place.line - 1]
    assert any(item.place.line != item.place.row for item in items)


GSM8K = {"answer": call("after", column("answer"), "####"), "solution": call("before", column("answer"), "####")}


@pytest.mark.parametrize(("source", "count"), [("gsm8k/test.jsonl", 1319), ("gsm8k/train_first3500.jsonl.gz", 3500)])
def test_gsm8k(source: str, count: int) -> None:
    items, bad = read(source, "math", fields=GSM8K)
    assert (len(items), bad) == (count, [])
    for item in items:
        assert (
            item.raw["answer"] == f"{item.fields['solution']}\n#### {item.fields['answer']}"
            or "####" in item.raw["answer"]
        )
        assert item.fields["answer"].replace(",", "").lstrip("-").replace(".", "").isdigit()
    assert items[0].fields["answer"] == "18" or source != "gsm8k/test.jsonl"


def test_gsm8k_answers_as_numbers() -> None:
    fields = {**GSM8K, "answer": call("number", call("after", column("answer"), "####"))}
    items, bad = read("gsm8k/test.jsonl", "math", fields=fields)
    assert (len(items), bad) == (1319, [])
    assert all("," not in item.fields["answer"] for item in items)


def test_semicolons_and_choices_as_python_literals() -> None:
    """MMLU-Redux: `;` between columns, `['a', "b's"]` as choices, keys that count from 0."""
    items, bad = read("mmlu_redux/original/*.csv", "mcq")
    assert len(items) + len(bad) == 1900
    assert {len(item.fields["choices"]) for item in items} == {4}
    assert all(item.fields["answer"] == item.fields["choices"][int(item.raw["answer"])] for item in items)
    assert all("are the same" in message for _, message in reasons(bad)), reasons(bad)
    wrong = Binary(operator="==", left=column("error_type"), right=Constant.of("Wrong groundtruth"))
    kept, _ = read("mmlu_redux/original/mmlu_college_chemistry.csv", "mcq", where=wrong)
    assert len(kept) == 21


@pytest.mark.parametrize(
    ("source", "count"), [("arc/ARC-Challenge-Test.jsonl.gz", 1172), ("arc/ARC-Easy-Test.jsonl.gz", 2376)]
)
def test_arc_has_three_and_five_choices_and_labels_of_two_kinds(source: str, count: int) -> None:
    fields = {"question": column("question.stem"), "choices": column("question.choices"), "answer": column("answerKey")}
    items, bad = read(source, "mcq", fields=fields)
    assert len(items) + len(bad) == count
    assert all("are the same" in message for _, message in reasons(bad)), reasons(bad)
    assert set(Counter(len(item.fields["choices"]) for item in items)) == {3, 4, 5}
    keys = {item.raw["answerKey"] for item in items}
    assert keys >= {"A", "1"}
    for item in items:
        labels = [choice["label"] for choice in item.raw["question"]["choices"]]
        assert item.fields["answer"] == item.fields["choices"][labels.index(item.raw["answerKey"])]
    assert [item.id for item in items] == [item.raw["id"] for item in items]


def test_commonsenseqa_and_openbookqa() -> None:
    fields = {"question": column("question.stem"), "choices": column("question.choices"), "answer": column("answerKey")}
    for source, count, width in (("commonsenseqa/dev.jsonl", 1221, 5), ("openbookqa/test_complete.jsonl", 500, 4)):
        items, bad = read(source, "mcq", fields=fields)
        assert len(items) + len(bad) == count
        assert all("are the same" in message for _, message in reasons(bad)), reasons(bad)
        assert {len(item.fields["choices"]) for item in items} == {width}


def test_mmlu_pro_has_up_to_ten_options() -> None:
    items, bad = read("mmlu_pro/questions.jsonl.gz", "mcq", fields={"choices": column("options")})
    assert len(items) + len(bad) == 5151
    assert all("are the same" in message for _, message in reasons(bad)), reasons(bad)
    assert max(len(item.fields["choices"]) for item in items) == 10
    assert all(item.fields["choices"].index(item.fields["answer"]) == item.raw["answer_index"] for item in items)


def test_truthfulqa_by_its_long_column_names() -> None:
    fields = {"question": column("Question"), "answer": column("Best Answer"), "topic": column("Category")}
    items, bad = read("truthfulqa/TruthfulQA.csv", "qa", fields=fields)
    assert (len(items), bad) == (817, [])
    assert len({item.attributes["topic"] for item in items}) == 38


def test_options_that_were_copied_wrongly_are_found() -> None:
    """Seven real defects of a much used copy of ARC: choices doubled or lost; those whose key is doubled are bad."""
    fields = {"choices": column("copy_choices"), "answer": column("copy_gold")}
    items, bad = read(
        "arc_copy_defects/llm_foundry_arc_challenge_defects.jsonl", "mcq", fields=fields, answer_as="index"
    )
    assert len(items) + len(bad) == 7
    doubled = [entry.diagnostic.message for entry in bad]
    assert all("are the same" in message for message in doubled)
    for item in items:
        assert item.fields["choices"].count(item.fields["answer"]) == 1
