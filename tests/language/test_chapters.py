"""The language is what `specs/language/` says: every example of every chapter, with what it expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.specs import Example, check_example, find_examples

CHAPTERS = Path(__file__).resolve().parents[2] / "specs" / "language"
EXAMPLES = [example for path in sorted(CHAPTERS.glob("*.md")) for example in find_examples(path)]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(example: Example) -> None:
    check_example(example)


def test_every_chapter_has_examples() -> None:
    chapters = {path.name for path in CHAPTERS.glob("*.md")}
    assert chapters
    assert {example.chapter for example in EXAMPLES} == chapters
