"""Names that a word may have meant."""

from __future__ import annotations

import pytest

from refinelab_dsl.diagnostics.suggest import nearest

KINDS = ("dataset", "measure", "dimension", "constraints", "model", "prompt", "operator", "validator", "solve")


@pytest.mark.parametrize(
    ("word", "candidates", "expected"),
    [
        ("dimenson", KINDS, ("dimension",)),
        ("Measure", KINDS, ("measure",)),
        ("modle", KINDS, ("model",)),
        ("sovle", KINDS, ("solve",)),
        ("max-removed", ("max_removed", "max_cost"), ("max_removed",)),
        ("max_output", ("max_output_tokens", "model"), ("max_output_tokens",)),
        ("banana", KINDS, ()),
        ("", KINDS, ()),
        ("a", ("b", "c", "d", "e"), ()),
        ("aa", ("ab", "ac", "ad", "ae"), ("ab", "ac", "ad")),
        ("x" * 1000, ("x",), ()),
    ],
)
def test_nearest(word: str, candidates: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert nearest(word, candidates) == expected


def test_the_order_of_candidates_does_not_matter() -> None:
    assert nearest("mode", ("model", "mole", "node", "code")) == nearest("mode", ("code", "node", "mole", "model"))


def test_the_nearest_comes_first() -> None:
    assert nearest("labels", ("lables", "label", "LABELS"))[0] == "LABELS"
