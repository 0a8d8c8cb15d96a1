"""Outputs: whole or not at all, in the manner of their source, and readable again by the same spec."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data import sinks, write
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.write import OutputRow, check_outputs, copy_file, prepare_outputs, row_hash, write_outputs
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.source import Place
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
QA_ROWS = '{"id": "a", "question": "One?", "answer": "1", "n": 1}\n{"answer": "2", "question": "Two?", "id": "b"}\n'


def write_all(
    tmp_path: Path, dataset: Dataset, files: dict[str, Any], path: str, extra: Any = None, **options: Any
) -> str:
    """Writes a dataset's items and what `extra` makes of them; gives the output's text."""
    project = make_project(tmp_path, files)
    found, items = load(dataset, project)
    rows = [*originals(items), *(extra(items) if extra else ())]
    simulated = any(row.simulated for row in rows)
    _, diagnostics = write_outputs([output(path, **options)], dataset, found, project, rows, simulated=simulated)
    assert codes(diagnostics) == []
    return (tmp_path / path).read_bytes().decode()


def test_jsonl_rows_keep_their_keys_and_order(tmp_path: Path) -> None:
    text = write_all(tmp_path, QA, {"qa.jsonl": QA_ROWS}, "out.jsonl")
    assert text == (
        '{"id":"a","question":"One?","answer":"1","n":1,"_origin":"original"}\n'
        '{"answer":"2","question":"Two?","id":"b","_origin":"original"}\n'
    )


def test_jsonl_values_come_out_as_they_came_in(tmp_path: Path) -> None:
    row = {
        "question": "a\u2028b\u0000\U0001f600", "answer": "x", "big": 123456789012345678901234567890, "f": 0.1,
        "e": 1e300, "none": None, "deep": {"z": [1, {"y": True}], "a": ""},
    }  # fmt: skip
    text = write_all(tmp_path, QA, {"qa.jsonl": json.dumps(row) + "\n"}, "out.jsonl")
    assert text.count("\n") == 1
    assert json.loads(text) == {**row, "_origin": "original"}
    assert list(json.loads(text)) == [*row, "_origin"]


def test_an_added_row_takes_the_shape_of_its_parent(tmp_path: Path) -> None:
    text = write_all(
        tmp_path, QA, {"qa.jsonl": QA_ROWS}, "out.jsonl",
        lambda items: [added(make_result(items[0], "new", "qa", question="Three?", answer="3"), simulated=True)],
    )  # fmt: skip
    assert json.loads(text.splitlines()[2]) == {
        "id": "new", "question": "Three?", "answer": "3", "n": None, "_origin": "added", "_simulated": True,
    }  # fmt: skip
    assert "_simulated" not in text.splitlines()[0]


def test_a_changed_row_keeps_what_no_field_maps(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": QA_ROWS})
    files, items = load(QA, project)
    changed = OutputRow(make_result(items[0], "a", "qa", answer="one"), "changed", parents=(items[0].key,))
    write_outputs([output("out.jsonl")], QA, files, project, [changed])
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "id": "a", "question": "One?", "answer": "one", "n": 1, "_origin": "changed",
    }  # fmt: skip


def test_layout_task_has_the_canonical_fields(tmp_path: Path) -> None:
    dataset = Dataset(
        name="m", task="mcq", source=("m.csv",), columns=MMLU_COLUMNS, fields={**MMLU_FIELDS, "topic": call("stem")}
    )
    text = write_all(tmp_path, dataset, {"m.csv": "Q,1,2,3,4,B\n"}, "out.jsonl", layout="task")
    row = json.loads(text)
    assert {name: row[name] for name in list(row)[1:]} == {
        "question": "Q", "choices": ["1", "2", "3", "4"], "answer": "2", "topic": "m", "_origin": "original",
    }  # fmt: skip


def test_columns_choose_and_order(tmp_path: Path) -> None:
    text = write_all(tmp_path, QA, {"qa.jsonl": QA_ROWS}, "out.csv", columns=("answer", "id"))
    assert text == "answer,id\n1,a\n2,b\n"


def test_a_column_that_no_row_has_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": QA_ROWS})
    files, items = load(QA, project)
    _, diagnostics = write_outputs(
        [output("out.csv", columns=("answer", "ansver", "_simulated"))], QA, files, project, originals(items)
    )
    assert [(entry.code, entry.severity) for entry in diagnostics] == [("RF6306", "warning")]
    assert "`ansver`" in diagnostics[0].message
    assert (tmp_path / "out.csv").exists()


class TestCsv:
    SOURCE = 'id;question;answer;note\n1;"a;b ""c""";=x;"two\nlines"\n2;plain;y;\n'
    DATASET = Dataset(name="qa", task="qa", source=("qa.csv",))

    def test_delimiter_header_and_cells_of_the_source(self, tmp_path: Path) -> None:
        text = write_all(tmp_path, self.DATASET, {"qa.csv": self.SOURCE}, "out.csv", columns=None)
        assert text == (
            'id;question;answer;note;_origin\n1;"a;b ""c""";=x;"two\nlines";original\n2;plain;y;;original\n'
        )

    def test_without_our_columns_the_source_comes_out(self, tmp_path: Path) -> None:
        names = ("id", "question", "answer", "note")
        assert write_all(tmp_path, self.DATASET, {"qa.csv": self.SOURCE}, "out.csv", columns=names) == self.SOURCE

    def test_a_headerless_source_stays_headerless(self, tmp_path: Path) -> None:
        dataset = Dataset(name="m", task="mcq", source=("m.csv",), columns=MMLU_COLUMNS, fields=MMLU_FIELDS)
        text = write_all(
            tmp_path, dataset, {"m.csv": "Q,1,2,3,4,B\n"}, "out.csv",
            lambda items: [
                added(make_result(items[0], question="N", choices=["5", "6", "7"], answer="7"), simulated=True)
            ],
        )  # fmt: skip
        assert text == "Q,1,2,3,4,B,original,\nN,5,6,7,,C,added,true\n"

    def test_rows_of_different_columns_lose_nothing(self, tmp_path: Path) -> None:
        rows = '{"question":"a","answer":"1"}\n{"question":"b","answer":"2","late":{"x":[1,null]}}\n'
        text = write_all(tmp_path, QA, {"qa.jsonl": rows}, "out.csv")
        assert list(csv.DictReader(text.splitlines())) == [
            {"question": "a", "answer": "1", "late": "", "_origin": "original"},
            {"question": "b", "answer": "2", "late": '{"x":[1,null]}', "_origin": "original"},
        ]

    def test_carriage_returns_and_lone_empty_cells_survive(self, tmp_path: Path) -> None:
        rows = '{"question":"a\\rb","answer":"1"}\n{"question":"c","answer":" "}\n'.replace('" "', '"z"')
        text = write_all(tmp_path, QA, {"qa.jsonl": rows}, "out.csv", columns=("question",))
        assert text == 'question\n"a\rb"\nc\n'
        empty = write_all(tmp_path, QA, {"qa.jsonl": rows}, "out2.csv", columns=("_simulated",))
        assert empty == '_simulated\n""\n""\n'

    @pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", "\rx", "=", "-1-1"])
    def test_formulas_of_a_model_are_defused(self, cell: str, tmp_path: Path) -> None:
        text = write_all(
            tmp_path, QA, {"qa.jsonl": QA_ROWS}, "out.csv",
            lambda items: [added(make_result(items[0], "new", "qa", answer=cell))],
        )  # fmt: skip
        assert list(csv.DictReader(text.splitlines(keepends=True)))[2]["answer"] == "'" + cell

    @pytest.mark.parametrize("cell", ["-5", "+3.5", "-1,234.5", "-.5", "-2e-3", "-40%", "a=b", ""])
    def test_plain_numbers_and_text_are_no_formulas(self, cell: str) -> None:
        assert sinks.escape_formula(cell) == cell

    def test_formulas_that_came_in_stay(self, tmp_path: Path) -> None:
        assert "=x" in write_all(tmp_path, self.DATASET, {"qa.csv": self.SOURCE}, "out.csv")
        assert "'=x" not in (tmp_path / "out.csv").read_text()


