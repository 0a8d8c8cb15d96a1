"""Files that a spec is made of: prompts, and the paths that lead to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refinelab_dsl.semantics.files import MAX_BYTES
from tests.harness.front import HEAD, compile_text

ASK = HEAD + "operator a { kind = expand, model = small, prompt = ask }\nbudget { tokens = 1k }\n"


def _prompt(path: str) -> str:
    return f'{ASK}prompt ask {{ user = file("{path}") }}\n'


def test_a_prompt_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "ask.jinja").write_text("﻿Reword:\r\n{{ item.question }}\n", encoding="utf-8")
    front = compile_text(_prompt("prompts/ask.jinja"), path=tmp_path / "a.refine")
    assert front.certain.prompts[0].user == "Reword:\n{{ item.question }}\n"


def test_a_mistake_in_it_is_shown_in_it(tmp_path: Path) -> None:
    (tmp_path / "ask.jinja").write_text("Reword:\n  {{ item.question }} {{ item.qestion }}\n", encoding="utf-8")
    front = compile_text(_prompt("ask.jinja"), name="specs/a.refine", path=tmp_path / "a.refine")
    (fault,) = front.diagnostics.errors
    assert fault.code == "RF5133"
    assert fault.span is not None
    assert fault.span.file == "specs/ask.jinja"
    source = front.diagnostics.sources["specs/ask.jinja"]
    assert source.text[fault.span.start : fault.span.end] == "qestion"
    assert source.position(fault.span.start).line == 2


def test_a_mistake_in_a_text_block_is_shown_in_the_spec() -> None:
    text = ASK + 'prompt ask {\n  user = """\n    One\n      {{ item.question }}{{ nothing }}\n    """\n}\n'
    (fault,) = compile_text(text).diagnostics.errors
    assert fault.code == "RF5132"
    assert fault.span is not None
    assert text[fault.span.start : fault.span.end] == "nothing"


@pytest.mark.parametrize("name", ["missing.jinja", "folder", "binary", "large", "pipe", "loop"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_bytes(b"x" * (MAX_BYTES + 1))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    front = compile_text(_prompt(name), path=tmp_path / "a.refine")
    assert front.codes == ["RF2075"]


def test_links_are_resolved(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".git").mkdir()
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    (project / "link").symlink_to(tmp_path / "secret")
    assert compile_text(_prompt("link"), path=project / "a.refine").codes == ["RF2073"]
    assert compile_text(_prompt("link"), path=project / "a.refine", allow_outside=True).codes == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "~/x", "C:\\\\x", "\\\\\\\\host\\\\x"])
def test_paths_out_of_the_project(tmp_path: Path, path: str) -> None:
    assert compile_text(_prompt(path), path=tmp_path / "a.refine").codes == ["RF2073"]
    assert compile_text(f'{HEAD}output more {{ path = "{path}.csv" }}\n').codes == ["RF2073"]


@pytest.mark.parametrize("path", ["", "  ", "a\\u0007b", "a\\nb"])
def test_what_is_no_path(path: str) -> None:
    assert compile_text(f'{HEAD}output more {{ path = "{path}", format = csv }}\n').codes == ["RF2074"]


def test_without_a_folder_no_file_is_read() -> None:
    assert compile_text(_prompt("ask.jinja")).codes == ["RF2075"]
