"""The chapters are the whole language: every production, every entry of the table and every complaint occurs."""

from __future__ import annotations

import re
from pathlib import Path

from refinelab_dsl import builtins, syntax
from refinelab_dsl.diagnostics.meanings import load_meanings
from tests.harness.specs import Example, find_examples
from tests.language.uses import (
    find_entries,
    find_productions,
    find_spellings,
    list_entries,
    list_productions,
    list_spellings,
)

CHAPTERS = Path(__file__).resolve().parents[2] / "specs" / "language"
EXAMPLES = [example for path in sorted(CHAPTERS.glob("*.md")) for example in find_examples(path)]

FAMILIES = ("RF1", "RF2", "RF513")
"""Families of which every code is expected in a chapter."""


def _is_right(example: Example) -> bool:
    """Whether nothing in an example is expected to be an error."""
    return not re.search(r"# error( below)?: RF", example.text)


def test_every_production_of_the_grammar_is_used() -> None:
    used = {name for example in EXAMPLES if _is_right(example) for name in find_productions(example.source)}
    assert sorted(list_productions() - used) == []


def test_every_operator_word_and_unit_is_used() -> None:
    spellings = list_spellings()
    assert {"!=", "*", "not", "null", "ms", "d", "k", "B"} <= spellings
    used = {spelling for example in EXAMPLES if _is_right(example) for spelling in find_spellings(example.source)}
    assert sorted(spellings - used) == []


def test_every_entry_of_the_table_is_used() -> None:
    right = [example for example in EXAMPLES if _is_right(example) and example.mode != "syntax"]
    used = {entry for example in right for entry in find_entries(syntax.parse(example.source)[0])}
    assert used
    assert sorted(list_entries() - used) == []


def test_every_complaint_of_the_front_end_is_expected() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(CHAPTERS.glob("*.md")))
    comments = re.findall(r"# (?:error|warning|note)(?: below)?: (RF.+)", text)
    screens = re.findall(r"^(?:error|warning|note)\[(RF\d{4})\]", text, re.M)
    expected = set(re.findall(r"RF\d{4}", " ".join([*comments, *screens])))
    wanted = [code for code in load_meanings() if code.startswith(FAMILIES)]
    assert [code for code in wanted if code not in expected] == []


def test_the_table_of_prompts_is_that_of_the_compiler() -> None:
    chapter = (CHAPTERS / "30-prompts.md").read_text(encoding="utf-8")
    listed: dict[str, list[str]] = {}
    for uses, names in re.findall(r"^\| (?:`judge` of (?:results )?)?(`.+`|every call) \| `(.+)` \|$", chapter, re.M):
        for use in re.findall(r"`(?:mode = )?(\w+)`", uses) or ["every call"]:
            listed[use] = names.split()
    kinds = {
        row.name: row.sees
        for rows in (builtins.MEASURE_KINDS, builtins.OPERATOR_KINDS, builtins.VALIDATOR_KINDS)
        for row in rows.values()
        if row.sees
    }
    known = {"every call": builtins.SEEN_ALWAYS, **kinds, **builtins.SEEN_BY_JUDGES}
    assert {use: sorted(names) for use, names in listed.items()} == {
        use: sorted(name.name for name in names) for use, names in known.items()
    }
