"""An item as what is asked and the answer to it: what a refiner improves, a judge compares, a preference row holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ANSWERED_TASKS: Final = ("qa",)
"""Tasks whose items are a text that answers what is asked, so that one answer can take the place of another."""


@dataclass(frozen=True, slots=True)
class Turn:
    """messages: what is asked, `{"role": …, "content": …}` in order, the user's own last. answer: the reply to it."""

    messages: tuple[Mapping[str, str], ...]
    answer: str


def split_turn(task: str, fields: Mapping[str, Any]) -> Turn:
    """An item of `ANSWERED_TASKS` as a turn. A passage (`context`) stands before the question."""
    parts = (fields.get("context"), fields["question"])
    question = "\n\n".join(part for part in parts if part)
    return Turn(({"role": "user", "content": question},), str(fields["answer"]))


def with_answer(task: str, fields: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The item's fields with another answer. A derivation (`solution`) leads to the old one, and goes."""
    return {**{name: value for name, value in fields.items() if name != "solution"}, "answer": answer}
