"""What a trained model left behind, joined to items: numbers, columns, gaps, and everything that is no number."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data import Profile, build_profile
from refinelab_dsl.declarations import Constraints, Dataset, Dimension, Measure, Operator, Prior
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.expressions.nodes import Binary, Call, Constant
from refinelab_dsl.project import Project
from tests.data.sets import codes, make_project

ITEMS = [{"id": name, "question": f"{name}?", "answer": name} for name in "abcdef"]


def measure(name: str, kind: str = "loss", **options: Any) -> Measure:
    return Measure(name=name, kind=kind, options={"signals": "told", **options})


def read(
    folder: Path, table: str, measures: tuple[Measure, ...], *, file: str = "told.jsonl",
    operators: tuple[Operator, ...] = (), **options: Any,
) -> tuple[Profile | None, Diagnostics]:
    content = "".join(json.dumps(item) + "\n" for item in ITEMS)
    project: Project = make_project(folder, {"items.jsonl": content, file: table})
    items = Dataset(name="items", task="qa", source=("items.jsonl",))
    told = Dataset(**{"name": "told", "source": (file,), "role": "signals", "join": {"item": "id"}, **options})
    dimensions = tuple(Dimension(name=each.name, measure=each.name, unknown="keep") for each in measures)
    return build_profile(
        items, measures, dimensions, operators, Constraints(), seed=0, project=project, others=(told,)
    )


def lines(**columns: list[Any]) -> str:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return "".join(json.dumps({"item": item["id"], **row}) + "\n" for item, row in zip(ITEMS, rows, strict=True))


def test_each_measure_reads_the_column_of_its_name(tmp_path: Path) -> None:
    table = lines(before=[3, 2.5, 1, 1, 1, 1], after=[0.1, 0.2, 0.3, 0.4, 0.5, 5], cosine=[1, -1, 0, 0.5, 0.25, 0])
    profile, found = read(tmp_path, table, (measure("before"), measure("near", "knn", column="cosine")))
    assert profile is not None, found
    assert codes(found) == []
    assert profile.recorded == {"before": (3, 2.5, 1, 1, 1, 1), "near": (1, -1, 0, 0.5, 0.25, 0)}


def test_a_single_column_needs_no_name_and_text_of_a_table_is_read_as_a_number(tmp_path: Path) -> None:
    table = "item,score\n" + "".join(f"{item['id']},{place / 4}\n" for place, item in enumerate(ITEMS))
    profile, found = read(tmp_path, table, (measure("loss"),), file="told.csv")
    assert profile is not None, found
    assert profile.recorded["loss"] == (0, 0.25, 0.5, 0.75, 1, 1.25)


def test_z_under_two_models_tells_what_was_hard_before_and_after(tmp_path: Path) -> None:
    def above(name: str) -> Binary:
        z = Call(function="z", arguments=(Constant(type="text", text=name),))
        return Binary(operator=">", left=z, right=Constant(type="number", text="1"))

    both = Binary(operator="and", left=above("before"), right=above("after"))
    free = Prior(success=Decimal(1), input_tokens=0, output_tokens=0)
    simplify = Operator(name="simplify", kind="remove", where=both, prior=free)
    table = lines(before=[9, 9, 1, 1, 1, 1], after=[5, 1, 1, 1, 1, 5])
    profile, found = read(tmp_path, table, (measure("before"), measure("after")), operators=(simplify,))
    assert profile is not None, found
    assert list(profile.eligible["simplify"]) == [True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("loss", '"NaN"', '`loss` is "NaN", not a finite number'),
        ("loss", '"inf"', '`loss` is "inf", not a finite number'),
        ("loss", '"high"', '`loss` is "high", not a finite number'),
        ("loss", "true", "`loss` is true, not a finite number"),
        ("loss", "[0.5]", "`loss` is a list or a map, not a finite number"),
        ("loss", '"1e999"', '`loss` is "1e999", not a finite number'),
        ("knn", "1.5", "`loss` is 1.5, not a cosine, from -1 to 1"),
        ("self_judge", "11", "`loss` is 11, not a number from 0 to 10"),
    ],
)
def test_what_is_no_such_number_is_a_bad_row_with_its_place(
    tmp_path: Path, kind: str, value: str, message: str
) -> None:
    table = lines(loss=[1, 1, "?", 1, 1, 1]).replace('"?"', value)
    profile, found = read(tmp_path, table, (measure("loss", kind),))
    assert profile is None
    [problem] = found
    assert (problem.code, problem.message) == ("RF3101", f"bad row: {message}")
    assert problem.place is not None
    assert problem.place.line == 3


def test_a_bare_nan_is_a_bad_row_too(tmp_path: Path) -> None:
    profile, found = read(tmp_path, lines(loss=[1, float("nan"), 1, 1, 1, 1]), (measure("loss"),))
    assert profile is None
    assert found.has_errors
    assert all(problem.place is not None and problem.place.line == 2 for problem in found)


def test_bad_rows_are_skipped_where_the_dataset_says_so(tmp_path: Path) -> None:
    table = lines(loss=[1, "NaN", 1, 1, 1, 1])
    profile, found = read(tmp_path, table, (measure("loss"),), on_bad_row="skip")
    assert profile is not None
    assert profile.recorded["loss"] == (1, None, 1, 1, 1, 1)
    assert codes(found) == ["RF3103", "RF3050"]


def test_every_row_skipped_is_no_fault_of_the_join(tmp_path: Path) -> None:
    _, found = read(tmp_path, lines(loss=["NaN"] * 6), (measure("loss"),), on_bad_row="skip")
    assert "RF3033" not in codes(found)
    assert "RF3103" in codes(found)


def test_items_without_a_value_and_rows_without_an_item_are_told(tmp_path: Path) -> None:
    rows = lines(loss=[1, None, 1, "", 1, 1]).splitlines(keepends=True)
    table = "".join(rows[:5]) + json.dumps({"item": "z", "loss": 2}) + "\n"
    profile, found = read(tmp_path, table, (measure("loss"),))
    assert profile is not None
    assert profile.recorded["loss"] == (1, None, 1, None, 1, None)
    gaps, lost = found
    assert (gaps.code, gaps.severity, gaps.place and gaps.place.line) == ("RF3103", "warning", 2)
    assert "3 of 6 items" in gaps.message
    assert (lost.code, lost.place and lost.place.line) == ("RF3104", 6)


@pytest.mark.parametrize(
    ("table", "code"),
    [('{"item": "x", "loss": 1}\n', "RF3033"), ("", "RF3012"), ('{"item": "a", "l": 1, "m": 2}\n', "RF3102"),
     ('{"item": "a", "loss": 1}\n{"item": "a", "loss": 2}\n', "RF3031"), ('{"item": "a", "los', "RF3020")],
)  # fmt: skip
def test_tables_that_say_nothing(tmp_path: Path, table: str, code: str) -> None:
    profile, found = read(tmp_path, table, (measure("loss"),))
    assert profile is None
    assert code in codes(found), found