SUBJECTS = Dataset(
    name="m", task="mcq", source=("d/*.csv",), columns=MMLU_COLUMNS,
    fields={**MMLU_FIELDS, "subject": call("remove_suffix", call("stem"), "_test")},
)  # fmt: skip
SUBJECT_FILES = {"d/art_test.csv": "Q1,1,2,3,4,B\nQ2,1,2,3,4,A\n", "d/law_test.csv": "Q3,1,2,3,4,D\n"}


class TestDirectory:
    def rows(self, items: list[Item]) -> list[OutputRow]:
        return [
            added(make_result(items[0], "x", question="NewArt"), subject="art"),
            # Made beside an anchor of `art`, for `law`: it belongs to the file whose name says so.
            added(make_result(items[0], "y", question="NewLaw"), subject="law"),
        ]

    def test_one_file_for_each_source_file(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, SUBJECT_FILES)
        files, items = load(SUBJECTS, project)
        digests, diagnostics = write_outputs(
            [output("out/")], SUBJECTS, files, project, originals(items) + self.rows(items)
        )
        assert codes(diagnostics) == []
        assert [(digest.file, digest.rows) for digest in digests] == [("out/art_test.csv", 3), ("out/law_test.csv", 2)]
        assert (tmp_path / "out/art_test.csv").read_text().splitlines() == [
            "Q1,1,2,3,4,B,original", "Q2,1,2,3,4,A,original", "NewArt,1,2,3,4,B,added",
        ]  # fmt: skip
        assert (tmp_path / "out/law_test.csv").read_text().splitlines() == [
            "Q3,1,2,3,4,D,original", "NewLaw,1,2,3,4,B,added",
        ]  # fmt: skip

    def test_a_single_file_gets_what_the_names_say_as_columns(self, tmp_path: Path) -> None:
        text = write_all(tmp_path, SUBJECTS, SUBJECT_FILES, "all.csv", self.rows)
        assert [line.split(",")[0:1] + line.split(",")[6:] for line in text.splitlines()] == [
            ["Q1", "art", "original"], ["Q2", "art", "original"], ["Q3", "law", "original"],
            ["NewArt", "art", "added"], ["NewLaw", "law", "added"],
        ]  # fmt: skip

    def test_a_file_without_rows_is_written_empty(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, {**SUBJECT_FILES, "out/law_test.csv": "of an earlier run\n"})
        files, items = load(SUBJECTS, project)
        digests, _ = write_outputs([output("out/")], SUBJECTS, files, project, originals(items[:2]))
        assert [digest.rows for digest in digests] == [2, 0]
        assert (tmp_path / "out/law_test.csv").read_bytes() == b""

    def test_names_that_would_meet_stay_apart(self, tmp_path: Path) -> None:
        dataset = Dataset(name="q", task="qa", source=("a/q.jsonl", "b/q.jsonl", "a/q.ndjson"))
        lines = {f"{name}": f'{{"question":"{name}","answer":"1"}}\n' for name in dataset.source}
        project = make_project(tmp_path, lines)
        files, items = load(dataset, project)
        digests, diagnostics = write_outputs(
            [output("out/", format="jsonl")], dataset, files, project, originals(items)
        )
        assert codes(diagnostics) == []
        assert [digest.file for digest in digests] == ["out/a/q.jsonl", "out/b/q.jsonl", "out/a/q.ndjson.jsonl"]

    def test_more_files_than_may_be_open(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sinks, "_OPEN_AT_ONCE", 2)
        dataset = Dataset(name="q", task="qa", source=("d/*.jsonl",), fields={"part": call("stem")})
        project = make_project(
            tmp_path, {f"d/{name}.jsonl": f'{{"question":"{name}","answer":"1"}}\n' * 3 for name in "abcde"}
        )
        files, items = load(dataset, project)
        late = [added(make_result(item, f"n{item.row}", "qa"), part=item.attributes["part"]) for item in items]
        digests, _ = write_outputs([output("out/", format="csv")], dataset, files, project, originals(items) + late)
        assert [digest.rows for digest in digests] == [6] * 5
        assert (tmp_path / "out/c.csv").read_text().count("added") == 3


