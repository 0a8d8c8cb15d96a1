"""Typed items and their identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refinelab_dsl.data.conversation import answer_of, prompt_text
from refinelab_dsl.source import Place


@dataclass(frozen=True, slots=True)
class Item:
    """One QA item.

    fields: the canonical task fields. mcq: `question: str, choices: list[str], answer: str` (the exact text of
        one choice), qa: `question, answer`; math: `question, answer[, solution]`; all `str`; optional `context`. code:
        `prompt, tests, entry_point[, solution]`, all `str` with their line breaks and indentation. chat: `messages`,
        as `data.conversation` has them.
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
        """What is asked: `question`, of code its `prompt`, of a chat what is said before the last answer."""
        if "messages" in self.fields:
            return prompt_text(self.fields["messages"])
        return str(self.fields["prompt"] if "prompt" in self.fields else self.fields["question"])

    @property
    def answer(self) -> str:
        """What answers it: `answer`, of code its `solution`, of a chat the last answer; empty where there is none."""
        if "messages" in self.fields:
            return answer_of(self.fields["messages"])
        return str(self.fields.get("answer", self.fields.get("solution", "")))
