"""The language is what `specs/language/` says: every example of every chapter, with what it expects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.situations import find_scenes
from tests.harness.specs import Example, check_example, find_examples, format_example

CHAPTERS = Path(__file__).resolve().parents[2] / "specs" / "language"
EXAMPLES = [example for path in sorted(CHAPTERS.glob("*.md")) for example in find_examples(path)]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(example: Example) -> None:
    check_example(example)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.mode == "after"], ids=str)
def test_what_the_formatter_makes_of_an_example(example: Example) -> None:
    assert example.before is not None, f"{example}: no `refine before` stands before it"
    expected, formatted = format_example(example)
    assert formatted == expected


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.mode != "before" and not e.loose], ids=str)
def test_examples_are_formatted(example: Example) -> None:
    """As `refinec fmt` would lay them out; those that do not parse stay as they are. A layout that is the very point
    of an example is marked `loose`."""
    own, formatted = format_example(replace(example, before=None))
    way_out = f"{example}: run `python -m tests.harness.specs specs/language/*.md`"
    assert formatted is None or formatted == own, f"{way_out}\n\n{formatted}"


def test_every_chapter_has_examples() -> None:
    chapters = {path.name for path in CHAPTERS.glob("*.md")}
    assert chapters
    done = {scene.chapter for path in CHAPTERS.glob("4*.md") for scene in find_scenes(path)}
    assert {example.chapter for example in EXAMPLES} | done == chapters
