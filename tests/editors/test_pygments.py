"""The lexer for Pygments: it agrees with the compiler's own lexer, and takes any text."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments import lexers
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, _TokenType

from refinelab_dsl.builtins import BLOCKS, FUNCTIONS
from refinelab_dsl.highlight import RefineLexer
from tests.architecture.tree import ROOT
from tests.editors.texts import find_texts, find_tokens

TEXTS = find_texts()
WORDS = {"AND", "OR", "NOT", "IN"}
CONSTANTS = {"TRUE", "FALSE", "NULL", "REST"}
NUMBERS = {"PERCENT", "MONEY", "COUNT", "DURATION", "NUMBER"}
MARKS = {"LBRACE", "RBRACE", "LSQB", "RSQB", "LPAR", "RPAR", "COMMA", "DOT"}


def colour(text: str) -> list[tuple[int, _TokenType, str]]:
    """(offset, token, text) for a text as it is."""
    return list(RefineLexer(stripnl=False, ensurenl=False).get_tokens_unprocessed(text))


def fits(kind: str, text: str, shown: _TokenType) -> bool:
    """Whether a token of the language is shown as what it is."""
    match kind:
        case "STRING" | "TEXT":
            return shown in String or shown in Comment.Multiline
        case "COMMENT":
            return shown in (String.Doc if text.startswith("##") and not text.startswith("###") else Comment.Single)
        case "NAME":
            return shown in Name or shown in Keyword.Declaration
        case "IMPORT" | "AS":
            return shown in Keyword.Namespace
        case "COMPARE" | "ADD" | "MULTIPLY" | "EQUAL":
            return shown in Operator
    if kind in WORDS:
        return shown in Operator.Word
    if kind in CONSTANTS:
        return shown in Keyword.Constant
    if kind in MARKS:
        return shown in Punctuation
    assert kind in NUMBERS, kind
    return shown in Number


@pytest.mark.parametrize("name", TEXTS)
def test_every_spec_is_coloured_as_the_compiler_reads_it(name: str) -> None:
    coloured = colour(TEXTS[name])
    assert [(start, text) for start, token, text in coloured if token in Error] == []
    at = {start + index: token for start, token, text in coloured for index in range(len(text))}
    wrong = [
        (token.type, token.text, at[token.start])
        for token in find_tokens(TEXTS[name])
        if not fits(token.type, token.text, at[token.start])
    ]
    assert wrong == []


def test_there_are_specs_to_colour() -> None:
    assert {"specs/quickstart.refine", "specs/mmlu_subjects.refine"} <= set(TEXTS)
    assert len(TEXTS) > 50


def test_kinds_functions_and_attributes_stand_out() -> None:
    coloured = [(token, text) for _, token, text in colour((ROOT / "specs/quickstart.refine").read_text())]
    for token, text in [
        (Keyword.Declaration, "dataset"), (Name.Class, "quiz"), (Name.Attribute, "task"), (Name.Function, "column"),
        (String.Doc, "## Each of the five subjects is a fifth of the set."),
    ]:  # fmt: skip
        assert (token, text) in coloured
    for kind in BLOCKS:
        assert colour(f"{kind} {{ }}")[0][1:] == (Keyword.Declaration, kind)
    for row in FUNCTIONS:
        assert (Name.Function, row.name) in [(token, text) for _, token, text in colour(f"x = {row.name}(1)")]


def test_templates_stand_out_of_their_block() -> None:
    coloured = colour('user = """\n  Ask {{ item.question }} {# note #}{% if a %}"b"{% endif %}\n  """\nseed = 1\n')
    shown = {text: token for _, token, text in coloured}
    assert shown["{{"] is shown["%}"] is String.Interpol
    assert shown["question"] is Name.Variable
    assert shown["{# note #}"] is Comment.Multiline
    assert shown["if"] is Keyword
    assert shown["seed"] is Name.Attribute  # the block is closed again


@given(st.text(max_size=200) | st.text(alphabet='"\\{}%#$\n =_a1."', max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back_whole(text: str) -> None:
    assert "".join(part for _, _, part in colour(text)) == text


def test_installed_as_a_plugin() -> None:
    found = [point for point in entry_points(group="pygments.lexers") if point.name == "refine"]
    assert [point.value for point in found] == ["refinelab_dsl.highlight:RefineLexer"]
    assert isinstance(lexers.get_lexer_by_name("refine"), RefineLexer)
    assert isinstance(lexers.get_lexer_for_filename("a.refine"), RefineLexer)
