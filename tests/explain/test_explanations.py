"""Every explanation is of a code that exists; its wrong example makes that code, its right one nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from refinelab_dsl.cli.main import run
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.explanations import (
    ExplanationError,
    explained_codes,
    load_explanation,
    parse_explanation,
)
from refinelab_dsl.diagnostics.meanings import load_families, load_meanings, load_severities
from tests.explain.surroundings import RIGHT, WRONG
from tests.explain.trial import SPEC, apply_edits, check_spec, try_example
from tests.harness.stages import plain

CODES = explained_codes()

ALSO = {
    "RF5035": ("RF5036",),  # nor does such a budget hold the worst case of a call about the long question
    "RF1027": ("RF1005",),  # the note follows upon errors
    "RF3021": ("RF3020",),  # the end of a row of bad rows
    "RF6050": ("RF6015",),  # the plan in hand falls short
    "RF6016": ("RF6015",),  # what failed is why the share is missed
    "RF6017": ("RF6015",),  # and the size
    "RF6022": ("RF5036",),  # the plan says so, too
    "RF6018": ("RF6015",),  # and the expectation
    "RF6019": ("RF6015",),  # an operator that was stopped has not reached its count
    "RF6025": ("RF6015", "RF6017"),  # nor has one that was stopped for its checks, and the size is missed
    "RF6809": ("RF6015",),  # what stays refused is missing from the count
    "RF6073": ("RF6020",),  # the note stands beside what says that the run was stopped
    "RF6905": ("RF3012",),  # what is wrong with the signals is said before
    "RF6908": ("RF3001",),  # the note stands beside the file that is not there
    "RF6021": ("RF6012",),  # the note stands beside the error that stopped the run
}
"""Codes that a wrong example cannot help making beside its own, with the reason."""


def test_every_code_is_explained() -> None:
    assert [code for code in load_meanings() if code not in CODES] == []


def test_every_explanation_is_of_a_code() -> None:
    assert CODES
    assert sorted(set(CODES) - set(load_meanings())) == []


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_example_makes_the_code_and_a_suggestion_mends_it(code: str, tmp_path: Path) -> None:
    explanation = load_explanation(code)
    assert explanation is not None
    made, shown, _, found = try_example(explanation.wrong, code, tmp_path, WRONG.get(code, plain))
    assert code in made, shown
    besides = {"RF6021"} if code.startswith("RF6") and code != "RF6021" else set()  # the run is unfinished
    assert set(made) - {code} - besides == set(ALSO.get(code, ())), shown
    assert f"{load_severities()[code]}[{code}]" in shown
    if not any(each.language == "console" for each in explanation.wrong):
        _follow_suggestions(code, tmp_path / SPEC, found)


def _follow_suggestions(code: str, spec: Path, found: Diagnostics) -> None:
    """Each suggestion takes its complaint away; one that a machine may follow brings no other."""
    made, text = [entry.code for entry in found], spec.read_text(encoding="utf-8")
    for entry in found:
        for help_ in entry.help:
            if not help_.edits:
                continue
            spec.write_text(apply_edits(text, help_.edits), encoding="utf-8")
            left = [each.code for each in check_spec(spec, code)]
            assert left.count(entry.code) < made.count(entry.code), spec.read_text(encoding="utf-8")
            if help_.applicability == "machine":
                assert Counter(left) <= Counter(made), spec.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_the_right_example_makes_none(code: str, tmp_path: Path) -> None:
    explanation = load_explanation(code)
    assert explanation is not None
    made, shown, exit_code, _ = try_example(explanation.right, code, tmp_path, RIGHT.get(code, plain))
    assert made == [], shown
    assert exit_code == 0, shown


@pytest.mark.parametrize("code", CODES)
def test_wrong_and_right_differ(code: str) -> None:
    explanation = load_explanation(code)
    assert explanation is not None
    assert explanation.wrong != explanation.right


@pytest.mark.parametrize("code", CODES)
def test_explain_shows_it_whole(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    explanation = load_explanation(code)
    assert explanation is not None
    assert run(["explain", code]) == 0
    text = capsys.readouterr().out
    wanted = " ".join(explanation.prose).split()
    for examples in (explanation.wrong, explanation.right):
        for example in examples:
            wanted += [example.name, *(escape(line).rstrip() for line in example.text.split("\n"))]
    place = len(code)
    for part in wanted:
        place = text.find(part, place)
        assert place >= 0, part
    assert not set(text) & set("\x07\x1b\x00")


def test_every_family_has_a_title() -> None:
    families = load_families()
    assert {"RF1", "RF2", "RF63", "RF9"} <= set(families)
    assert [code for code in load_meanings() if not code.startswith(tuple(families))] == []


WHOLE = "Why.\nStill why.\n\nMore.\n\nWrong:\n\n```refine\nseed = 7;\n```\n\nRight:\n\n```refine\nseed = 7\n```\n"


def test_a_file_as_a_value() -> None:
    explanation = parse_explanation("RF1005", WHOLE)
    assert explanation.prose == ("Why. Still why.", "More.")
    assert [(each.language, each.name, each.text) for each in explanation.wrong] == [("refine", "", "seed = 7;\n")]
    assert [each.text for each in explanation.right] == ["seed = 7\n"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"RF1005.md:1: an example is missing at the end"),
        (WHOLE.replace("Right:", "Rigth:"), r"RF1005.md:12: text after `Wrong:`"),
        (WHOLE.replace("Wrong:", "Right:"), r"RF1005.md:6: expected Wrong:, found Right:"),
        (WHOLE + "Right:\n", r"RF1005.md:17: expected nothing more"),
        (WHOLE.replace("Wrong:\n", ""), r"RF1005.md:7: an example before `Wrong:`"),
        (WHOLE.replace("```refine\nseed = 7;\n```\n", ""), r"RF1005.md:9: an example is missing before this"),
        (WHOLE.replace("```refine", "```python"), r"RF1005.md:8: a fence is one of refine, jsonl"),
        (WHOLE.replace("```refine", "```csv"), r"RF1005.md:8: csv is a file and needs a path"),
        (WHOLE.replace("```refine", "```console spec"), r"RF1005.md:8: commands have no path"),
        (WHOLE.removesuffix("```\n"), r"RF1005.md:14: this fence has no end"),
        (WHOLE.replace("Right:\n", "Words.\n\nRight:\n"), r"RF1005.md:12: text after `Wrong:`"),
    ],
)
def test_an_ill_formed_file_is_refused(text: str, said: str) -> None:
    with pytest.raises(ExplanationError, match=said):
        parse_explanation("RF1005", text)
