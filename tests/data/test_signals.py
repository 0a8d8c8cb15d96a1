"""Signals: tables joined to items, and the rates of right answers read off them."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data import Profile, build_profile
from refinelab_dsl.declarations import Constraints, Dataset, Dimension, Measure
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.expressions.nodes import Binary, Constant, Expression
from refinelab_dsl.project import Project

from .sets import MMLU_COLUMNS, MMLU_FIELDS, call, codes, column, make_project

SHARED = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
RATE = Measure(name="rate", kind="responses", options={"matrix": "answers", "irt": "rate"})
MCQ = [
    {"id": "a", "question": "One?", "choices": ["x", "y", "z"], "answer": "x"},
    {"id": "b", "question": "Two?", "choices": ["x", "y", "z"], "answer": "y"},
    {"id": "c", "question": "Three?", "choices": ["x", "y", "z"], "answer": "z"},
]
QA = [{"id": name, "question": f"{name}?", "answer": answer} for name, answer in (("a", "12"), ("b", "Paris"))]
PREVIOUS_ROW = Binary(operator="-", left=call("row"), right=Constant(type="number", text="1"))


def main(items: list[dict[str, Any]], **options: Any) -> tuple[Dataset, str]:
    task = "mcq" if "choices" in items[0] else "qa"
    content = "".join(json.dumps(item) + "\n" for item in items)
    return Dataset(**{"name": "items", "task": task, "source": ("items.jsonl",), **options}), content


def rate(
    folder: Path,
    table: str | bytes,
    items: list[dict[str, Any]] = MCQ,
    *,
    file: str = "answers.csv",
    unknown: str = "keep",
    fields_of_items: dict[str, Expression] | None = None,
    measures: tuple[Measure, ...] = (RATE,),
    **options: Any,
) -> tuple[Profile | None, Diagnostics]:
    dataset, content = main(items, fields=fields_of_items or {})
    project = make_project(folder, {"items.jsonl": content, file: table})
    signals = Dataset(
        **{"name": "answers", "task": dataset.task, "source": (file,), "role": "signals", "join": {"item": "id"},
           **options}
    )  # fmt: skip
    dimensions = (Dimension(name="rate", measure="rate", unknown=unknown),)
    return build_profile(
        dataset, measures, dimensions, (), Constraints(), seed=0, project=project, others=(signals,)
    )


def rates(*arguments: Any, **options: Any) -> list[float | None]:
    profile, found = rate(*arguments, **options)
    assert profile is not None, found
    assert codes(found) == []
    return list(profile.recorded["rate"])


def test_right_and_wrong(tmp_path: Path) -> None:
    assert rates(tmp_path, "item,m,n\na,1,0\nb,1,1\nc,0,0\n") == [0.5, 1.0, 0.0]


def test_letters_are_compared_with_the_key(tmp_path: Path) -> None:
    assert rates(tmp_path, "item,m,n\na,A,B\nb,(b),B\nc,A,B\n") == [0.5, 1.0, 0.0]


def test_positions_and_texts(tmp_path: Path) -> None:
    table = "item,m,n\na,0,1\nb,1,1\nc,2,1\n"
    assert rates(tmp_path, table, answer_as="index") == [0.5, 1.0, 0.5]
    assert rates(tmp_path, table) == [0.5, 1.0, 0.5]
    assert rates(tmp_path, "item,m,n\na,x,y\nb,y,x\nc,z,z\n") == [0.5, 0.5, 1.0]


def test_positions_from_one_are_told_by_the_data(tmp_path: Path) -> None:
    assert rates(tmp_path, "item,m,n\na,1,2\nb,2,3\nc,3,3\n") == [0.5, 0.5, 1.0]


def test_free_answers_agree_as_texts_or_as_numbers(tmp_path: Path) -> None:
    assert rates(tmp_path, "item,m,n\na,12.0,twelve\nb, paris ,Rome\n", QA) == [0.5, 0.5]


def test_json_lines_hold_values_of_their_own_types(tmp_path: Path) -> None:
    table = '{"item": "a", "m": true, "n": 0}\n{"item": "b", "n": 1, "m": null}\n{"item": "c", "m": 1.0}\n'
    assert rates(tmp_path, table, file="answers.jsonl") == [0.5, 1.0, 1.0]


def test_compressed(tmp_path: Path) -> None:
    packed = gzip.compress(b"item,m\na,1\nb,0\nc,1\n")
    assert rates(tmp_path, packed, file="answers.csv.gz") == [1.0, 0.0, 1.0]


RASCH = Measure(name="rate", kind="responses", options={"matrix": "answers", "irt": "rasch"})


def test_difficulties_follow_who_answered_what(tmp_path: Path) -> None:
    """Both of b and c were answered once, rightly: b by the weaker model, so it is the easier one."""
    items = [{**MCQ[0], "id": name} for name in "abcdefgh"]
    table = "item,m,n\na,1,1\nb,,1\nc,1,\nd,0,1\ne,0,1\nf,0,1\ng,0,\n"
    profile, found = rate(tmp_path, table, items, measures=(RASCH,))
    assert profile is not None, found
    a, b, c, d, e, f, g, h = profile.recorded["rate"]
    assert h is None
    assert d == e == f
    assert a < d < g
    assert b > c
    assert all(round(value, 4) == value for value in (a, b, c, d, e, f, g))
    [note] = [note for note in profile.notes if note.startswith("`rate`")]
    assert "from 2 models on 7 items" in note
    assert "4 that all or none got right rest on the prior" in note


def test_measures_of_one_matrix_each_have_their_own_values(tmp_path: Path) -> None:
    measures = (RATE, RASCH.model_copy(update={"name": "logits"}))
    profile, found = rate(tmp_path, "item,m,n\na,1,1\nb,0,1\nc,0,0\n", measures=measures)
    assert profile is not None, found
    assert profile.recorded["rate"] == (1.0, 0.5, 0.0)
    easy, middle, hard = profile.recorded["logits"]
    assert easy < middle < hard


@pytest.mark.parametrize(("answer", "said"), [("1", "right"), ("0", "wrong")])
def test_a_matrix_that_says_the_same_of_all_items(tmp_path: Path, answer: str, said: str) -> None:
    table = "item,m,n\n" + "".join(f"{name},{answer},{answer}\n" for name in "abc")
    for measure in (RATE, RASCH):
        profile, found = rate(tmp_path, table, measures=(measure,))
        assert profile is not None, found
        assert [(entry.code, entry.severity) for entry in found] == [("RF3037", "warning")]
        assert found[0].message == f"every answer in dataset `answers` is {said}, on all of 3 items"
        assert len(set(profile.recorded["rate"])) == 1


def test_what_was_not_answered_does_not_count(tmp_path: Path) -> None:
    assert rates(tmp_path, "item,m,n\na,1,\nb,,\nc,0,1\n") == [1.0, None, 0.5]


def test_what_names_no_choice_is_wrong_and_counted(tmp_path: Path) -> None:
    profile, found = rate(tmp_path, "item,m,n\na,A,This\nb,B,B\nc,Q,C\n")
    assert profile is not None, found
    assert profile.recorded["rate"] == (0.5, 1.0, 0.5)
    assert "2 answers of `answers` name no choice and count as wrong" in profile.notes


def test_an_item_without_a_row_has_no_value(tmp_path: Path) -> None:
    profile, _ = rate(tmp_path, "item,m\na,1\nz,0\n", unknown="drop")
    assert profile is not None
    assert (profile.size, profile.dropped, profile.recorded["rate"]) == (1, 2, (1.0, None, None))
    assert "2 items without a row of `answers`" in profile.notes
    none, found = rate(tmp_path, "item,m\na,1\nz,0\n", unknown="error")
    assert none is None
    assert codes(found) == ["RF3041"]
    assert str(found[0].place) == "items.jsonl:2"


def test_all_rows_of_one_join_by_several_columns(tmp_path: Path) -> None:
    """Rows that are counted from 0 in the table, and from 1 by `row()`."""
    items = [{**item, "area": "s"} for item in MCQ]
    table = "area,at,m\ns,0,1\nt,1,0\ns,2.0,1\n"
    found = rates(
        tmp_path, table, items, join={"area": "area", "at": "place"},
        fields_of_items={"area": column("area"), "place": PREVIOUS_ROW},
    )  # fmt: skip
    assert found == [1.0, None, 1.0]


def test_fields_of_the_table_make_what_is_joined(tmp_path: Path) -> None:
    fields = {"item": call("remove_suffix", column("name"), ".json")}
    assert rates(tmp_path, "name,m\na.json,1\nb.json,0\nc.json,1\n", fields=fields) == [1.0, 0.0, 1.0]


def test_further_fields_are_the_models(tmp_path: Path) -> None:
    table = "item,key,m,n\na,A,A,B\nb,B,B,C\nc,C,A,B\n"
    assert rates(tmp_path, table, fields={"one": column("m")}) == [1.0, 1.0, 0.0]


def test_where_and_columns(tmp_path: Path) -> None:
    kept = Binary(operator="==", left=column("run"), right=Constant(type="text", text="2"))
    found = rates(
        tmp_path, "a,1,0\na,2,1\nb,2,0\n", columns=("item", "run", "m"), where=kept, fields={"m": column("m")}
    )
    assert found == [1.0, 0.0, None]


def test_two_rows_of_one_item(tmp_path: Path) -> None:
    table = "item,m\na,1\nb,0\na,0\n"
    _, found = rate(tmp_path, table)
    assert codes(found) == ["RF3031"]
    assert (str(found[0].place), found[0].notes) == ("answers.csv:4 (row 3)", ("first at answers.csv:2 (row 1)",))
    profile, found = rate(tmp_path, table, on_bad_row="skip")
    assert profile is not None
    assert codes(found) == ["RF3050"]
    assert profile.recorded["rate"] == (1.0, 0.0, None)


def test_a_value_that_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    names = ",".join("mnopqrstuv")
    table = f"item,{names}\na,1,1,1,1,1,1,1,1,1,0\nb,1,1,1,1,1,1,1,1,maybe,0\n"
    _, found = rate(tmp_path, table)
    assert codes(found) == ["RF3032"]
    assert str(found[0].place) == "answers.csv:3 (row 2)"
    assert found[0].message == 'bad row: `u` is "maybe", neither 0 nor 1'
    profile, _ = rate(tmp_path, table, on_bad_row="skip")
    assert profile is not None
    assert profile.recorded["rate"] == (0.9, None, None)


def test_lists_are_no_answers(tmp_path: Path) -> None:
    lines = [json.dumps({"item": name, **{f"m{at}": 1 for at in range(20)}}) + "\n" for name in "abc"]
    table = lines[0] + lines[1].replace('"m3": 1', '"m3": [1]') + lines[2]
    _, found = rate(tmp_path, table, file="answers.jsonl")
    assert [(entry.code, entry.message) for entry in found] == [
        ("RF3032", "bad row: `m3` is a list or a map, neither 0 nor 1")
    ]


def test_nothing_is_joined(tmp_path: Path) -> None:
    _, found = rate(tmp_path, "item,m\nA,1\nB,0\n")
    assert codes(found) == ["RF3033"]
    assert found[0].notes == ('its first row has `item` "A"', 'the first item has `id` "a"')


@pytest.mark.parametrize("table", ["item\na\nb\n", "item,m\n"])
def test_no_model(tmp_path: Path, table: str) -> None:
    assert codes(rate(tmp_path, table)[1]) == ["RF3034"]


def test_a_column_that_is_no_model(tmp_path: Path) -> None:
    _, found = rate(tmp_path, "item,m,at\na,A,2.5s\nb,B,2.7s\nc,C,\n")
    assert [(entry.code, entry.message) for entry in found] == [
        ("RF3035", "no value of `at` in dataset `answers` names a choice of its item")
    ]


def test_a_column_that_looks_like_the_key(tmp_path: Path) -> None:
    items = [{**MCQ[0], "id": str(number), "question": f"{number}?"} for number in range(20)]
    table = "item,key,m\n" + "".join(f"{number},A,{'AB'[number % 2]}\n" for number in range(20))
    profile, found = rate(tmp_path, table, items)
    assert profile is not None
    assert [(entry.code, entry.severity) for entry in found] == [("RF3036", "warning")]
    assert codes(rate(tmp_path, table, items, fields={"key": column("key"), "m": column("m")})[1]) == []


def test_answers_that_can_be_read_in_two_ways(tmp_path: Path) -> None:
    items = [{**item, "choices": ["1", "2", "0"], "answer": "2"} for item in MCQ]
    _, found = rate(tmp_path, "item,m\na,2\nb,2\nc,2\n", items)
    assert codes(found) == ["RF3030"]


@pytest.mark.parametrize(
    ("table", "options", "code"),
    [
        ("itme,m\na,1\n", {}, "RF3022"),
        ("item,m\na,1\n,0\n", {}, "RF3020"),
        ("item,m\na,1\nb\n", {}, "RF3020"),
        (b"\xff\xfe", {}, "RF3009"),
        ("item,m\na,1\n", {"source": ("no.csv",)}, "RF3001"),
        ("item,m\na,1\n", {"fields": {"item": call("number", column("item"))}}, "RF3020"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, table: str | bytes, options: dict[str, Any], code: str) -> None:
    profile, found = rate(tmp_path, table, **options)
    assert profile is None
    assert codes(found) == [code]


def test_a_missing_column_of_json_lines(tmp_path: Path) -> None:
    _, found = rate(tmp_path, '{"itme": "a", "m": 1}\n' * 3, file="answers.jsonl")
    assert codes(found) == ["RF3022"]


def test_a_table_that_no_measure_reads_is_not_opened(tmp_path: Path) -> None:
    length = Measure(name="rate", kind="length", options={"unit": "words"})
    profile, found = rate(tmp_path, "nothing of use", measures=(length,))
    assert profile is not None, found
    assert (profile.signals, profile.recorded) == ({}, {})


def test_the_order_of_rows_does_not_count(tmp_path: Path) -> None:
    lines = ["a,1,0", "b,1,1", "c,0,0"]
    found = [rates(tmp_path, "\n".join(["item,m,n", *order]) + "\n") for order in (lines, lines[::-1])]
    assert found[0] == found[1]


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="THE REAL DATA SETS ARE MISSING: ../shared/data does not exist beside the checkout"
)
def test_helm_answers_on_mmlu() -> None:
    """The rates are those of a few lines of plain Python over the same file; one exact duplicate has no row."""
    project = Project(SHARED, SHARED)
    subject = call("remove_suffix", call("stem"), "_test")
    dataset = Dataset(
        name="mmlu", task="mcq", source=("mmlu/test/*.csv",), columns=MMLU_COLUMNS, on_bad_row="skip",
        fields={**MMLU_FIELDS, "subject": subject, "place": PREVIOUS_ROW},
    )  # fmt: skip
    with (SHARED / "mmlu_helm_predictions/predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    models = [name for name in rows[0] if name not in ("subject", "test_row", "answer")]
    signals = Dataset(
        name="answers", task="mcq", source=("mmlu_helm_predictions/predictions.csv",), role="signals",
        join={"subject": "subject", "test_row": "place"}, fields={model: column(model) for model in models},
    )  # fmt: skip
    area = Measure(name="area", kind="column", options={"column": "subject"})
    dimensions = (Dimension(name="subject", measure="area"), Dimension(name="rate", measure="rate", unknown="keep"))
    profile, found = build_profile(
        dataset, (area, RATE), dimensions, (), Constraints(), seed=0, project=project, others=(signals,)
    )
    assert profile is not None, found
    assert codes(found) == ["RF3050"]
    assert profile.size == 3036
    assert sum(value is None for value in profile.recorded["rate"]) == 1
    expected: dict[str, int] = {}
    for row in rows:
        if (row["subject"], row["test_row"]) == ("sociology", "197"):  # no item: two of its choices are the same
            continue
        right = sum(row[model] == row["answer"] for model in models) / len(models)
        name = format(right, "g")
        expected[name] = expected.get(name, 0) + 1
    assert profile.counts("rate") == expected
