"""An item as what is asked and the answer to it: what a refiner improves, a judge compares, a preference row holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from refinelab_dsl.data.conversation import answer_of, count_open, find_open, prompt_of, with_last_answer

ANSWERED_TASKS: Final = ("qa", "chat")
"""Tasks whose items are a text that answers what is asked, so that one answer can take the place of another."""


@dataclass(frozen=True, slots=True)
class Turn:
    """messages: what is asked, `{"role": …, "content": …}` in order, the user's own last. answer: the reply to it;
    empty where there is none yet."""

    messages: tuple[Mapping[str, str], ...]
    answer: str


def split_turn(task: str, fields: Mapping[str, Any]) -> Turn:
    """An item of `ANSWERED_TASKS` as a turn. A passage (`context`) stands before the question; of a conversation it is
    the last turn, with all that was said before."""
    if task == "chat":
        return Turn(tuple(prompt_of(fields["messages"])), answer_of(fields["messages"]))
    parts = (fields.get("context"), fields["question"])
    question = "\n\n".join(part for part in parts if part)
    return Turn(({"role": "user", "content": question},), str(fields["answer"]))


def with_answer(task: str, fields: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The item's fields with another answer. A derivation (`solution`) leads to the old one, and goes."""
    if task == "chat":
        return {**fields, "messages": with_last_answer(fields["messages"], answer)}
    return {**{name: value for name, value in fields.items() if name != "solution"}, "answer": answer}


def show_answered(task: str, fields: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The fields with another answer, as prompts see them: of every task under `answer`."""
    return {**with_answer(task, fields, answer), "answer": answer}


def count_missing(task: str, fields: Mapping[str, Any]) -> int:
    """Answers that a conversation lacks; 0 of other tasks."""
    return count_open(fields["messages"]) if task == "chat" else 0


def until_missing(task: str, fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The conversation up to the first turn that nobody answers; None where none is missing."""
    place = find_open(fields["messages"]) if task == "chat" else None
    return None if place is None else {**fields, "messages": list(fields["messages"][:place])}


def with_missing(fields: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The conversation with this as the first answer that it lacks."""
    messages = list(fields["messages"])
    place = find_open(messages)
    assert place is not None
    return {**fields, "messages": [*messages[:place], {"role": "assistant", "content": answer}, *messages[place:]]}
