"""`grammar/errors.toml`: every malformed text gives the one complaint that it must give, at the smallest place."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from refinelab_dsl import resources, syntax
from refinelab_dsl.diagnostics.render import render_text
from refinelab_dsl.source import Source

EXAMPLES: list[dict[str, Any]] = tomllib.loads(resources.read("grammar/errors.toml"))["example"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['code']}-{example['text'][:30]!r}")
def test_example_gives_its_code(example: dict[str, Any]) -> None:
    text = example["text"] if example.get("whole") else f"edition = 1\n{example['text']}"
    source = Source("bad.refine", text)
    _, found = syntax.parse(source)
    shown = render_text(found)
    assert [entry.code for entry in found] == [example["code"]], shown
    span = found[0].span
    assert span is not None
    assert text[span.start : span.end] == example["at"], shown
