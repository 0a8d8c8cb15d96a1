"""What the simulated model writes for the task `chat`: conversations with the turns of the given one, in noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from refinelab_dsl.data.conversation import prompt_of

Tell: TypeAlias = Callable[[str, str], str]
"""(text of a turn, the other turns before the last answer) -> the turn in other words, so long that all of these are as
long as is wanted together."""


def tell_turns(item: Mapping[str, Any], tell: Tell, say: Callable[[str], str]) -> dict[str, Any]:
    """The conversation with every turn but the system's told anew: the last of the user's by `tell`, the others by
    `say`."""
    messages = turns_of(item)
    asked = len(prompt_of(messages))
    last = max((place for place in range(asked) if messages[place]["role"] == "user"), default=-1)
    told = [
        dict(turn) if turn["role"] == "system" or place == last else {**turn, "content": say(turn["content"])}
        for place, turn in enumerate(messages)
    ]
    others = (turn for place, turn in enumerate(told[:asked]) if place != last and turn["role"] != "system")
    rest = "\n\n".join(turn["content"] for turn in others)
    if last >= 0:
        told[last]["content"] = tell(messages[last]["content"], rest)
    return {"messages": told}


def turns_of(item: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """The turns of an item that a prompt shows; a question and its answer where it shows none."""
    messages = item.get("messages")
    if isinstance(messages, list) and messages and all(_is_turn(turn) for turn in messages):
        return messages
    return [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]


def mark_first(fields: dict[str, Any], mark: str) -> dict[str, Any]:
    """The conversation with a mark before the first turn of the user's."""
    messages = [dict(turn) for turn in fields["messages"]]
    first = next(place for place, turn in enumerate(messages) if turn["role"] == "user")
    messages[first]["content"] = mark + messages[first]["content"]
    return {"messages": messages}


def break_chat(fields: dict[str, Any]) -> dict[str, Any]:
    """The conversation with nothing said in its last turn."""
    messages = [dict(turn) for turn in fields["messages"]]
    messages[-1]["content"] = ""
    return {"messages": messages}


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, Mapping) and turn.get("role") in ("system", "user", "assistant") and "content" in turn
