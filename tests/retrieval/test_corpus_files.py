"""Files of a corpus become documents; what is wrong with them is said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from refinelab_dsl.data.corpus import Document, read_documents
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Name
from refinelab_dsl.project import find_project


@dataclass
class _Held:
    documents: tuple[Document, ...]
    diagnostics: tuple[Diagnostic, ...]


def _read(folder: Path, **declared: object) -> _Held:
    (folder / ".refine").mkdir(exist_ok=True)
    usual = {"name": "facts", "task": "qa", "role": "corpus", "source": ("c.jsonl",)}
    dataset = Dataset.model_validate({**usual, **declared})
    return _Held(*read_documents(dataset, find_project(folder)))


def _write(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_rows_of_a_table(tmp_path: Path) -> None:
    first, second = {"id": 7, "title": "Bees", "text": " Bees pollinate. "}, {"text": "Granite is a rock."}
    _write(tmp_path / "c.jsonl", first, second)
    read = _read(tmp_path)
    assert read.documents == (
        Document("7", "Bees", "Bees pollinate."), Document("c.jsonl:2", "", "Granite is a rock."),
    )  # fmt: skip
    assert read.diagnostics == ()


def test_columns_by_name_rows_by_condition_and_a_table_without_header(tmp_path: Path) -> None:
    (tmp_path / "facts.txt").write_text('"A bee, too, pollinates"\n"draft"\n')
    column = Call(function="column", arguments=(Constant.of("fact"),))
    read = _read(
        tmp_path, source=("facts.txt",), format="csv", columns=("fact",), fields={"text": column},
        where=Binary(operator="!=", left=Name(space="field", name="text"), right=Constant.of("draft")),
    )  # fmt: skip
    assert read.documents == (Document("facts.txt:1", "", "A bee, too, pollinates"),)


def test_text_is_a_document_and_markdown_one_for_each_section(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffBees pollinate.\r\n\r\nBirds do, too.\r\n".encode())
    (tmp_path / "b.md").write_text(
        "Before.\n\n# Rocks\n\n## Granite ##\nA rock.\n```\n# no heading\n```\n\n# Gases\nOxygen.\n"
    )
    read = _read(tmp_path, source=("*.txt", "*.md"))
    assert read.documents == (
        Document("a.txt:1", "a", "Bees pollinate.\n\nBirds do, too."),
        Document("b.md:1", "b", "Before."),
        Document("b.md:5", "Rocks / Granite", "## Granite ##\nA rock.\n```\n# no heading\n```".partition("\n")[2]),
        Document("b.md:11", "Gases", "Oxygen."),
    )


def test_a_corpus_without_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text("")
    (tmp_path / "d.txt").write_text(" \n\n")
    for source in ("c.jsonl", "d.txt"):
        read = _read(tmp_path, source=(source,))
        assert [found.code for found in read.diagnostics] == ["RF3070"]


def test_a_table_without_the_column_says_so_once(tmp_path: Path) -> None:
    _write(tmp_path / "c.jsonl", *({"texts": f"fact {number}"} for number in range(30)))
    read = _read(tmp_path)
    assert [found.code for found in read.diagnostics] == ["RF3022"]
    assert "nearest: `texts`" in read.diagnostics[0].help[0].message


def test_bad_rows_stop_or_are_skipped(tmp_path: Path) -> None:
    _write(tmp_path / "c.jsonl", {"text": "Bees."}, {"text": ""}, {"text": None}, {"text": ["a"]})
    stopped = _read(tmp_path)
    assert [found.code for found in stopped.diagnostics] == ["RF3020"] * 3
    skipped = _read(tmp_path, on_bad_row="skip")
    assert [document.text for document in skipped.documents] == ["Bees."]
    assert [found.code for found in skipped.diagnostics] == ["RF3050"]


def test_ids_are_unique(tmp_path: Path) -> None:
    _write(tmp_path / "c.jsonl", {"id": "a", "text": "Bees."}, {"id": "a", "text": "Birds."})
    assert [found.code for found in _read(tmp_path).diagnostics] == ["RF3024"]


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    (tmp_path / "b.md").write_bytes(b"%PDF-1.7")
    for name in ("a.txt", "b.md"):
        read = _read(tmp_path, source=(name,))
        assert [found.code for found in read.diagnostics] == ["RF3009"]
    assert [found.code for found in _read(tmp_path, source=("none.txt",)).diagnostics] == ["RF3001"]


def test_ids_hold_no_path_of_a_machine(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    for folder in ("a", "b"):
        (outside / folder).mkdir(parents=True)
        (outside / folder / "notes.txt").write_text(f"Text of {folder}.")
    project = tmp_path / "project"
    project.mkdir()
    (project / ".refine").mkdir()
    dataset = Dataset.model_validate(
        {"name": "facts", "task": "qa", "role": "corpus", "source": (f"{outside}/*/notes.txt",)}
    )
    documents, found = read_documents(dataset, find_project(project), allow_outside=True)
    assert found == ()
    assert [document.id for document in documents] == ["notes.txt:1", "notes.txt~2:1"]
