"""The formatter where no file of a chapter can show it."""

from __future__ import annotations

from refinelab_dsl import syntax
from refinelab_dsl.source import Source


def format_text(text: str) -> str:
    formatted, found = syntax.format_source(Source("x.refine", text))
    assert formatted is not None, list(found)
    return formatted


def test_line_ends_and_blanks() -> None:
    assert format_text("edition = 1\r\n\r\n\r\nseed\f=\t7  # a \r\n\n\n") == "edition = 1\n\nseed = 7  # a\n"


def test_a_carriage_return_that_belongs_to_a_text_stays() -> None:
    text = 'edition = 1\n\nx = """\n  a\r\r\n  b\n  """\n'
    assert format_text(text) == text


def test_blanks_at_the_ends_of_lines_of_a_text_stay() -> None:
    text = 'edition = 1\n\nx = """\n  a  \n    \n\n  """\n'
    assert format_text(text) == text


def test_a_text_block_without_lines() -> None:
    assert format_text('edition = 1\nx = """ \n\t"""') == 'edition = 1\n\nx = """\n  """\n'


def test_what_would_grow_beyond_a_spec_is_left_alone() -> None:
    text = "edition = 1\nx = " + "[\n" * 42 + "a,\n" * 13_500 + "]" * 42 + "\n"
    assert len(text) < 50_000
    formatted, found = syntax.format_source(Source("x.refine", text))
    assert formatted is None
    assert [entry.code for entry in found] == ["RF9005"]
    assert "larger than" in found[0].notes[0]
