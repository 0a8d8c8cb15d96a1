"""Diagnostics as people and programs see them."""

from __future__ import annotations

import json
import textwrap

import pytest

from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Edit, Help, Label
from refinelab_dsl.diagnostics.display import Line, escape, width
from refinelab_dsl.diagnostics.render import render_json, render_jsonl, render_text
from refinelab_dsl.source import Place, Source, Sources, Span

TEXT = """\
edition = 1
dimension topic {
  target = {
    numbers = 25%
    ratios = 25%
    other = 10%
  }
}
"""


def span(part: str, text: str = TEXT, file: str = "balance.refine") -> Span:
    start = text.index(part)
    return Span(file, start, start + len(part))


def shown(*entries: Diagnostic, text: str = TEXT, width: int = 100, color: bool = False) -> str:
    return render_text(Diagnostics(entries, Sources([Source("balance.refine", text)])), color=color, width=width)


def expected(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


WEIGHTS = Diagnostic(
    "RF2104",
    "error",
    "weights of dimension `topic` add up to 105%",
    span("target"),
    label="must add up to 100%",
    labels=(Label(span("ratios = 25%"), ""), Label(span("10%"), "nothing here takes the remainder")),
    notes=("25% + 25% + 55% = 105%",),
    help=(Help("let `other` take the remainder (it becomes 50%)", (Edit(span("10%"), "rest"),), "maybe"),),
)


def test_the_shape_of_a_complaint() -> None:
    assert shown(WEIGHTS) == expected("""
        error[RF2104]: weights of dimension `topic` add up to 105%
         --> balance.refine:3:3
          |
        3 |   target = {
          |   ^^^^^^ must add up to 100%
        5 |     ratios = 25%
        6 |     other = 10%
          |             --- nothing here takes the remainder
          = note: 25% + 25% + 55% = 105%
        help: let `other` take the remainder (it becomes 50%)
        6 |     other = rest
          = more: refinec explain RF2104
        """)


def test_the_gutter_grows_with_the_line_numbers() -> None:
    text = "\n" * 99 + "seed = x\n"
    entry = Diagnostic("RF2001", "warning", "odd", Span("balance.refine", 99, 103))
    assert shown(entry, text=text) == expected("""
        warning[RF2001]: odd
           --> balance.refine:100:1
            |
        100 | seed = x
            | ^^^^
            = more: refinec explain RF2001
        """)


def test_a_complaint_about_data_names_file_line_and_row() -> None:
    place = Place("data/items.csv", 12, 4, "answer")
    assert shown(Diagnostic("RF3001", "error", "answer `E` is no choice", place=place)) == expected("""
        error[RF3001]: answer `E` is no choice
         --> data/items.csv:12 (row 4), column `answer`
          = more: refinec explain RF3001
        """)


def test_a_complaint_about_data_may_show_the_line_of_the_spec_too() -> None:
    entry = Diagnostic("RF3001", "error", "no such row", span("other"), Place("t.csv", 3), label="read here")
    assert shown(entry) == expected("""
        error[RF3001]: no such row
         --> t.csv:3
         ::: balance.refine:6:5
          |
        6 |     other = 10%
          |     ^^^^^ read here
          = more: refinec explain RF3001
        """)


def test_notes_of_several_lines_are_listed_under_their_first() -> None:
    entry = Diagnostic(
        "RF4001", "error", "no plan", notes=("these lines conflict:\n  a.refine:3   size = 5\n  a.refine:9",)
    )
    assert shown(entry) == expected("""
        error[RF4001]: no plan
          = these lines conflict:
              a.refine:3   size = 5
              a.refine:9
          = more: refinec explain RF4001
        """)


def test_labels_in_other_files_have_their_own_snippet() -> None:
    other = Source("lib.refine", "edition = 1\nmodel bulk { }\n")
    entry = Diagnostic(
        "RF2012", "error", "twice", span("topic"), label="here", labels=(Label(Span("lib.refine", 18, 22), "and here"),)
    )
    text = render_text(Diagnostics((entry,), Sources([Source("balance.refine", TEXT), other])))
    assert text == expected("""
        error[RF2012]: twice
         --> balance.refine:2:11
          |
        2 | dimension topic {
          |           ^^^^^ here
         ::: lib.refine:2:7
          |
        2 | model bulk { }
          |       ---- and here
          = more: refinec explain RF2012
        """)


def test_a_file_that_is_not_at_hand_is_only_named() -> None:
    text = render_text(Diagnostics((Diagnostic("RF2001", "error", "gone", Span("gone.refine", 3, 9)),)))
    assert text == "error[RF2001]: gone\n --> gone.refine\n  = more: refinec explain RF2001\n"


def test_edits_that_add_lines_are_numbered_as_they_will_stand() -> None:
    text = "seed = 7\n"
    entry = Diagnostic(
        "RF1030", "error", "first", Span("balance.refine", 0, 4),
        help=(Help("add it", (Edit(Span("balance.refine", 0, 0), "edition = 1\n"),), "machine"),),
    )  # fmt: skip
    assert "help: add it\n1 | edition = 1\n2 | seed = 7\n" in shown(entry, text=text)


def test_two_edits_of_one_line_are_shown_together() -> None:
    edits = (Edit(span("numbers"), "algebra"), Edit(span("25%"), "rest"))
    entry = Diagnostic("RF2001", "error", "x", span("numbers"), help=(Help("both", edits),))
    assert "4 |     algebra = rest\n" in shown(entry)


def test_tabs_and_wide_characters_keep_the_marks_in_place() -> None:
    text = "\tlabel = 数学, e\u0301tude = x\n"
    entry = Diagnostic("RF2001", "error", "x", span("x\n", text), label="this")
    lines = shown(entry, text=text).splitlines()
    source, mark = lines[3], lines[4]
    assert source == "1 |     label = 数学, e\u0301tude = x"
    assert width(source[: source.index("x")]) == mark.index("^")


def test_a_mark_is_seen_even_where_nothing_stands() -> None:
    assert "  | ^ here\n" in shown(
        Diagnostic("RF1030", "error", "x", Span("balance.refine", 0, 0), label="here"), text=""
    )
    end = Span("balance.refine", len(TEXT), len(TEXT))
    assert "9 |\n  | ^\n" in shown(Diagnostic("RF1030", "error", "x", end))


def test_a_span_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    start = TEXT.index("target")
    assert "3 |   target = {\n  |   ^^^^^^^^^^\n" in shown(
        Diagnostic("RF2001", "error", "x", Span("balance.refine", start, len(TEXT)))
    )


def test_long_lines_are_cut_around_the_mark() -> None:
    text = "a" * 500 + " here " + "b" * 500 + "\n"
    entry = Diagnostic("RF2001", "error", "x", span("here", text), label="this")
    lines = shown(entry, text=text, width=60).splitlines()
    assert len(lines[3]) <= 60
    assert lines[3].startswith("1 | …aaa")
    assert lines[3].endswith("bbb…")
    assert lines[4].index("^") == lines[3].index("here")


def test_colours_only_add_what_a_terminal_takes_away() -> None:
    plain, painted = shown(WEIGHTS), shown(WEIGHTS, color=True)
    assert "\x1b" not in plain
    assert painted != plain
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b[31mb", r"a\u{1b}[31mb"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\u202eabc", r"\u{202e}abc"),
        ("\u2066\u2069\u200b\ufeff", r"\u{2066}\u{2069}\u{200b}\u{feff}"),
        ("\x9b31m", r"\u{9b}31m"),
        ("\ud800", r"\u{d800}"),
        ("\u2028", r"\u{2028}"),
        ("é数👩‍🔬", "é数👩‍🔬"),
    ],
)
def test_nothing_in_a_text_steers_a_terminal(text: str, safe: str) -> None:
    assert escape(text) == safe


