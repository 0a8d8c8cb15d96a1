"""Diagnostics of every shape, for the forms that other programs read."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Edit, Help, Label
from refinelab_dsl.diagnostics.render.checkout import Checkout
from refinelab_dsl.source import Place, Source, Sources, Span

ROOT = Path("/checkout")
CHECKOUT = Checkout(ROOT, (ROOT / "specs", ROOT))
TEXT = 'edition = 1\nname = "😀é" # 数\nsize = 10%,\n'
SPEC = Source("balance.refine", TEXT, ROOT / "specs" / "balance.refine")
STDIN = Source("-", TEXT)
FAR = Source("far.refine", "a = {{ b }}\r\nc = 1\r\n", Path("/elsewhere/a b#c%:,é.refine"))
SOURCES = Sources([SPEC, STDIN, FAR])
NAMES = (SPEC.name, STDIN.name, FAR.name, "gone.refine")

words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "`x`", "100%", "a\nb\n  c", "{0}", "[a](b)", "a::b,c", "\x1b[1m", "\ud800", "%0A"]),
)


def span(part: str, source: Source = SPEC) -> Span:
    start = source.text.index(part)
    return Span(source.name, start, start + len(part))


def found(*entries: Diagnostic) -> Diagnostics:
    return Diagnostics(entries, SOURCES)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(st.integers(0, 45))
    return Span(draw(st.sampled_from(NAMES)), start, draw(st.integers(start, 45)))


places = st.builds(
    Place,
    file=st.sampled_from(["data/items.jsonl", "/abs/a b.csv", "é,:%.csv", "x\ny"]),
    line=st.none() | st.integers(1, 10**6),
    row=st.none() | st.integers(1, 10**6),
    column=st.none() | words,
)
helps = st.builds(
    Help,
    message=words,
    edits=st.lists(st.builds(Edit, span=spans(), text=words), max_size=3).map(tuple),
    applicability=st.sampled_from(["machine", "maybe", "none"]),
)
entries = st.builds(
    Diagnostic,
    code=st.sampled_from(["RF1003", "RF2104", "RF2235", "RF3020", "RF4001", "RF9001"]),
    severity=st.sampled_from(["error", "warning", "note"]),
    message=words,
    span=st.none() | spans(),
    place=st.none() | places,
    label=words,
    labels=st.lists(st.builds(Label, span=spans(), text=words), max_size=3).map(tuple),
    notes=st.lists(words, max_size=2).map(tuple),
    help=st.lists(helps, max_size=3).map(tuple),
)
diagnostics = st.lists(entries, max_size=5).map(lambda drawn: found(*drawn))
