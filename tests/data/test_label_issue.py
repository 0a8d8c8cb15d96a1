"""Signals that speak of keys: joined, judged, and what is wrong with them told with its row."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data import Profile, build_profile
from refinelab_dsl.declarations import Constraints, Dataset, Dimension, Measure
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.expressions.nodes import Binary, Constant
from refinelab_dsl.project import Project

from .sets import MMLU_COLUMNS, MMLU_FIELDS, call, codes, column, make_project

SHARED = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
ITEMS = [
    {"id": "a", "question": "One?", "choices": ["x", "y", "z"], "answer": "x"},
    {"id": "b", "question": "Two?", "choices": ["x", "y"], "answer": "y"},
    {"id": "c", "question": "Three?", "choices": ["x", "y", "z"], "answer": "z"},
]

PREVIOUS_ROW = Binary(operator="-", left=call("row"), right=Constant(type="number", text="1"))


def judge(
    folder: Path, table: str, option: str, items: list[dict[str, Any]] = ITEMS, **options: Any
) -> tuple[Profile | None, Diagnostics]:
    task = options.pop("task", "mcq" if "choices" in items[0] else "qa")
    dataset = Dataset(name="items", task=task, source=("items.jsonl",))
    content = "".join(json.dumps(item) + "\n" for item in items)
    project = make_project(folder, {"items.jsonl": content, "said.csv": table})
    signals = Dataset(
        **{"name": "said", "task": task, "source": ("said.csv",), "role": "signals", "join": {"item": "id"}, **options}
    )
    measure = Measure(name="issue", kind="label_issue", options={option: "said"})
    return build_profile(
        dataset, (measure,), (Dimension(name="issue", measure="issue", unknown="keep"),), (), Constraints(), seed=0,
        project=project, others=(signals,),
    )  # fmt: skip


def values(*arguments: Any, **options: Any) -> list[float | None]:
    profile, found = judge(*arguments, **options)
    assert profile is not None, found
    return list(profile.recorded["issue"])


def test_answers_are_joined_and_a_missing_row_has_no_value(tmp_path: Path) -> None:
    found = values(tmp_path, "item,m,n,o\na,A,A,A\nb,A,A,A\n", "answers")
    assert found[0] < found[1]  # type: ignore[operator]
    assert found[2] is None


def test_answers_that_name_no_choice_do_not_count(tmp_path: Path) -> None:
    profile, found = judge(tmp_path, "item,m,n\na,A,A\nb,?,A\nc,D,C\n", "answers")
    assert profile is not None, found
    assert "2 answers of `said` name no choice and do not count" in profile.notes
    without = values(tmp_path, "item,m,n\na,A,A\nb,,A\nc,,C\n", "answers")
    assert list(profile.recorded["issue"]) == without


def test_a_matrix_of_right_and_wrong_serves(tmp_path: Path) -> None:
    found = values(tmp_path, "item,m,n,o\na,1,1,1\nb,0,0,0\nc,0,1,1\n", "answers")
    assert found[0] < found[2] < found[1]  # type: ignore[operator]


def test_models_that_are_always_right_are_no_fault(tmp_path: Path) -> None:
    profile, found = judge(tmp_path, "item,m,n\na,A,A\nb,B,B\nc,C,C\n", "answers")
    assert profile is not None
    assert codes(found) == []


def test_probabilities_by_letters_positions_and_classes(tmp_path: Path) -> None:
    rows = "a,0.8,0.1,0.1\nb,0.9,0.1,\nc,0.3,0.3,0.4\n"
    by_letter = values(tmp_path, f"item,A,B,C\n{rows}", "probabilities")
    assert by_letter[0] < by_letter[1]  # type: ignore[operator]
    assert values(tmp_path, f"item,0,1,2\n{rows}", "probabilities") == by_letter
    assert values(tmp_path, f"item,1,2,3\n{rows}", "probabilities") == by_letter
    keys = {"a": "x", "b": "y", "c": "z", "d": "y", "e": "y"}
    labelled = [{"id": name, "question": f"{name}?", "answer": key} for name, key in keys.items()]
    rows = "a,0.8,0.1,0.1\nb,0.8,0.1,0.1\nc,0.3,0.3,0.4\nd,0,1,0\ne,0,1,0\n"
    by_class = values(tmp_path, f"item,x,y,z\n{rows}", "probabilities", labelled)
    assert by_class[0] < 0.5 < by_class[1]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b,0.5,0.4,", "its probabilities add up to 0.9, not to 1"),
        ("b,NaN,0.4,", '`A` is "NaN", which is no probability'),
        ("b,-0.5,1.5,", '`A` is "-0.5", which is no probability'),
        ("b,often,0.4,", '`A` is "often", which is no probability'),
        ("b,0.6,,", "it has no probability of `B`, one of 2 of its item"),
        ("b,0.5,0.4,0.1", "`C` has a probability, and its item has 2 choices"),
    ],
)
def test_rows_that_are_no_probabilities_are_told_with_their_place(tmp_path: Path, row: str, reason: str) -> None:
    table = f"item,A,B,C\na,0.8,0.1,0.1\n{row}\nc,0.3,0.3,0.4\n"
    profile, found = judge(tmp_path, table, "probabilities")
    assert profile is None
    assert codes(found) == ["RF3091"]
    (fault,) = found
    assert fault.message == f"a row of probabilities cannot be used: {reason}"
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == ("said.csv", 3)
    assert any("on_bad_row = skip" in each.message for each in fault.help)
    left = values(tmp_path, table, "probabilities", on_bad_row="skip")
    assert left[1] is None
    assert None not in (left[0], left[2])


def test_a_class_that_has_no_column_is_told(tmp_path: Path) -> None:
    labelled = [{"id": "a", "question": "a?", "answer": "x"}, {"id": "b", "question": "b?", "answer": "w"}]
    _, found = judge(tmp_path, "item,x,y\na,0.5,0.5\nb,0.5,0.5\n", "probabilities", labelled)
    assert codes(found) == ["RF3091"]
    assert 'the answer of its item, "w", is none of the classes' in found[0].message


def test_too_few_columns_and_columns_without_a_choice_are_told(tmp_path: Path) -> None:
    _, found = judge(tmp_path, "item,A,B\na,0.5,0.5\n", "probabilities")
    assert codes(found) == ["RF3091"]
    assert "it has no probability of `C`, one of 3 of its item" in found[0].message
    _, found = judge(tmp_path, "item,p_a,p_b,p_c\na,0.5,0.5,0\n", "probabilities")
    assert codes(found) == ["RF3090"]
    assert codes(judge(tmp_path, "item,A,C,D\na,0.5,0.5,0\n", "probabilities")[1]) == ["RF3090"]
    assert codes(judge(tmp_path, "item\na\n", "probabilities")[1]) == ["RF3034"]
    assert codes(judge(tmp_path, "item,A,B,C\nq,1,0,0\n", "probabilities")[1]) == ["RF3033"]


@pytest.mark.parametrize("option", ["answers", "probabilities"])
def test_programs_have_no_key_and_say_who_was_right(tmp_path: Path, option: str) -> None:
    functions = [
        {"id": name, "prompt": f"def {name}():\n", "tests": "def check(f): pass\n", "entry_point": name,
         "solution": f"    return {at}\n"}
        for at, name in enumerate("abc")
    ]  # fmt: skip
    _, found = judge(tmp_path, "item,A,B\na,x,y\nb,x,y\nc,x,y\n", option, functions, task="code")
    assert codes(found) == ["RF3092"]
    table = "item,m,n,o\na,1,1,1\nb,0,0,0\nc,0,1,1\n"
    passed = values(tmp_path, table, "answers", functions, task="code")
    assert passed[0] < passed[2] < passed[1]  # type: ignore[operator]


@pytest.mark.skipif(not SHARED.is_dir(), reason="NO DATA: ../shared/data holds MMLU and HELM's answers")
def test_wrong_keys_of_mmlu_are_found_before_those_that_no_model_agrees_with() -> None:
    """Three subjects, of whose 300 keys people found 26 wrong."""
    project = Project(SHARED, SHARED)
    subjects = ("college_chemistry", "college_mathematics", "global_facts")
    dataset = Dataset(
        name="mmlu", task="mcq", source=tuple(f"mmlu/test/{each}_test.csv" for each in subjects), columns=MMLU_COLUMNS,
        fields={**MMLU_FIELDS, "subject": call("remove_suffix", call("stem"), "_test"), "place": PREVIOUS_ROW},
    )  # fmt: skip
    with (SHARED / "mmlu_helm_predictions/predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = {(row["subject"], row["test_row"]): row for row in csv.DictReader(stream)}
    models = [name for name in next(iter(rows.values())) if name not in ("subject", "test_row", "answer")]
    signals = Dataset(
        name="said", task="mcq", source=("mmlu_helm_predictions/predictions.csv",), role="signals",
        join={"subject": "subject", "test_row": "place"}, fields={model: column(model) for model in models},
    )  # fmt: skip
    measure = Measure(name="issue", kind="label_issue", options={"answers": "said", "by": "subject"})
    shown = Dimension(name="issue", measure="issue", unknown="keep")
    profile, found = build_profile(
        dataset, (measure,), (shown,), (), Constraints(), seed=0, project=project, others=(signals,)
    )
    assert profile is not None, found
    twice = "`issue`: google_text-unicorn@001 repeats the answers of writer_palmyra-x-v3; they count as one model"
    assert twice in profile.notes
    with gzip.open(SHARED / "mmlu_redux/mmlu_redux.jsonl.gz", "rt", encoding="utf-8") as stream:
        checked = [row for row in map(json.loads, stream) if row["subject"] in subjects]
    wrong = {
        (row["subject"], str(row["mmlu_test_row"])): row["error_type"] == "wrong_groundtruth"
        for row in checked
        if row["mmlu_test_row"] is not None
    }
    items = [(subject, str(place)) for subject in subjects for place in range(100)]
    scores = dict(zip(items, profile.recorded["issue"], strict=True))
    nobody = {item: float(all(rows[item][each] != rows[item]["answer"] for each in models)) for item in items}
    assert sum(wrong.values()) == 26
    assert precision(scores, wrong) > 1.3 * precision(nobody, wrong)


def precision(scores: Mapping[tuple[str, str], float | None], wrong: Mapping[tuple[str, str], bool]) -> float:
    """Average precision of a ranking; what is ranked alike comes at once."""
    total = hits = 0
    area = 0.0
    for level in sorted({scores[item] or 0.0 for item in wrong}, reverse=True):
        now = [wrong[item] for item in wrong if (scores[item] or 0.0) == level]
        total, hits = total + len(now), hits + sum(now)
        area += sum(now) * hits / total
    return area / hits
