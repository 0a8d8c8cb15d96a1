"""`graph` and `docs` from the command line: where they write, what a wrong spec gives, what they import."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.architecture.tree import ROOT
from tests.cli.command import refinec
from tests.views.specs import RICH

BROKEN = "edition = 1\ndataset d { task = mcq, source = 3 }\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rich.refine").write_text(RICH, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("text", "dataset chem · mcq\n├─ measure area"),
        ("mermaid", "flowchart LR\n"),
        ("dot", 'digraph "rich" {\n'),
        ("json", '{\n  "format_version": "1.0",\n  "spec": "rich",\n  "nodes": ['),
    ],
)
def test_graph_takes_the_one_spec_of_the_folder(form: str, start: str, folder: Path) -> None:
    answer = refinec("graph", "--format", form, cwd=folder)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(start)
    saved = refinec("graph", "rich.refine", "--format", form, "-o", "out.txt", cwd=folder)
    assert (saved.code, saved.out) == (0, "")
    assert (folder / "out.txt").read_text(encoding="utf-8") == answer.out


def test_docs_are_markdown_or_one_page_of_html(folder: Path) -> None:
    markdown = refinec("docs", cwd=folder, fresh=True)
    assert (markdown.code, markdown.err) == (0, "")
    assert markdown.out.startswith("# rich\n\nChemistry, harder.\n")
    html = refinec("docs", "--html", "-o", "page.html", cwd=folder)
    assert (html.code, html.out) == (0, "")
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>\n")


def test_documentation_does_not_depend_on_what_is_set_outside(folder: Path) -> None:
    assert refinec("docs", "--var", "limit=9k", cwd=folder).out == refinec("docs", cwd=folder).out


def test_the_reference_of_the_language_needs_no_spec(tmp_path: Path) -> None:
    answer = refinec("docs", "--language", cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("# The Refine language, edition 1\n")
    html = refinec("docs", "--language", "--html", cwd=tmp_path)
    assert html.out.startswith("<!doctype html>\n")
    assert refinec("docs", "--language", "a.refine", cwd=tmp_path).code == ExitCode.USAGE


@pytest.mark.parametrize("command", [("graph",), ("docs",), ("docs", "--html"), ("graph", "--format", "dot")])
def test_a_wrong_spec_has_no_picture(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "out.txt").write_text("before", encoding="utf-8")
    answer = refinec(*command, "-o", "out.txt", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert answer.out == ""
    assert "error[RF2" in answer.err
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "before"


def test_a_wrong_spec_as_json(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text(BROKEN, encoding="utf-8")
    answer = refinec("graph", "--format", "json", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert answer.json["diagnostics"][0]["code"].startswith("RF2")


@pytest.mark.parametrize("command", ["graph", "docs"])
def test_a_saved_plan_is_no_spec(command: str, tmp_path: Path) -> None:
    (tmp_path / "a.refplan").write_text('{"record":"header"}\n', encoding="utf-8")
    answer = refinec(command, "a.refplan", cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert "refinec show a.refplan" in answer.err


def test_a_terminal_without_unicode_still_has_a_tree(folder: Path) -> None:
    answer = refinec("graph", cwd=folder, environ={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert answer.code == 0
    assert "dataset chem" in answer.out


def test_our_quickstart(tmp_path: Path) -> None:
    answer = refinec("graph", ROOT / "specs" / "quickstart.refine", cwd=tmp_path)
    assert "operator author · generate\n├─ dimension subject  [moves]\n" in answer.out
