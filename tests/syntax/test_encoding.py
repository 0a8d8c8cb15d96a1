"""Bytes that are no text of ours."""

from __future__ import annotations

import codecs

import pytest

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics.render import render_text
from refinelab_dsl.syntax.encoding import MAX_BYTES

SPEC = "edition = 1\nseed = 7\n"


def test_a_byte_order_mark_is_dropped() -> None:
    source, tree, found = syntax.parse_bytes("a.refine", codecs.BOM_UTF8 + SPEC.encode())
    assert not found
    assert source.text == SPEC
    assert tree.statements[0].span.start == 0


def test_a_mark_inside_the_text_is_none() -> None:
    _, _, found = syntax.parse_bytes("a.refine", SPEC.encode() + codecs.BOM_UTF8)
    assert [entry.code for entry in found] == ["RF1041"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (SPEC.encode("utf-16"), "RF1072"),
        (SPEC.encode("utf-32"), "RF1072"),
        (b'edition = 1\npath = "caf\xe9"\n', "RF1071"),
        (b"\xff", "RF1071"),
        (b"edition = 1\n\xed\xa0\x80", "RF1071"),
        (b"edition = 1\n\x00", "RF1073"),
        (SPEC.encode("utf-16-le"), "RF1073"),
        (b"#" * (MAX_BYTES + 1), "RF1070"),
    ],
)
def test_other_bytes_are_refused_whole(data: bytes, code: str) -> None:
    _, tree, found = syntax.parse_bytes("a.refine", data)
    assert [entry.code for entry in found] == [code]
    assert tree.statements == ()
    assert code in render_text(found)


def test_the_wrong_byte_is_shown_in_its_place() -> None:
    _, found = syntax.decode("a.refine", 'é = 1\npath = "caf'.encode() + b'\xe9"\n')
    text = render_text(found)
    assert "byte 0xE9 at offset 18" in text
    assert "a.refine:2:12" in text


def test_a_text_with_a_lone_surrogate_is_no_crash() -> None:
    from refinelab_dsl.source import Source

    tree, found = syntax.parse(Source("a.refine", 'edition = 1\nx = "\ud800"\n\ud800\n'))
    assert [entry.code for entry in found] == ["RF1040"]
    assert "\\u{d800}" in render_text(found)
    assert tree.broken == (("x", None),)
