"""Retrieved passages, as prompts show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from refinelab_dsl.declarations import Operator, Validator

if TYPE_CHECKING:
    from refinelab_dsl.effects import Passage

USUAL: Final = 4
"""Passages that are retrieved, where nothing says how many."""

MOST_BYTES: Final = 1_600
"""The most UTF-8 bytes of one passage in a prompt: what calls claim of the budget counts on it."""

_SHOWN: Final = re.compile(r"^\[(\d+)\] ")


def count_passages(operator: Operator, validators: Mapping[str, Validator]) -> int:
    """How many passages the own calls of an operator show at the most, where it retrieves; `correct` shows those on
    which its validator refuted the item."""
    context = operator.options.get("context")
    if context is not None:
        return int(context["top_k"])
    validator = validators.get(str(operator.options.get("validator"))) if operator.kind == "correct" else None
    return int(validator.options.get("top_k") or USUAL) if validator is not None and validator.kind == "rag" else 0


def show_passages(passages: Sequence[Passage]) -> list[str]:
    """The texts of passages, the best first: `[2] Photosynthesis: In the light, a plant …`. Numbers count from 1."""
    return [
        _cut(f"[{number}] {passage.title}: {passage.text}" if passage.title else f"[{number}] {passage.text}")
        for number, passage in enumerate(passages, 1)
    ]


def stand_in_passages(count: int) -> list[str]:
    """Texts of the usual length, to price a prompt before anything is retrieved."""
    return [f"[{number}] A title of a few words: {'some words ' * 60}" for number in range(1, count + 1)]


def longest_passages(count: int) -> list[str]:
    """Texts as long as they can be, to bound what a prompt may cost."""
    return ["x" * MOST_BYTES] * count


def read_shown(text: str) -> tuple[int, str] | None:
    """Number and text of a passage as it was shown; None where it has no number."""
    match = _SHOWN.match(text)
    return None if match is None else (int(match[1]), text[match.end() :])


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MOST_BYTES:
        return text
    return encoded[: MOST_BYTES - 3].decode("utf-8", "ignore") + "…"