class TestRefusals:
    @pytest.fixture
    def ready(self, tmp_path: Path) -> Any:
        project = make_project(tmp_path, {"qa.jsonl": QA_ROWS})
        return project, *load(QA, project)

    @pytest.mark.parametrize(
        ("outputs", "code"),
        [
            ([output("qa.jsonl")], "RF6302"),
            ([output("x/../qa.jsonl")], "RF6302"),
            ([output("./", format="jsonl")], "RF6302"),
            ([output("./", format="sft")], "RF6302"),
            ([output("../out.jsonl")], "RF6301"),
            ([output("/nowhere-of-ours/out.jsonl")], "RF6301"),
            ([output("o.jsonl"), output("./o.jsonl", name="second")], "RF6303"),
            ([output("folder", format="jsonl")], "RF6300"),
            ([output("qa.jsonl/o.jsonl")], "RF6300"),
            ([output("spec.refine", format="jsonl")], "RF6307"),
            ([output(".refine/runs/0001/o.jsonl")], "RF6307"),
            ([output("x/../.git/hooks/o.jsonl")], "RF6307"),
            ([output("o.jsonl", provenance="../o.prov.jsonl")], "RF6301"),
            ([output("o.jsonl", provenance="qa.jsonl")], "RF6302"),
            ([output("o.jsonl", provenance="o.jsonl")], "RF6303"),
            ([output("o.jsonl", provenance="p.jsonl"), output("p.jsonl", name="second")], "RF6303"),
            ([output("o.jsonl", provenance="folder")], "RF6300"),
        ],
    )
    def test_before_anything_is_written(self, outputs: Any, code: str, ready: Any, tmp_path: Path) -> None:
        project, files, items = ready
        (tmp_path / "folder").mkdir()
        before = sorted(path.name for path in tmp_path.iterdir())
        digests, diagnostics = write_outputs(outputs, QA, files, project, originals(items))
        assert (codes(diagnostics), digests) == ([code], ())
        assert codes(check_outputs(outputs, files, project)) == [code]
        assert (tmp_path / "qa.jsonl").read_text() == QA_ROWS
        assert sorted(path.name for path in tmp_path.iterdir() if path.name != "x") == before

    def test_outputs_may_publish_their_log_in_one_place(self, ready: Any) -> None:
        project, files, _ = ready
        outputs = [output("o.jsonl", provenance="p.prov.jsonl"), output("o.csv", name="t", provenance="p.prov.jsonl")]
        assert codes(check_outputs(outputs, files, project)) == []

    def test_a_link_out_of_the_project(self, ready: Any, tmp_path: Path, tmp_path_factory: Any) -> None:
        project, files, items = ready
        (tmp_path / "out").symlink_to(tmp_path_factory.mktemp("elsewhere"))
        _, diagnostics = write_outputs([output("out/o.jsonl")], QA, files, project, originals(items))
        assert codes(diagnostics) == ["RF6301"]
        _, diagnostics = write_outputs(
            [output("out/o.jsonl")], QA, files, project, originals(items), allow_outside=True
        )
        assert codes(diagnostics) == []

    def test_a_planted_link_at_the_temporary_name_is_not_followed(self, ready: Any, tmp_path: Path) -> None:
        project, files, items = ready
        (tmp_path / "victim").write_text("untouched")
        (tmp_path / ".o.jsonl.partial").symlink_to(tmp_path / "victim")
        _, diagnostics = write_outputs([output("o.jsonl")], QA, files, project, originals(items))
        assert codes(diagnostics) == []
        assert (tmp_path / "victim").read_text() == "untouched"
        assert not (tmp_path / "o.jsonl").is_symlink()

    def test_surplus_choices_name_the_item(self, tmp_path: Path) -> None:
        dataset = Dataset(name="m", task="mcq", source=("m.csv",), columns=MMLU_COLUMNS, fields=MMLU_FIELDS)
        project = make_project(tmp_path, {"m.csv": "Q,1,2,3,4,B\n"})
        files, items = load(dataset, project)
        result = make_result(items[0], "wide", choices=["1", "2", "3", "4", "5"], answer="5")
        prepared, diagnostics = prepare_outputs([output("o.csv")], dataset, files, project, [added(result)])
        assert prepared is None
        assert codes(diagnostics) == ["RF6305"]
        assert "`wide`" in diagnostics[0].message
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m.csv"]


