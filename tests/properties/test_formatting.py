"""The formatter on generated, damaged and carelessly laid out programs: nothing but layout changes, and only once."""

from __future__ import annotations

import re
from functools import cache

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from refinelab_dsl import syntax
from refinelab_dsl.source import Source
from refinelab_dsl.syntax.lex import NEWLINE, lex
from tests.architecture.tree import ROOT
from tests.harness.specs import find_examples
from tests.properties.test_any_bytes import mutated
from tests.properties.test_generated_programs import programs


@cache
def specs() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.refine"))]


@cache  # seconds, and not for whoever only collects the tests
def examples() -> list[str]:
    """Texts of the language's chapters that have no error of form."""
    return [
        example.text
        for path in sorted((ROOT / "specs" / "language").glob("*.md"))
        for example in find_examples(path)
        if not syntax.parse(example.source)[1].has_errors
    ]


def format_text(text: str) -> str | None:
    """The formatted text, after what must hold of it was asserted; None where the text has errors of form."""
    source = Source("any.refine", text)
    tree, found = syntax.parse(source)
    formatted, problems = syntax.format_source(source)
    if found.has_errors:
        assert formatted is None
        assert list(problems) == list(found)
        return None
    assert formatted is not None, list(problems)
    again = Source("any.refine", formatted)
    tree_again, found = syntax.parse(again)
    assert not found
    assert tree_again.statements == tree.statements
    assert _documented(tree_again.statements) == _documented(tree.statements)
    assert _words(again) == _words(source)
    assert [comment.text for comment in lex(again).comments] == [
        comment.text.rstrip(" \t\f\r") for comment in lex(source).comments
    ]
    assert syntax.format_source(again)[0] == formatted
    _check_layout(again)
    return formatted


def _documented(statements: tuple[syntax.Statement, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for statement in statements:
        if isinstance(statement, syntax.Attribute):
            found.append((statement.name, statement.doc))
        elif isinstance(statement, syntax.Block):
            found += [(statement.kind, statement.doc), *_documented(statement.body)]
    return found


def _words(source: Source) -> list[str]:
    """All tokens but separators and the layout of text blocks."""
    tokens = lex(source).tokens
    return [
        re.sub(r"\s+", " ", token.text) if token.type == "TEXT" else token.text
        for token in tokens
        if token.type not in (NEWLINE, "COMMA")
    ]


def _check_layout(source: Source) -> None:
    """Outside of text blocks: no tab, no blank at a line's end, no two blank lines; one newline at the end."""
    bare = source.text
    lexed = lex(source)
    for token in sorted((*lexed.tokens, *lexed.comments), key=lambda token: -token.start):
        if token.type in ("TEXT", "STRING", "COMMENT"):
            bare = f"{bare[: token.start]}x{bare[token.end :]}"
    assert not re.search(r"[\t\r\f]|[ ]$|\n\n\n|\A\n|\n\n\Z", bare, re.M), bare
    assert re.search(r"[^\n]\n\Z", bare), bare


@given(programs)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_generated_programs(program: str) -> None:
    text = f"edition = 1\n{program}"
    assume("RF1026" not in [entry.code for entry in syntax.parse(Source("any.refine", text))[1]])  # deeper than we go
    assert format_text(text) is not None


@given(mutated())
@settings(max_examples=40, deadline=None)
def test_damaged_specs(text: str) -> None:
    format_text(text)


GAPS = st.sampled_from(["", " ", "   ", "\t", " \t "])
BREAKS = st.sampled_from(
    ["", "", " ", "\n", "\n\n", "\r\n", "\n\n\n\n", "  # c \n", "\n# c\n", "# c\r\n", "\n\n  ## d\n"]
)


@st.composite
def careless(draw: st.DrawFn) -> str:
    """A right program with other white space between its tokens, more line breaks where they count for nothing, more
    comments, more commas."""
    text = draw(st.sampled_from([*examples(), *specs()]))
    inside: list[str] = []
    parts: list[str] = []
    end = 0
    for token in lex(Source("any.refine", text)).tokens:
        # What the author put there, so that two words stay two words; comments among it.
        gap = text[end : token.start]
        end = token.end
        comma = token.type == "COMMA"
        if not comma:  # before a comma in braces a line cannot end
            gap += draw(GAPS)
        if inside and inside[-1] != "{":
            gap += draw(BREAKS)
        if token.type in ("LBRACE", "LPAR", "LSQB"):
            inside.append(token.text)
        elif token.type in ("RBRACE", "RPAR", "RSQB"):
            inside.pop()
        parts += [gap, token.text]
        if (comma or token.text == "{") and draw(st.booleans()):
            parts.append(draw(BREAKS))
        if token.type == NEWLINE and parts and draw(st.integers(0, 4)) == 0:
            parts.append(draw(BREAKS))
    return "".join(parts)


@given(careless())
@settings(max_examples=70, deadline=None, suppress_health_check=list(HealthCheck))
def test_carelessly_laid_out_programs(text: str) -> None:
    assert format_text(text) is not None


def test_all_examples() -> None:
    assert len(examples()) > 50
    for text in examples():
        assert format_text(text) is not None
