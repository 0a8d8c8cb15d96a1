"""The spec's hash: of what a spec says, not of how it is laid out."""

from __future__ import annotations

import pytest

from refinelab_dsl import ir
from tests.harness.front import HEAD, compile_text

BODY = "operator drop { kind = remove, where = words > 30 }\nconstraints { size = keep, max_removed = 30% }\n"


def _hash(text: str, **options: dict[str, str]) -> str:
    return ir.spec_hash(compile_text(text, **options).certain)


@pytest.mark.parametrize(
    "same",
    [
        HEAD + "\n\n# A comment.\n" + BODY,
        HEAD + "## What drops.\n" + BODY,
        HEAD + BODY.replace(", ", "\n"),
        HEAD + BODY.replace("kind = remove, where = words > 30", 'where = (words > 30)\nkind = "remove"'),
        HEAD + BODY.replace("30%", "30.00%"),
        HEAD + BODY.replace("size = keep, ", ""),
        HEAD
        + BODY.replace("max_removed = 30%", "max_removed = var.most")
        + "variable most { type = percent, default = 30% }\n",
    ],
)
def test_layout_does_not_count(same: str) -> None:
    assert _hash(same) == _hash(HEAD + BODY)


@pytest.mark.parametrize(
    "other",
    [
        HEAD + BODY.replace("30%", "31%"),
        HEAD + BODY.replace("> 30", ">= 30"),
        HEAD + BODY.replace("drop", "dropped"),
        HEAD + "seed = 3\n" + BODY,
        HEAD.replace("simulated", 'simulated, id = "x"') + BODY,
    ],
)
def test_meaning_does(other: str) -> None:
    assert _hash(other) != _hash(HEAD + BODY)


def test_a_given_value_counts_as_if_it_were_written() -> None:
    text = HEAD + BODY.replace("30%", "var.most") + "variable most { type = percent, default = 10% }\n"
    assert _hash(text, variables={"most": "30%"}) == _hash(HEAD + BODY)
    assert _hash(text) != _hash(HEAD + BODY)
