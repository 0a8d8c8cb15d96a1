"""Typed items and their identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refinelab_dsl.source import Place


@dataclass(frozen=True, slots=True)
class Item:
    """One QA item.

    fields: the canonical task fields. mcq: `question: str, choices: list[str], answer: str` (the exact text of
        one choice), qa: `question, answer`; math: `question, answer[, solution]`; all `str`; optional `context`. code:
        `prompt, tests, entry_point[, solution]`, all `str` with their line breaks and indentation.
    attributes: further names of the dataset's `fields` map (`topic = stem()`), by value.
    raw: the row as it came in: column name to value (JSON value, or text for CSV).
    hash: SHA-256 (hex) of the canonical task fields.
    key: the first 16 hex digits of `hash`, with `-2`, `-3` for exact duplicates in reading order.
    id: the user's own id, else `key`.
    row: index of the item from 0 in reading order of the main dataset (bad and filtered rows not counted);
        -1 for an item that a step made.
    """

    id: str
    key: str
    hash: str
    fields: Mapping[str, Any]
    attributes: Mapping[str, Any]
    raw: Mapping[str, Any]
    place: Place
    row: int = -1

    @property
    def question(self) -> str:
        """What is asked: `question`, of code its `prompt`."""
        return str(self.fields["prompt"] if "prompt" in self.fields else self.fields["question"])
