"""A slip in a right spec: its first complaint has the edits that undo it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refinelab_dsl import compiler, syntax
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Help
from refinelab_dsl.diagnostics.edits import apply_edits
from refinelab_dsl.source import Source

SPEC = Path(__file__).resolve().parents[2] / "specs" / "quickstart.refine"
TEXT = SPEC.read_text(encoding="utf-8")
TREE, _ = syntax.parse(Source("quickstart.refine", TEXT))


def analyze(text: str) -> Diagnostics:
    return compiler.analyze(Source("quickstart.refine", text, SPEC)).diagnostics


def damage(before: str, after: str) -> str:
    assert TEXT.count(before) >= 1
    return TEXT.replace(before, after, 1)


def first_help(found: Diagnostics) -> Help:
    return next(each for each in found[0].help if each.edits)


def repaired(text: str, help_: Help) -> syntax.Tree:
    tree, found = syntax.parse(Source("quickstart.refine", apply_edits(text, help_.edits)))
    assert not found
    return tree


SLIPS = [
    # doubled
    ("unit = words", "unit = = words", "write `=` once"),
    ("unit = words", "unit unit = words", "write `unit` once"),
    ("[short, medium, long]", "[short, medium, long long]", "write `long` once"),
    ("measure words {", "measure words { {", "write `{` once"),
    ("between(9, 15)", "between(9, 15))", "write `)` once"),
    ("between(9, 15)", "between((9, 15)", "write `(` once"),
    ("prior = { success = 85% }", "prior = { success = 85% } }", "delete it, or open what it should close"),
    # swapped
    ("kind = length", "= kind length", "write `kind` before `=`"),
    ("kind = length", "kind length =", "write `=` before `length`"),
    ("measure words {", "words measure {", "write `measure` before `words`"),
    ("measure words {", "measure { words", "write `words` before `{`"),
    ('column("id")', 'column"id"()', 'write `(` before `"id"`'),
    ("$0.15 / 1M", "$0.15 1M /", "write `/` before `1M`"),
    # missing
    ("between(9, 15)", "between 9, 15)", "write `(` here"),
    ("between(9, 15)", "between(9, 15", "close it with `)`"),
    ("[well_formed, fresh]", "[well_formed, fresh", "close it with `]`"),
    ("[well_formed, fresh]", "well_formed, fresh]", "write `[` here"),
    ("any, length = any }", "any, length = any", "close it with `}`"),
    ("measure words {", "measure words", "write `{` here"),
    ("below(9)", "below9)", "write `(` here"),
    ('column("id")', 'column["id"]', 'write `column("id")`'),
    ("  unit = words\n}", "  unit = words\n", "close it with `}`"),
    ("$0.15 / 1M", "$0.15 1M", "write `/` here"),
    ("measure words {", "measure {", "write `words` here"),
    ("measure words {", "words {", "write `measure` here"),
    ("measure words {\n", "", "start it with `measure words {`"),
    ("  kind = in_bin\n", "", "write `kind = in_bin`: nothing else fits"),
    ("  model = small\n", "", "write `model = small`: nothing else fits"),
    ("kind = length", "= length", "write `kind`: nothing else fits"),
    ("  from = words\n", "  from =\n", "write `from = words`: nothing else fits"),
    ('column("id")', '("id")', None),
    # misspelt
    ("kind = length", "knid = length", "nearest: `kind`"),
    ("kind = length", "kind = legnth", "nearest: `length`"),
    ("checks = [well_formed, fresh]", "checks = [well_fromed, fresh]", "nearest: `well_formed`"),
    ("dimension length {", "dimension legth {", "name it `length`"),
    ("operator drop {", "operatro drop {", "nearest: `operator`"),
    ("below(9)", "bleow(9)", "nearest: `below`"),
    ("long = rest", "long = rset", "nearest: `rest`"),
    ("edition = 1", "edtion = 1", "nearest: `edition`"),
    ("bands = { short", "bands = { hsort", "nearest: `short`"),
    # units
    ("max_removed = 30%", "max_removed = 30s", "write `30%`"),
    ("cost = $0.10", "cost = USD 0.10", "write `$0.10`"),
    ('as_of = "2026-11-01"', "as_of = 2026-11-01", "quote it"),
    ("above(15)", "above(15k)", "write `15`"),
    ("cost = $0.10", "cost = 0.10s", "write `$0.10`"),
    ("below(9)", "below(9h)", "write `9`"),
    ("$0.15 / 1M", "$0.15 / 1ms", "write `1M`"),
]


@pytest.mark.parametrize(("before", "after", "says"), SLIPS)
def test_the_first_help_undoes_a_slip(before: str, after: str, says: str | None) -> None:
    text = damage(before, after)
    found = analyze(text)
    if says is None:
        assert not found.has_errors  # `id = ("id")` is a text, which every item then has
        return
    assert len(found) == 1, [entry.message for entry in found]
    help_ = first_help(found)
    assert help_.message == says
    assert repaired(text, help_) == TREE


def test_what_cannot_be_known_is_not_guessed() -> None:
    for before, after in (
        ("task = mcq", "task ="),
        ("between(9, 15)", "between(9, )"),
        ('  path = "out/quickstart.jsonl"\n', ""),
        ("dataset quiz {", "dataset {"),
        ("similarity < 0.95", "similarity 0.95"),
    ):
        found = analyze(damage(before, after))
        assert not [help_ for help_ in found[0].help if help_.edits], found[0]


def test_a_way_out_that_fails_gives_way_to_one_that_does_not() -> None:
    """A comma between `0.5` and `0.5` parses, and is no list of one token budget."""
    found = analyze(damage("0.5 * full_cost", "0.5 full_cost"))
    assert first_help(found).message == "write `*` here"


def test_several_faults_each_have_their_own_way_out() -> None:
    text = damage("kind = length", "kind length").replace("kind = in_bin", "kind: in_bin")
    found = analyze(text)
    assert [entry.code for entry in found] == ["RF1006", "RF1008"]
    edits = [edit for entry in found for edit in entry.help[0].edits]
    tree, left = syntax.parse(Source("quickstart.refine", apply_edits(text, edits)))
    assert not left
    assert tree == TREE


def test_one_fault_in_many_places_of_a_statement_is_undone_at_once() -> None:
    text = damage("  kind = length\n  unit = words\n", "  kind: length;\n  unit: words;\n")
    found = analyze(text.replace(";", ""))
    assert first_help(found).message == "write `=`, here and in one more place"
    assert repaired(text.replace(";", ""), first_help(found)) == TREE
    json = '{ "concurrency": 8 }'
    found = analyze(damage("{ concurrency = 8 }", json))
    assert repaired(damage("{ concurrency = 8 }", json), first_help(found)) == TREE


def test_a_sure_way_out_stays_one() -> None:
    found = analyze(damage("kind = length", "kind: length"))
    assert found[0].help[0].applicability == "machine"


def test_a_sure_way_out_stays_where_more_is_wrong_on_its_line() -> None:
    found = analyze(damage("kind = length", "knid: length;"))
    assert found[0].code == "RF1008"
    assert found[0].help[0].edits


def test_a_guess_that_leads_nowhere_is_advice_alone() -> None:
    found = analyze(damage("accept = similarity < 0.95", "accept = if similarity then true else false"))
    assert found[0].code == "RF1003"
    assert not any(help_.edits for help_ in found[0].help)


def test_a_broken_declaration_is_one_error() -> None:
    """Names that it would have declared count as declared, in attributes and expressions."""
    for statement in TREE.statements:
        if not isinstance(statement, syntax.Block):
            continue
        span = statement.kind_span
        wrong = TEXT[: span.start] + statement.kind + "zz" + TEXT[span.end :]
        assert [entry.code for entry in analyze(wrong)] == ["RF2001"], statement.kind
        end = statement.header_span.end
        wrong = TEXT[:end] + " {\n  ]" + TEXT[end + 2 :]
        assert [entry.code for entry in analyze(wrong)] == ["RF1011"], statement.kind


_PIECES = ["{", "}", "[", "]", "(", ")", "=", ",", ":", ";", "\n", '"', '"""', "$", "//", "rest", "kind", "x", "9", " "]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The quickstart with a few things put in, cut out or doubled."""
    text = TEXT
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(len(text), at + 20)))
        piece = draw(st.sampled_from(["", text[at:to] * 2, *_PIECES]))
        text = text[:at] + piece + text[to if draw(st.booleans()) else at :]
    return text


@given(damaged())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_damaged_has_diagnostics_and_edits_that_fit(text: str) -> None:
    for entry in analyze(text):
        assert isinstance(entry, Diagnostic)
        for help_ in entry.help:
            for edit in help_.edits:
                assert 0 <= edit.span.start <= edit.span.end <= len(text)
