"""Whatever a user feeds the compiler's front: diagnostics, never an exception, and all of them can be shown."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.diagnostics.render import render_json, render_text
from refinelab_dsl.source import Source

SPEC = (Path(__file__).resolve().parents[2] / "specs" / "quickstart.refine").read_text(encoding="utf-8")

FRAGMENTS = [
    '"', '"""', '"""\n', "{", "}", "[", "]", "(", ")", "=", "==", ",", ";", ":", ".", "\n", "\r", "\t", "#", "##",
    "$", "%", "<<<<<<< ours\n", "=======\n", ">>>>>>> theirs\n", "edition", "import", "as", "not", "in", "rest", "a",
    "25%", "$1", "10m", "1_000", "\\", "'", "“", "”", "é", "数", "\x00", "\x1b", "\u202e", "\u200b", "\ufeff",
    "\ud800", "//", "&&", "-", "<",
]  # fmt: skip

texts = st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join))


def check(source: Source, tree: syntax.Tree, found: Diagnostics) -> None:
    """What holds of every parse."""
    length = len(source.text)
    assert len(found) <= 52
    for entry in found:
        assert entry.code.startswith("RF1")
        assert entry.message
        assert entry.message[0] in "`'\"" or not entry.message[0].isupper() or entry.message.startswith("NUL")
        assert not entry.message.endswith(".")
        edits = [edit.span for help in entry.help for edit in help.edits]
        for span in (entry.span, *(label.span for label in entry.labels), *edits):
            assert span is None or 0 <= span.start <= span.end <= length
    assert tree.statements or found.has_errors
    rendered = render_text(found, width=40)
    steering = ("Cc", "Cf", "Cs", "Zl", "Zp")
    assert all(
        unicodedata.category(character) not in steering or character in "\n\u200c\u200d" for character in rendered
    )
    json.dumps(render_json(found), ensure_ascii=False).encode("utf-8")


@given(st.binary())
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe")
@example(b"edition = 1\n\xc3")
def test_any_bytes(data: bytes) -> None:
    check(*syntax.parse_bytes("any.refine", data))


@given(texts)
@settings(max_examples=300)
def test_any_text(text: str) -> None:
    for whole in (text, f"edition = 1\n{text}"):
        source = Source("any.refine", whole)
        check(source, *syntax.parse(source))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The quickstart with a few things put in, cut out or doubled."""
    text = SPEC
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(len(text), at + 30)))
        match draw(st.integers(0, 2)):
            case 0:
                text = text[:at] + draw(st.sampled_from(FRAGMENTS)) + text[at:]
            case 1:
                text = text[:at] + text[to:]
            case _:
                text = text[:to] + text[at:to] + text[to:]
    return text


@given(mutated())
@settings(max_examples=150, deadline=None)
def test_a_damaged_spec(text: str) -> None:
    source = Source("any.refine", text)
    check(source, *syntax.parse(source))


@given(mutated())
@settings(max_examples=50, deadline=None)
def test_the_same_text_gives_the_same_answer(text: str) -> None:
    source = Source("any.refine", text)
    assert syntax.parse(source) == syntax.parse(source)
