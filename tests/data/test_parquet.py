"""Parquet and folders for the hub: typed, whole, the same bytes again, and readable by the same spec."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refinelab_dsl.data import sinks
from refinelab_dsl.data.column_types import NULL, fit_value, join_types, type_of
from refinelab_dsl.data.parquet import BadParquet, read_parquet
from refinelab_dsl.data.write import OutputRow, prepare_outputs, write_outputs
from refinelab_dsl.declarations import Dataset
from tests.data.sets import (
    MMLU_COLUMNS,
    MMLU_FIELDS,
    added,
    call,
    codes,
    load,
    make_project,
    make_result,
    originals,
    output,
)

QA = Dataset(name="qa", task="qa", source=("qa.jsonl",))


Rows = list[dict[str, Any]]


def write_all(tmp_path: Path, rows: Rows, path: str = "o.parquet", **options: Any) -> Rows:
    """Writes these rows as they are; gives what a reader of the table sees."""
    project = make_project(tmp_path, {"qa.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    files, items = load(QA, project)
    _, diagnostics = write_outputs([output(path, **options)], QA, files, project, originals(items))
    assert codes(diagnostics) == []
    return list(read_parquet(tmp_path / path))


def types(path: Path) -> dict[str, str]:
    return {row[0]: row[1] for row in duckdb.connect().execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}


def test_columns_have_the_types_of_their_values(tmp_path: Path) -> None:
    rows = [
        {"question": "a", "answer": "1", "n": 1, "f": 1, "b": True, "l": ["x", None], "m": {"p": 1}, "mix": 1,
         "none": None},
        {"question": "b", "answer": "2", "n": None, "f": 0.5, "b": None, "l": [], "m": {"q": "y"}, "mix": "2",
         "late": 2**62},
    ]  # fmt: skip
    assert write_all(tmp_path, rows) == [
        {"question": "a", "answer": "1", "n": 1, "f": 1.0, "b": True, "l": ["x", None], "m": {"p": 1, "q": None},
         "mix": "1", "none": None, "late": None, "_origin": "original"},
        {"question": "b", "answer": "2", "n": None, "f": 0.5, "b": None, "l": [], "m": {"p": None, "q": "y"},
         "mix": "2", "none": None, "late": 2**62, "_origin": "original"},
    ]  # fmt: skip
    assert types(tmp_path / "o.parquet") == {
        "question": "VARCHAR", "answer": "VARCHAR", "n": "BIGINT", "f": "DOUBLE", "b": "BOOLEAN", "l": "VARCHAR[]",
        "m": "STRUCT(p BIGINT, q VARCHAR)", "mix": "VARCHAR", "none": "VARCHAR", "late": "BIGINT", "_origin": "VARCHAR",
    }  # fmt: skip


def test_nothing_is_lost_where_types_end(tmp_path: Path) -> None:
    rows = [
        {"question": "a\u0000\u2028\U0001f600'\"", "answer": "x", "big": 2**70, "e": "", "wide": 2**60, "odd": {}},
        {"question": "b", "answer": "x", "big": 1, "e": None, "wide": 0.5, "odd": {"": 1}},
    ]
    found = write_all(tmp_path, rows)
    assert [row["question"] for row in found] == [row["question"] for row in rows]
    assert [row["big"] for row in found] == [str(2**70), "1"]
    assert [row["e"] for row in found] == ["", None]
    assert [row["wide"] for row in found] == [str(2**60), "0.5"]
    assert [row["odd"] for row in found] == ["{}", '{"":1}']


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b c", 'd"', "e'"]), JSON, max_size=3), min_size=1, max_size=4))
@example([{"a": {"\0": None}}])
def test_any_rows_are_read_as_they_were_typed(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> None:
    folder = tmp_path_factory.mktemp("any")
    handles = sinks.Files()
    part = sinks.Parquet(handles, "o", "o.parquet", folder / "o.parquet")
    for row in rows:
        part.put(sinks.Row(row, {"_origin": "original"}, False))
    columns = part.columns
    digest = part.finish()
    whole = [{**row, "_origin": "original"} for row in rows]
    typed = [{name: fit_value(row.get(name), type) for name, type in columns} for row in whole]
    assert list(read_parquet(part.temporary)) == typed
    records = sinks.read_records(part.temporary, "parquet")
    assert [hashlib.sha256(record).digest()[:8] for record in records] == [*map(digest.digest, range(len(rows)))]


@given(st.lists(JSON, max_size=4))
def test_types_are_the_same_in_any_order(values: list[Any]) -> None:
    def join(of: list[Any]) -> Any:
        joined = NULL
        for value in of:
            joined = join_types(joined, type_of(value))
        return joined

    assert join(values) == join(values[::-1])


def test_decimals_are_numbers() -> None:
    assert fit_value(Decimal("0.1"), type_of(Decimal("0.1"))) == 0.1


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": '{"question":"a","answer":"1"}\n' * 3})
    files, items = load(QA, project)
    outputs = [output("o.parquet"), output("hub/", format="hf", name="hub")]
    written = [write_outputs(outputs, QA, files, project, originals(items))[0] for _ in range(2)]
    assert written[0] == written[1]
    for digest in written[0]:
        content = (tmp_path / digest.file).read_bytes()
        assert (digest.sha256, digest.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".") and path.is_file()]


def test_a_table_without_rows_is_a_table(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": '{"question":"a","answer":"1"}\n'})
    files, _ = load(QA, project)
    outputs = [output("o.parquet"), output("c.parquet", name="c", columns=("answer", "question"))]
    assert codes(write_outputs(outputs, QA, files, project, [])[1].errors) == []
    assert list(read_parquet(tmp_path / "o.parquet")) == []
    assert list(types(tmp_path / "c.parquet")) == ["answer", "question"]


@pytest.mark.parametrize(("name", "why"), [("", "without a name"), ("ANSWER", "in case alone")])
def test_names_that_a_table_cannot_have(name: str, why: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": json.dumps({"question": "a", "answer": "1", name: 2}) + "\n"})
    files, items = load(QA, project)
    prepared, diagnostics = prepare_outputs([output("o.parquet")], QA, files, project, originals(items))
    assert (prepared, codes(diagnostics)) == (None, ["RF6305"])
    assert why in "".join(diagnostics[0].notes) + diagnostics[0].message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["qa.jsonl"]


def test_marks_come_last_and_say_true_or_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": '{"question":"a","answer":"1"}\n'})
    files, items = load(QA, project)
    rows = [*originals(items), added(make_result(items[0], "n", "qa", answer="=2"), simulated=True)]
    write_outputs([output("o.parquet")], QA, files, project, rows, simulated=True)
    assert [(row["answer"], row["_origin"], row["_simulated"]) for row in read_parquet(tmp_path / "o.parquet")] == [
        ("1", "original", None), ("=2", "added", True),
    ]  # fmt: skip
    assert list(types(tmp_path / "o.parquet").items())[-2:] == [("_origin", "VARCHAR"), ("_simulated", "BOOLEAN")]


def test_a_folder_has_a_table_for_each_file(tmp_path: Path) -> None:
    fields = {**MMLU_FIELDS, "s": call("stem")}
    dataset = Dataset(name="m", task="mcq", source=("d/*.csv",), columns=MMLU_COLUMNS, fields=fields)
    project = make_project(tmp_path, {"d/art.csv": "Q1,1,2,3,4,B\n", "d/law.csv": "Q2,1,2,3,4,D\n"})
    files, items = load(dataset, project)
    digests, _ = write_outputs([output("out/", format="parquet")], dataset, files, project, originals(items))
    assert [(digest.file, digest.rows) for digest in digests] == [("out/art.parquet", 1), ("out/law.parquet", 1)]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": "1", "t": ["x"]}, {"question": "b", "answer": "2", "t": None}]
    write_all(tmp_path, rows, layout="task")
    dataset = Dataset(name="qa", task="qa", source=("o.parquet",))
    _, items = load(dataset, make_project(tmp_path, {}))
    assert [item.fields for item in items] == [{"question": "a", "answer": "1"}, {"question": "b", "answer": "2"}]
    assert [(item.place.file, item.place.row) for item in items] == [("o.parquet", 1), ("o.parquet", 2)]


def test_files_of_other_writers(tmp_path: Path) -> None:
    odd = tmp_path / "a[1]*.parquet"
    duckdb.connect().execute(
        "COPY (SELECT DATE '2020-01-02' AS d, TIMESTAMP '2020-01-02 03:04:05' AS t, '\\xC3\\xA9'::BLOB AS b, "
        "1.50::DECIMAL(4,2) AS n, MAP {'k': 1} AS m, [DATE '2020-01-02'] AS l, NULL::INTEGER AS z) "
        f"TO '{odd}' (FORMAT parquet)"
    )
    assert list(read_parquet(odd)) == [
        {"d": "2020-01-02", "t": "2020-01-02T03:04:05", "b": "w6k=", "n": Decimal("1.50"), "m": {"k": 1},
         "l": ["2020-01-02"], "z": None},
    ]  # fmt: skip
    odd.write_bytes(odd.read_bytes()[:-20])
    with pytest.raises(BadParquet):
        list(read_parquet(odd))
    with pytest.raises(FileNotFoundError):
        list(read_parquet(tmp_path / "none.parquet"))


class TestHub:
    def test_the_card_says_where_the_rows_are(self, tmp_path: Path) -> None:
        dataset = QA.model_copy(update={"meta": {"license": "CC-BY-4.0"}})
        project = make_project(tmp_path, {"qa.jsonl": '{"question":"a","answer":"1","x|`y":[1]}\n'})
        files, items = load(dataset, project)
        rows = [*originals(items), added(make_result(items[0], "n", "qa", answer="2"), simulated=True)]
        hub = [output("hub/", format="hf")]
        digests, diagnostics = write_outputs(hub, dataset, files, project, rows, simulated=True)
        assert codes(diagnostics) == []
        assert [(digest.file, digest.format, digest.rows) for digest in digests] == [
            ("hub/data/train-00000-of-00001.parquet", "parquet", 2), ("hub/README.md", "card", 0),
        ]  # fmt: skip
        _, head, body = (tmp_path / "hub/README.md").read_text().split("---\n", 2)
        assert head.splitlines() == [
            'pretty_name: "qa"', 'license: "cc-by-4.0"', "task_categories:", "- question-answering", "size_categories:",
            "- n<1K", "configs:", "- config_name: default", "  data_files:", "  - split: train",
            "    path: data/train-*.parquet",
        ]  # fmt: skip
        assert "2 rows, refined with refinec." in body
        assert "| 1 | added by an operator |" in body
        assert "**1 row of these: the work of a simulated model**" in body
        assert "| ``x\\|`y`` | list: whole number |" in body

    def test_a_card_of_yours_is_put_back_where_the_commit_fails(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, {"qa.jsonl": '{"question":"a","answer":"1"}\n', "hub/README.md": "mine"})
        files, items = load(QA, project)
        outputs = [output("hub/", format="hf"), output("z.jsonl", name="z")]
        prepared, _ = prepare_outputs(outputs, QA, files, project, originals(items))
        assert prepared is not None
        (tmp_path / "z.jsonl").mkdir()
        (tmp_path / "z.jsonl" / "in the way").touch()
        assert codes(prepared.commit()) == ["RF6300"]
        assert (tmp_path / "hub/README.md").read_text() == "mine"
        assert list((tmp_path / "hub/data").iterdir()) == []


def test_a_row_of_many_megabytes(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": "1"}, {"question": "b" * (20 << 20), "answer": "2"}]
    assert [len(row["question"]) for row in write_all(tmp_path, rows)] == [1, 20 << 20]


def test_a_folder_of_the_hub_is_not_written_over_its_source(tmp_path: Path) -> None:
    name = "data/train-00000-of-00001.parquet"
    write_all(tmp_path, [{"question": "a", "answer": "1"}], layout="task", columns=("question", "answer"))
    (tmp_path / "data").mkdir()
    (tmp_path / "o.parquet").rename(tmp_path / name)
    dataset = QA.model_copy(update={"source": (name,)})
    project = make_project(tmp_path, {})
    files, items = load(dataset, project)
    _, diagnostics = write_outputs([output("./", format="hf")], dataset, files, project, originals(items))
    assert codes(diagnostics) == ["RF6302"]


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": '{"question":"a","answer":"1"}\n'})
    files, items = load(QA, project)

    def peak(count: int) -> int:
        tracemalloc.start()
        rows = (OutputRow(items[0], "original") for _ in range(count))
        write_outputs([output("o.parquet")], QA, files, project, rows)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(8_000) - peak(500) < 7_500 * 40