def test_messages_names_labels_notes_help_and_sources_are_all_escaped() -> None:
    evil = "\x1b]0;x\x07\u202e\r"
    text = f"a = {evil}\n"
    at = Span("balance.refine", 0, 1)
    entry = Diagnostic(
        "RF2001", "error", evil, at, Place(evil, 1, 2, evil), evil, (Label(at, evil),), (evil, f"{evil}\n{evil}"),
        (Help(evil, (Edit(at, evil),)),),
    )  # fmt: skip
    rendered = shown(entry, text=text)
    assert not set(rendered) & set("\x1b\x07\u202e\r")


def test_a_line_is_measured_in_columns() -> None:
    line = Line("\ta\u202e数b", 80)
    assert line.text == "    a\\u{202e}数b"
    assert [line.column(index) for index in range(6)] == [0, 4, 5, 13, 15, 16]


def test_json_has_positions_in_lines_characters_and_bytes() -> None:
    text = 'edition = 1\na = "é"\nb = x\n'
    entry = Diagnostic(
        "RF2031", "error", "unknown", span("x\n", text), label="here", labels=(Label(span("a", text), "first"),),
        notes=("one",), help=(Help("do", (Edit(span("x\n", text), "y"),), "machine"),),
    )  # fmt: skip
    document = render_json(Diagnostics((entry,), Sources([Source("balance.refine", text)])))
    assert document["format_version"] == "1.0"
    [described] = document["diagnostics"]
    assert described["file"] == "balance.refine"
    assert described["start"] == {"line": 3, "column": 5, "byte": 25}
    assert described["end"] == {"line": 4, "column": 1, "byte": 27}
    assert described["labels"][0]["message"] == "first"
    assert described["notes"] == ["one"]
    assert described["help"][0]["applicability"] == "machine"
    assert described["help"][0]["edits"][0]["text"] == "y"
    assert set(described) >= {"code", "severity", "message", "file", "start", "end", "labels", "notes", "help"}


def test_json_of_a_complaint_about_data() -> None:
    entry = Diagnostic("RF3001", "warning", "x", place=Place("d.csv", 12, 4))
    [described] = render_json(Diagnostics((entry,)))["diagnostics"]
    assert described["file"] == "d.csv"
    assert described["start"] == {"line": 12, "column": None, "byte": None}
    assert described["end"] is None
    assert described["place"] == {"file": "d.csv", "line": 12, "row": 4, "column": None}


def test_json_can_always_be_written() -> None:
    entry = Diagnostic("RF3001", "error", "bad \ud800", place=Place("\udcff.csv"))
    found = Diagnostics((entry, entry))
    json.dumps(render_json(found), ensure_ascii=False).encode("utf-8")
    lines = render_jsonl(found).splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["RF3001", "RF3001"]


def test_nothing_to_say() -> None:
    assert render_text(Diagnostics()) == ""
    assert render_jsonl(Diagnostics()) == ""
    assert render_json(Diagnostics())["diagnostics"] == []