class TestAtomicity:
    @pytest.fixture
    def ready(self, tmp_path: Path) -> Any:
        project = make_project(tmp_path, {"qa.jsonl": QA_ROWS, "a.jsonl": "old a\n"})
        return project, *load(QA, project)

    def test_nothing_appears_before_commit(self, ready: Any, tmp_path: Path) -> None:
        project, files, items = ready
        prepared, _ = prepare_outputs([output("a.jsonl"), output("b.csv")], QA, files, project, originals(items))
        assert prepared is not None
        assert (tmp_path / "a.jsonl").read_text() == "old a\n"
        assert not (tmp_path / "b.csv").exists()
        prepared.discard()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "qa.jsonl"]

    def test_rows_that_fail_leave_nothing(self, ready: Any, tmp_path: Path) -> None:
        project, files, items = ready

        def failing() -> Iterator[OutputRow]:
            yield from originals(items)
            raise RuntimeError("the source broke off")

        with pytest.raises(RuntimeError, match="broke off"):
            prepare_outputs([output("a.jsonl"), output("b.csv")], QA, files, project, failing())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "qa.jsonl"]
        assert (tmp_path / "a.jsonl").read_text() == "old a\n"

    @pytest.mark.parametrize("path", ["a.jsonl", "b.csv"])
    def test_a_full_disk_is_a_diagnostic(
        self, path: str, ready: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project, files, items = ready

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(sinks.os, "fsync", full)
        digests, diagnostics = write_outputs([output(path)], QA, files, project, originals(items))
        assert (codes(diagnostics), digests) == (["RF6300"], ())
        assert diagnostics[0].notes == ("No space left on device",)
        assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jsonl", "qa.jsonl"]

    def test_a_commit_that_fails_midway_puts_everything_back(self, ready: Any, tmp_path: Path) -> None:
        project, files, items = ready
        names = ("a.jsonl", "new.jsonl", "c.jsonl")
        outputs = [output(name, name=name.partition(".")[0]) for name in names]
        prepared, _ = prepare_outputs(outputs, QA, files, project, originals(items))
        assert prepared is not None
        (tmp_path / "c.jsonl").mkdir()
        (tmp_path / "c.jsonl" / "in the way").touch()
        diagnostics = prepared.commit()
        assert codes(diagnostics) == ["RF6300"]
        assert (tmp_path / "a.jsonl").read_text() == "old a\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "c.jsonl", "qa.jsonl"]

    def test_a_folder_is_made(self, ready: Any, tmp_path: Path) -> None:
        project, files, items = ready
        _, diagnostics = write_outputs([output("x/y/z.jsonl")], QA, files, project, originals(items))
        assert codes(diagnostics) == []
        assert (tmp_path / "x/y/z.jsonl").exists()

    def test_a_published_copy_is_whole_or_absent(self, ready: Any, tmp_path: Path) -> None:
        assert copy_file(tmp_path / "qa.jsonl", tmp_path / "pub" / "log.prov.jsonl") is None
        assert (tmp_path / "pub/log.prov.jsonl").read_text() == QA_ROWS
        fault = copy_file(tmp_path / "absent", tmp_path / "pub" / "log.prov.jsonl")
        assert fault is not None
        assert fault.code == "RF6300"
        assert [path.name for path in (tmp_path / "pub").iterdir()] == ["log.prov.jsonl"]


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    from hashlib import sha256

    project = make_project(tmp_path, {"qa.jsonl": QA_ROWS})
    files, items = load(QA, project)
    digests, _ = write_outputs([output("o.csv"), output("o.jsonl")], QA, files, project, originals(items))
    for digest in digests:
        content = (tmp_path / digest.file).read_bytes()
        assert (digest.sha256, digest.size) == (sha256(content).hexdigest(), len(content))
        with (tmp_path / digest.file).open("rb") as stream:
            records = list(sinks.split_records(stream, digest.format))
        head, rows = (records[:1], records[1:]) if digest.format == "csv" else ([], records)
        assert digest.head == sha256(b"".join(head)).hexdigest()
        assert [digest.digest(row) for row in range(digest.rows)] == [sha256(row).digest()[:8] for row in rows]
        assert digest.digest(digest.rows) == b""


def test_a_set_that_was_refined_before_keeps_its_marks(tmp_path: Path) -> None:
    rows = '{"question":"a","answer":"1","_origin":"added","_simulated":true}\n'
    text = write_all(tmp_path, QA, {"qa.jsonl": rows}, "out.jsonl")
    assert json.loads(text) == {"question": "a", "answer": "1", "_origin": "original", "_simulated": True}
    task = write_all(tmp_path, QA, {"qa.jsonl": rows}, "task.jsonl", layout="task")
    assert json.loads(task)["_simulated"] is True


def test_row_hash_depends_on_what_the_item_says() -> None:
    item = Item("i", "k", "h", {"question": "q", "answer": "a"}, {"t": None}, {}, Place("f"))
    same = Item("i", "k2", "h2", {"answer": "a", "question": "q"}, {"t": None}, {"x": 1}, Place("g", 3))
    other = Item("i", "k", "h", {"question": "q", "answer": "b"}, {"t": None}, {}, Place("f"))
    assert row_hash(item) == row_hash(same) != row_hash(other)


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    import tracemalloc

    project = make_project(tmp_path, {"qa.jsonl": QA_ROWS})
    files, items = load(QA, project)

    def peak(count: int) -> int:
        tracemalloc.start()
        rows = (OutputRow(items[0], "original") for _ in range(count))
        write_outputs([output("o.csv"), output("o.jsonl")], QA, files, project, rows)
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    peak(10)
    # 8 bytes of digest per row and output are kept; a row's text is some 100 bytes.
    assert peak(20_000) - peak(1_000) < 19_000 * 40


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"qa.jsonl": QA_ROWS})
    files, items = load(QA, project)
    written = []
    for _ in range(2):
        digests, _ = write.write_outputs([output("o.csv"), output("o.jsonl")], QA, files, project, originals(items))
        written.append(digests)
    assert written[0] == written[1]




