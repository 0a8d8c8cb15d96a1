"""The TextMate grammar: written from the table, and read by the engine of VS Code as the compiler reads the text."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from refinelab_dsl.builtins import BLOCKS
from tests.architecture.tree import ROOT
from tests.editors.texts import find_texts, find_tokens

EXTENSION = ROOT / "editors" / "vscode"
ENGINE = EXTENSION / "node_modules" / "vscode-textmate"

# A token of the language -> how the scope of its first character must start.
SCOPES = {
    "STRING": "string", "TEXT": "string", "COMMENT": "comment", "NAME": ("variable", "entity", "storage", "support"),
    "IMPORT": "keyword.control.import", "AS": "keyword.control.import",
    "TRUE": "constant.language", "FALSE": "constant.language", "NULL": "constant.language", "REST": "constant.language",
    "AND": "keyword.operator", "OR": "keyword.operator", "NOT": "keyword.operator", "IN": "keyword.operator",
    "COMPARE": "keyword.operator", "ADD": "keyword.operator", "MULTIPLY": "keyword.operator",
    "EQUAL": "keyword.operator", "PERCENT": "constant.numeric", "COUNT": "constant.numeric",
    "DURATION": "constant.numeric", "NUMBER": "constant.numeric", "MONEY": "keyword.other.unit",
    "LBRACE": "punctuation", "RBRACE": "punctuation", "LSQB": "punctuation", "RSQB": "punctuation",
    "LPAR": "punctuation", "RPAR": "punctuation", "COMMA": "punctuation", "DOT": "punctuation",
}  # fmt: skip


def tokenize(texts: dict[str, str]) -> dict[str, list[tuple[int, int, int, list[str]]]]:
    """(line, start, end, scopes) of each token of each text, as VS Code's own engine finds them."""
    if not ENGINE.is_dir() or shutil.which("node") is None:
        pytest.skip("NO ENGINE: the TextMate engine is installed by `npm install --prefix editors/vscode`")
    answer = subprocess.run(
        ["node", EXTENSION / "test" / "tokenize.mjs"], input=json.dumps(texts).encode(), capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def place(text: str, found: list[tuple[int, int, int, list[str]]]) -> Iterator[tuple[int, int, list[str]]]:
    """(start, end, scopes) with offsets of characters in the whole text; the engine counts UTF-16 units in a line."""
    lines = text.split("\n")
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line) + 1)
    for number, start, end, scopes in found:
        units = [index for index, character in enumerate(lines[number]) for _ in range(1 + (ord(character) > 0xFFFF))]
        units += [len(lines[number])] * 2  # the line's end, and a line break that the engine adds to the last token
        yield begins[number] + units[start], begins[number] + units[end], scopes


def test_the_file_is_what_the_table_gives() -> None:
    written = runpy.run_path(str(ROOT / "editors" / "textmate.py"))["render_grammar"]()
    assert (EXTENSION / "syntaxes" / "refine.tmLanguage.json").read_text(encoding="utf-8") == written, (
        "run: python editors/textmate.py"
    )


def test_the_extension_names_its_files() -> None:
    package = json.loads((EXTENSION / "package.json").read_text())
    (language,), (grammar,) = package["contributes"]["languages"], package["contributes"]["grammars"]
    assert (EXTENSION / language["configuration"]).is_file()
    assert json.loads((EXTENSION / grammar["path"]).read_text())["scopeName"] == grammar["scopeName"]
    configuration = json.loads((EXTENSION / language["configuration"]).read_text())
    deeper = re.compile(configuration["indentationRules"]["increaseIndentPattern"])
    assert deeper.search("measure words {  # a comment")
    assert deeper.search("  labels = [")
    assert not deeper.search("  prior = { success = 55% }")


def test_every_spec_is_coloured_as_the_compiler_reads_it() -> None:
    texts = find_texts()
    wrong = []
    for name, found in tokenize(texts).items():
        at: dict[int, list[str]] = {}
        for start, end, scopes in place(texts[name], found):
            at.update(dict.fromkeys(range(start, end), scopes))
            if any(scope.startswith("invalid") for scope in scopes):
                wrong.append((name, start, texts[name][start:end], scopes[-1]))
        for token in find_tokens(texts[name]):
            scope = at[token.start][1] if len(at[token.start]) > 1 else ""
            if not scope.startswith(SCOPES[token.type]):
                wrong.append((name, token.start, token.text, scope))
    assert wrong == []


def test_mistakes_stand_out() -> None:
    texts = {"escape": r'x = "a\qb"', "number": "x = 12abc", "character": "x = §"}
    found = tokenize(texts)
    shown = {
        name: [
            texts[name][start:end]
            for _, start, end, scopes in tokens
            if any(scope.startswith("invalid") for scope in scopes)
        ]
        for name, tokens in found.items()
    }
    assert shown == {"escape": [r"\q"], "number": ["12abc"], "character": ["§"]}


def test_every_kind_of_block_is_known() -> None:
    found = tokenize({kind: f"{kind} {{" for kind in BLOCKS})
    assert {kind for kind, tokens in found.items() if "storage.type.refine" in tokens[0][3]} == set(BLOCKS)
