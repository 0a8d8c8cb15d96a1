"""Conversations that the simulated model writes: the given one's turns, other words, as long as is wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refinelab_dsl.data.conversation import find_fault, prompt_text
from refinelab_dsl.likeness import likeness, normalise
from refinelab_dsl.operators.replies import find_broken_key, read_reply
from refinelab_dsl.prompts import Subject, item_schema
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.providers.simulation import simulate

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What makes the tides rise and fall twice a day on most coasts?"},
    {"role": "assistant", "content": "Mostly the pull of the moon, which is stronger on the near side."},
    {"role": "user", "content": "And how much does the sun add to what the moon does?"},
    {"role": "assistant", "content": "About half as much."},
]
LENGTH = {"length": {"label": "short", "low": 20, "high": 30, "unit": "words"}}


def write(kind: str, sample: int, messages: list[dict[str, str]] = TALK, success: float = 1.0, **more: Any) -> Any:
    subject = Subject(kind, "chat", {"messages": messages}, more.pop("target", {}))
    text = simulate(subject, seed=7, sample=sample, schema=item_schema("chat"), success=success, **more).text
    return read_reply("chat", text)


@pytest.mark.parametrize("kind", ["expand", "generate", "rewrite"])
@pytest.mark.parametrize("messages", [TALK, TALK[:4], TALK[1:3], TALK[1:2]])
def test_the_speakers_are_those_of_the_given_one(kind: str, messages: list[dict[str, str]]) -> None:
    for sample in range(20):
        made = write(kind, sample, messages)["messages"]
        assert [turn["role"] for turn in made] == [turn["role"] for turn in messages]
        assert find_fault(made) is None
        assert likeness(normalise(prompt_text(made)), normalise(prompt_text(messages))) < 0.92


def test_what_is_asked_is_as_long_as_is_wanted() -> None:
    for kind in ("expand", "generate"):
        for sample in range(20):
            made = write(kind, sample, target=LENGTH)["messages"]
            assert 20 <= len(prompt_text(made).split()) < 30


def test_a_bad_one_says_nothing_at_its_end() -> None:
    made = write("generate", 0, success=0.0, flaws=("answer",))
    assert find_broken_key("chat", made) == "turn 5 is empty"


def test_a_reply_has_turns_of_known_roles() -> None:
    reply = read_reply("chat", json.dumps({"messages": [{"role": "judge", "content": "no"}]}))
    assert isinstance(reply, Unreadable)
