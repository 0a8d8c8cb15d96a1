"""Rows that hold several items: taken apart, with ids of their own, and written as rows of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.read import BadRow, read_items
from refinelab_dsl.data.write import write_outputs
from refinelab_dsl.declarations import Dataset
from tests.data.sets import added, call, codes, column, load, make_project, make_result, originals, output

READING = Dataset(
    name="r", task="mcq", source=("r.json",), explode=("questions", "options", "answers"),
    fields={
        "context": column("article"), "question": column("questions"), "choices": column("options"),
        "answer": column("answers"),
    },
)  # fmt: skip
PASSAGE = {
    "id": "high1.txt", "article": "A cat sat.", "questions": ["Who?", "What did it do?"],
    "options": [["a cat", "a dog"], ["it ran", "it sat"]], "answers": ["A", "B"],
}  # fmt: skip


def bad(tmp_path: Path, row: dict[str, Any]) -> str:
    project = make_project(tmp_path, {"r.json": json.dumps([row, PASSAGE])})
    files, _ = find_files(READING, project)
    entries = list(read_items(READING, files, project))
    [fault] = [entry for entry in entries if isinstance(entry, BadRow)]
    assert len(entries) == 3
    assert (fault.diagnostic.code, fault.fatal) == ("RF3020", False)
    return fault.diagnostic.message


def test_each_place_is_an_item(tmp_path: Path) -> None:
    _, items = load(READING, make_project(tmp_path, {"r.json": json.dumps(PASSAGE)}))
    assert [(item.id, item.fields["question"], item.fields["answer"]) for item in items] == [
        ("high1.txt-1", "Who?", "a cat"), ("high1.txt-2", "What did it do?", "it sat"),
    ]  # fmt: skip
    assert {item.fields["context"] for item in items} == {"A cat sat."}
    assert [item.place.row for item in items] == [1, 1]


def test_ids_of_their_own_stay(tmp_path: Path) -> None:
    row = {**PASSAGE, "id": ["x", "y"]}
    named = READING.model_copy(update={"explode": (*READING.explode, "id")})
    assert [item.id for item in load(named, make_project(tmp_path, {"r.json": json.dumps(row)}))[1]] == ["x", "y"]
    fields = {**READING.fields, "id": call("lower", column("article"))}
    other = READING.model_copy(update={"fields": fields, "explode": READING.explode})
    files, _ = find_files(other, make_project(tmp_path, {"r.json": json.dumps(PASSAGE)}))
    entries = read_items(other, files, make_project(tmp_path, {}))
    faults = [entry.diagnostic.code for entry in entries if isinstance(entry, BadRow)]
    assert faults == ["RF3024"]  # the id of a row, and the row has two items


def test_no_list_is_no_item(tmp_path: Path) -> None:
    empty = {**PASSAGE, "questions": [], "options": [], "answers": []}
    _, items = load(READING, make_project(tmp_path, {"r.json": json.dumps([empty, PASSAGE])}))
    assert len(items) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answers": ["A"]}, "`questions` holds 2 and `answers` 1"),
        ({"options": "AB"}, "`options` is text, and `explode` takes lists apart"),
        ({"options": {"A": 1}}, "`options` is a map"),
    ],
)
def test_lists_that_do_not_fit(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    assert says in bad(tmp_path, {**PASSAGE, **change})


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    assert "no column `options`, which `explode` names" in bad(
        tmp_path, {name: value for name, value in PASSAGE.items() if name != "options"}
    )


def test_what_is_written_is_read_without_explode(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"r.json": json.dumps(PASSAGE)})
    files, items = load(READING, project)
    new = added(make_result(items[1], "new", question="Why?", choices=["for joy", "it was told"], answer="it was told"))
    _, diagnostics = write_outputs([output("o.jsonl")], READING, files, project, [*originals(items), new])
    assert codes(diagnostics) == []
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "id": "high1.txt-1", "article": "A cat sat.", "questions": "Who?", "options": ["a cat", "a dog"],
        "answers": "A", "_origin": "original",
    }  # fmt: skip
    plain = READING.model_copy(update={"explode": (), "source": ("o.jsonl",)})
    _, again = load(plain, project)
    assert [item.fields for item in again[:2]] == [item.fields for item in items]
    assert (again[2].id, again[2].fields["answer"]) == ("new", "it was told")


def test_real_race_is_read(tmp_path: Path) -> None:
    shared = Path(__file__).resolve().parents[2] / "../shared/data/race"
    if not shared.exists():
        pytest.skip(f"NO REAL DATA: {shared} is not there")
    source = (str(shared / "*.jsonl.gz"), str(shared / "original_format_sample/*/*.txt"))
    dataset = READING.model_copy(update={"source": source, "format": "json", "answer_as": "letter"})
    project = make_project(tmp_path, {})
    files, problems = find_files(dataset, project, allow_outside=True)
    assert (len(files), problems) == (8, ())
    entries = list(read_items(dataset, files, project))
    # The six files in the original form repeat rows of the others, ids included.
    faults = [entry.diagnostic.code for entry in entries if isinstance(entry, BadRow)]
    assert faults == ["RF3024"] * 21
    assert len(entries) - len(faults) > 850
