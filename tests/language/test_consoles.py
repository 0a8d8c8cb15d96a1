"""What the chapters show of a terminal is what a user sees there.

The last whole example before a ` ```console ` block is `spec.refine` in the folder where its commands run; beside it
stand the other files of the chapter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.situations import Place, lay_out, read_steps, run_steps
from tests.harness.specs import find_examples

CHAPTERS = Path(__file__).resolve().parents[2] / "specs" / "language"

_CONSOLE = re.compile(r"^```console\n(?P<text>.*?)^```$", re.M | re.S)


def _find_consoles() -> Iterator[tuple[str, dict[str, str], str]]:
    """Where a block of commands stands, the files that it finds, and its text."""
    for path in sorted(CHAPTERS.glob("[0-3]?-*.md")):
        chapter = path.read_text(encoding="utf-8")
        examples = list(find_examples(path))
        for found in _CONSOLE.finditer(chapter):
            line = chapter.count("\n", 0, found.start()) + 1
            before = [example for example in examples if example.line < line]
            files = dict(before[-1].files) if before else {}
            whole = [example for example in before if not example.mode]
            if whole:
                files["spec.refine"] = whole[-1].text
            yield f"{path.name}:{line}", files, found["text"]


CONSOLES = [pytest.param(files, text, id=place) for place, files, text in _find_consoles()]


def test_there_are_consoles() -> None:
    assert CONSOLES


@pytest.mark.parametrize(("files", "text"), CONSOLES)
def test_console(files: dict[str, str], text: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    lay_out(files, place)
    run_steps(tuple(read_steps(text)), place)