def test_real_sources_come_out_as_they_came_in(tmp_path: Path) -> None:
    """MMLU's 19 headerless files, a file each: cell by cell the source, and our two columns left out."""
    shared = Path(__file__).resolve().parents[2] / "../shared/data/mmlu/test"
    if not shared.exists():
        pytest.skip(f"NO REAL DATA: {shared} is not there")
    dataset = Dataset(name="m", task="mcq", source=(str(shared / "*.csv"),), columns=MMLU_COLUMNS, fields=MMLU_FIELDS)
    project = make_project(tmp_path, {})
    files, problems = find_files(dataset, project, allow_outside=True)
    assert (len(files), problems) == (19, ())
    items = [entry for entry in read_items(dataset, files, project) if isinstance(entry, Item)]
    digests, _ = write_outputs(
        [output("out/", columns=MMLU_COLUMNS)], dataset, files, project, originals(items), allow_outside=True
    )
    assert sum(digest.rows for digest in digests) == len(items) > 2_500
    for path, digest in zip(files, digests, strict=True):
        with path.open(newline="", encoding="utf-8-sig") as source:
            rows = list(csv.reader(source))
        # A few rows of MMLU are no items (two choices are the same, and the key is one of them).
        wanted = [rows[item.place.row - 1] for item in items if item.place.file.endswith(path.name) and item.place.row]
        with (tmp_path / digest.file).open(newline="") as copy:
            assert list(csv.reader(copy)) == wanted
