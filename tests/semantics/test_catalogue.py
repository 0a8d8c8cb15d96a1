"""Whole specs that lack something say so, and nothing is said twice."""

from __future__ import annotations

import pytest

from refinelab_dsl.builtins.blocks import BLOCKS
from refinelab_dsl.diagnostics.wording import LISTED, listed
from refinelab_dsl.semantics.order import MOST
from tests.harness.front import HEAD, compile_text


@pytest.mark.parametrize("text", ["edition = 1\n", "edition = 1\nseed = 3\n"])
def test_a_spec_without_anything(text: str) -> None:
    front = compile_text(text)
    assert [entry.code for entry in front.diagnostics] == ["RF2008", "RF2235"]


def test_a_dataset_that_does_not_parse_is_not_missed() -> None:
    front = compile_text("edition = 1\ndataset d { task = = qa }\n")
    assert all(code.startswith("RF1") for code in front.codes)


def test_only_other_datasets() -> None:
    front = compile_text('edition = 1\ndataset d { task = qa, source = "x.jsonl", role = corpus }\n')
    assert front.codes == ["RF2008"]
    assert "main" in front.diagnostics.errors[0].message


@pytest.mark.parametrize("role", ["corpus", "signals", "corpsu"])
def test_what_is_read_as_no_items_needs_no_task(role: str) -> None:
    """A role that cannot be read may be one of these."""
    front = compile_text(HEAD + f'dataset d {{ source = "x.jsonl", role = {role}, join = {{ item = id }} }}\n')
    assert "RF2013" not in front.codes


@pytest.mark.parametrize("role", ["", "role = main", "role = seeds"])
def test_what_is_read_as_items_has_a_task(role: str) -> None:
    assert "RF2013" in compile_text(HEAD + f'dataset d {{ source = "x.jsonl", {role} }}\n').codes


def test_a_dotted_variable_in_a_broken_list_is_said_once() -> None:
    front = compile_text(HEAD + "budget { tokens = var.none }\nconstraints { size = var.none }\n")
    assert front.codes == ["RF2040", "RF2040"]


def test_a_hundred_complaints_are_enough() -> None:
    front = compile_text(HEAD + "".join(f"operator o{index} {{ kind = remove, wher = 3 }}\n" for index in range(3000)))
    assert front.codes == ["RF2010"] * MOST
    note = next(entry for entry in front.diagnostics if entry.severity == "note")
    assert str(3000 - MOST) in note.message


def test_a_misspelt_attribute_is_not_missing_too() -> None:
    front = compile_text(HEAD + "operator a { kind = expand, modle = small }\nbudget { token = 3 }\n")
    assert front.codes == ["RF2010", "RF2010"]


def test_where_one_more_attribute_remains_it_is_named() -> None:
    asked = [name for name, block in BLOCKS.items() if len(block.attributes) == LISTED + 1]
    assert asked
    for name in asked:
        label = {"none": "", "name": "x", "title": '"x"'}[BLOCKS[name].label]
        front = compile_text(HEAD + f"{name} {label} {{ zzzzzzzzz = 1 }}\n")
        (unknown,) = [entry for entry in front.diagnostics if entry.code == "RF2010"]
        assert all(f"`{each.name}`" in unknown.notes[0] for each in BLOCKS[name].attributes), unknown.notes
    assert listed("abcd", 2) == "`a`, `b` and 2 more"
    assert listed("abc", 2) == "`a`, `b`, `c`"
