"""Suggestions that are followed: they mend what they are about, and nothing else breaks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refinelab_dsl import compiler, resources, syntax
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Edit, Help
from refinelab_dsl.diagnostics.edits import apply_edits, is_overlapping, move
from refinelab_dsl.diagnostics.fix import Analyze, Choice, Fixed, fix, is_fixable
from refinelab_dsl.source import Source, Sources, Span
from tests.architecture.tree import ROOT
from tests.harness.specs import Example, find_examples
from tests.properties.test_any_bytes import mutated

MALFORMED: list[dict[str, Any]] = tomllib.loads(resources.read("grammar/errors.toml"))["example"]
EXAMPLES = [example for path in sorted((ROOT / "specs" / "language").glob("*.md")) for example in find_examples(path)]


def reader(text: str, *, syntax_only: bool = False) -> Analyze:
    def analyze(texts: Mapping[str, str]) -> Diagnostics:
        source = Source("x.refine", texts.get("x.refine", text))
        return syntax.parse(source)[1] if syntax_only else compiler.analyze(source).diagnostics

    return analyze


@cache  # each is looked at before it is mended, and once more for the kinds of ways out
def analyze_example(example: Example) -> Diagnostics:
    return reader(example.text, syntax_only=is_form(example))({})


def is_form(example: Example) -> bool:
    """Whether an example is about its form alone."""
    return example.mode in ("syntax", "before", "after")


def fix_text(text: str, choice: Choice | None = None, *, syntax_only: bool = False) -> tuple[str, Fixed]:
    fixed = fix(reader(text, syntax_only=syntax_only), choice or Choice())
    return fixed.texts.get("x.refine", text), fixed


@pytest.mark.parametrize(
    "example", [example for example in MALFORMED if not example.get("whole")], ids=lambda example: repr(example["text"])
)
def test_what_is_sure_mends_a_malformed_text(example: dict[str, Any]) -> None:
    text = f"edition = 1\n{example['text']}"
    before = syntax.parse(Source("x.refine", text))[1]
    mended, fixed = fix_text(text, syntax_only=True)
    assert fixed.rejected == ()
    assert not any(map(is_fixable, fixed.left))
    if any(map(is_fixable, before)):
        assert mended != text
        assert not fixed.left.has_errors
    else:
        assert mended == text


@pytest.mark.parametrize("example", [e for e in EXAMPLES if "# error" in e.text and not e.files], ids=str)
def test_what_is_sure_mends_the_examples_of_the_language(example: Example) -> None:
    before = analyze_example(example)
    analyze = reader(example.text, syntax_only=is_form(example))
    fixed = fix(lambda texts: analyze(texts) if texts else before, Choice())
    assert fixed.rejected == ()
    assert not any(map(is_fixable, fixed.left))
    assert len(fixed.left.errors) <= len(before.errors) - sum(map(is_fixable, before.errors))


def test_no_kind_of_sure_way_out_is_untried() -> None:
    """The examples above hold each code whose diagnostics ever have a sure way out."""
    sure = {
        "RF1004", "RF1008", "RF1009", "RF1018", "RF1019", "RF1020", "RF1021", "RF1022", "RF1030", "RF1041", "RF1045",
        "RF1060", "RF1061", "RF2060", "RF2061", "RF2062",
    }  # fmt: skip
    tried = set()
    for example in EXAMPLES:
        # What an example makes is named in it.
        if "# error" in example.text and not example.files and any(code in example.text for code in sure):
            tried |= {entry.code for entry in analyze_example(example) if is_fixable(entry)}
    for malformed in MALFORMED:
        text = malformed["text"] if malformed.get("whole") else f"edition = 1\n{malformed['text']}"
        tried |= {entry.code for entry in syntax.parse(Source("x.refine", text))[1] if is_fixable(entry)}
    assert tried >= sure


def test_faults_of_one_statement_are_mended_one_after_the_other() -> None:
    text = "edition = 1\nmeasure size {\n  kind: length,,\n  unit := 'words'\n}\nseed == 7\n"
    mended, fixed = fix_text(text, syntax_only=True)
    assert mended == 'edition = 1\nmeasure size {\n  kind = length,\n  unit = "words"\n}\nseed = 7\n'
    assert not fixed.left
    assert [(repair.code, repair.line) for repair in fixed.repairs] == [
        ("RF1008", 3), ("RF1008", 6), ("RF1004", 3), ("RF1008", 4), ("RF1045", 4),
    ]  # fmt: skip


def test_line_ends_stay_what_they_are() -> None:
    mended, _ = fix_text("seed = 7\r\n", syntax_only=True)
    assert mended == "edition = 1\r\nseed = 7\r\n"


def test_only_what_was_selected() -> None:
    text = "edition = 1\nseed: 7\nx = 25 %\n"
    mended, fixed = fix_text(text, Choice(codes=("RF1061",)), syntax_only=True)
    assert mended == "edition = 1\nseed: 7\nx = 25%\n"
    assert [entry.code for entry in fixed.left] == ["RF1008"]
    assert fix_text(text, Choice(codes=("RF10",)), syntax_only=True)[0] == "edition = 1\nseed = 7\nx = 25%\n"


def test_what_a_person_should_look_at_needs_to_be_asked_for() -> None:
    text = "edition = 1\nmeasure size { kind = lenght }\n"
    assert fix_text(text)[0] == text
    mended, fixed = fix_text(text, Choice(unsafe=True))
    assert mended == "edition = 1\nmeasure size { kind = length }\n"
    assert [repair.applicability for repair in fixed.repairs] == ["maybe"]


def _complain(code: str, text: str, word: str, to: str) -> list[Diagnostic]:
    at = text.find(word)
    if at < 0:
        return []
    span = Span("x.refine", at, at + len(word))
    help_ = Help("change it", (Edit(span, to),), "machine")
    return [Diagnostic(code, "error", f"{word} is wrong", span, help=(help_,))]


def _judge(*faults: tuple[str, str, str], text: str) -> Analyze:
    """Each fault is a code, a word that must not stand in the text, and what its diagnostic suggests for it."""

    def analyze(texts: Mapping[str, str]) -> Diagnostics:
        source = Source("x.refine", texts.get("x.refine", text))
        found = [entry for code, word, to in faults for entry in _complain(code, source.text, word, to)]
        return Diagnostics(tuple(found), Sources([source]))

    return analyze


def test_a_suggestion_that_brings_another_error_is_dropped_and_the_others_are_followed() -> None:
    fixed = fix(_judge(("RF2001", "a", "c"), ("RF2003", "c", "c"), ("RF2002", "b", "ok"), text="x b a"))
    assert fixed.texts == {"x.refine": "x ok a"}
    assert [(each.code, each.made) for each in fixed.rejected] == [("RF2001", ("RF2003",))]
    assert [entry.code for entry in fixed.left] == ["RF2001"]


def test_a_suggestion_that_mends_nothing_is_dropped() -> None:
    fixed = fix(_judge(("RF1001", "a", "a"), text="a"))
    assert fixed.texts == {}
    assert [(each.code, each.made) for each in fixed.rejected] == [("RF1001", ())]


def test_suggestions_that_undo_each_other_come_to_an_end() -> None:
    fixed = fix(_judge(("RF1001", "a", "b"), ("RF1002", "b", "a"), text="a"))
    assert len(fixed.left) == 1
    assert fixed.rejected


def test_suggestions_that_overlap_are_not_made_at_once() -> None:
    fixed = fix(_judge(("RF2001", "ab", "xb"), ("RF2002", "bc", "bz"), text="abc"))
    assert fixed.texts == {"x.refine": "xbz"}
    assert not fixed.left


def test_a_file_that_may_not_be_edited_is_not() -> None:
    fixed = fix(_judge(("RF2001", "a", "b"), text="a"), Choice(may_edit=lambda source: source.name != "x.refine"))
    assert (fixed.texts, fixed.repairs, fixed.rejected) == ({}, (), ())


@given(mutated(), st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_specs(text: str, unsafe: bool) -> None:
    mended, fixed = fix_text(text, Choice(unsafe=unsafe))
    assert list(reader(mended)({})) == list(fixed.left)
    assert (mended == text) == (not fixed.repairs)
    again, more = fix_text(mended, Choice(unsafe=unsafe))
    assert again == mended
    assert more.repairs == ()


texts = st.text("abc\n", min_size=1, max_size=20)


@st.composite
def edits_of(draw: st.DrawFn, text: str) -> list[Edit]:
    edits: list[Edit] = []
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(text)))
        edit = Edit(Span("x", start, draw(st.integers(start, len(text)))), draw(st.text("XYZ", max_size=4)))
        if not any(is_overlapping(edit, other) for other in edits):
            edits.append(edit)
    return edits


@given(texts, st.data())
def test_edits_leave_the_rest_alone(text: str, data: st.DataObject) -> None:
    edits = data.draw(edits_of(text))
    edited = apply_edits(text, edits)
    assert apply_edits(text, reversed(edits)) == edited
    touched = {offset for edit in edits for offset in range(edit.span.start, edit.span.end)}
    for offset, character in enumerate(text):
        if offset not in touched:
            assert edited[move("x", offset, edits)] == character
    assert len(edited) == len(text) - len(touched) + sum(len(edit.text) for edit in edits)
    assert move("y", 3, edits) == 3
