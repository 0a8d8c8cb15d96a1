"""`--format github`: each diagnostic is one workflow command, and GitHub reads back what was meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import given, settings

from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Edit, Help, Label
from refinelab_dsl.diagnostics.render.github import render_github
from refinelab_dsl.source import Place, Span
from tests.diagnostics.worlds import CHECKOUT, FAR, STDIN, TEXT, diagnostics, found, span


@dataclass(frozen=True)
class Command:
    """A workflow command as GitHub's runner reads it: `::NAME KEY=VALUE,…::MESSAGE`, then each part unescaped."""

    name: str
    properties: dict[str, str]
    message: str

    @classmethod
    def parse(cls, line: str) -> Command:
        assert line.startswith("::"), line
        head, separator, message = line[2:].partition("::")
        assert separator, line
        name, _, listed = head.partition(" ")
        properties = dict(pair.split("=", 1) for pair in listed.split(","))
        values = {key: unescape(value, {**DATA, "%3A": ":", "%2C": ","}) for key, value in properties.items()}
        return cls(name, values, unescape(message, DATA))


DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}


def unescape(text: str, escapes: dict[str, str]) -> str:
    # In one pass over the text: `%250A` is `%0A`, not a newline.
    return re.sub("|".join(escapes), lambda match: escapes[match[0]], text)


def commands(*entries: Diagnostic) -> list[Command]:
    return [Command.parse(line) for line in render_github(found(*entries), CHECKOUT).splitlines()]


def test_a_command_says_where_and_what_and_the_way_out() -> None:
    entry = Diagnostic(
        "RF2104", "error", "adds up to 105%, not: 100%", span("10%"), label="too much",
        labels=(Label(span("name"), "named here"), Label(span("edition"), "")), notes=("100% + 5% = 105%",),
        help=(Help("take less", (Edit(span("10%"), "5%"),), "machine"),),
    )  # fmt: skip
    assert render_github(found(entry), CHECKOUT) == (
        "::error file=specs/balance.refine,line=3,endLine=3,col=8,endColumn=11,title=refinec (RF2104)::"
        "adds up to 105%25, not: 100%25%0Atoo much%0Abalance.refine:2:1: named here%0Anote: 100%25 + 5%25 = 105%25%0A"
        "help: take less%0A  3 | size = 5%25,%0Amore: refinec explain RF2104\n"
    )


def test_severities_are_github_s() -> None:
    shown = commands(*(Diagnostic("RF2001", severity, "x", span("1")) for severity in ("error", "warning", "note")))
    assert [command.name for command in shown] == ["error", "warning", "notice"]


def test_columns_count_characters() -> None:
    [command] = commands(Diagnostic("RF2001", "error", "x", span("# 数")))
    assert (command.properties["col"], command.properties["endColumn"]) == ("13", "16")


def test_a_span_of_several_lines_has_no_columns() -> None:
    [whole] = commands(Diagnostic("RF2001", "error", "x", Span("balance.refine", 0, TEXT.index("size") + 2)))
    assert {key: value for key, value in whole.properties.items() if key != "title"} == {
        "file": "specs/balance.refine", "line": "1", "endLine": "3",
    }  # fmt: skip
    # The end of its line still is one line.
    [line] = commands(Diagnostic("RF2001", "error", "x", Span("balance.refine", 0, len("edition = 1\n"))))
    assert [line.properties[name] for name in ("line", "endLine", "col", "endColumn")] == ["1", "1", "1", "12"]


def test_what_is_missing_is_marked_where_it_should_stand() -> None:
    [command] = commands(Diagnostic("RF2001", "error", "x", Span("balance.refine", 12, 12)))
    assert [command.properties[name] for name in ("line", "endLine", "col", "endColumn")] == ["2", "2", "1", "1"]


def test_data_files_are_named_from_the_root_too() -> None:
    [command] = commands(Diagnostic("RF3020", "warning", "bad row", place=Place("/checkout/d/x,y.csv", 12, 4, "a:b")))
    assert command.properties == {"file": "d/x,y.csv", "line": "12", "title": "refinec (RF3020)"}
    assert command.message.split("\n")[1] == "at /checkout/d/x,y.csv:12 (row 4), column `a:b`"


def test_a_place_in_the_data_that_the_spec_names_is_told_at_the_spec() -> None:
    [command] = commands(Diagnostic("RF2111", "error", "bad table", span("size"), Place("t.csv", 3)))
    assert command.properties["file"] == "specs/balance.refine"
    assert "at t.csv:3" in command.message.split("\n")


def test_standard_input_has_no_file_and_says_its_place() -> None:
    [command] = commands(Diagnostic("RF2001", "error", "odd", span("size", STDIN)))
    assert list(command.properties) == ["title"]
    assert command.message.split("\n")[0] == "-:3:1: odd"


def test_a_file_outside_of_the_checkout_has_its_absolute_path() -> None:
    [command] = commands(Diagnostic("RF2001", "error", "odd", span("c", FAR)))
    assert command.properties["file"] == "/elsewhere/a b#c%:,é.refine"


def test_nothing_to_say() -> None:
    assert render_github(Diagnostics(), CHECKOUT) == ""


@given(diagnostics)
@settings(max_examples=50, deadline=None)
def test_whatever_a_diagnostic_says_stays_one_command(drawn: Diagnostics) -> None:
    text = render_github(drawn, CHECKOUT)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(drawn)
    for line, entry in zip(lines, drawn, strict=True):
        assert "\r" not in line
        assert "\x1b" not in line
        command = Command.parse(line)
        assert command.properties["title"] == f"refinec ({entry.code})"
        assert set(command.properties) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        assert command.message.endswith(f"more: refinec explain {entry.code}")
        file = command.properties.get("file", "/")
        assert file.startswith("/") or ".." not in file
        for help in entry.help:
            assert "help: " in command.message, help
