"""The turns of a conversation: from the shapes in which public sets hold them to one canonical list, and back.

Canonical is a list of `{"role": …, "content": …}` with the roles `system`, `user` and `assistant`: perhaps one system
turn, which comes first; then the user's turns, each with the assistant's answer behind it. An answer may not be there
yet: the conversation ends with the user, or two turns of the user's follow each other. Two answers never do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from refinelab_dsl.expressions.evaluate import EvaluationError

Messages: TypeAlias = list[dict[str, str]]

ROLES: Final = ("system", "user", "assistant")

_SPEAKERS: Final[Mapping[str, str]] = MappingProxyType({
    "system": "system", "developer": "system", "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "bard": "assistant", "bing": "assistant", "claude": "assistant",
})  # fmt: skip
"""What sets call who speaks."""

_KEYS: Final = (("role", "content"), ("from", "value"), ("role", "text"), ("speaker", "text"))
_USUAL: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    "from": MappingProxyType({"system": "system", "user": "human", "assistant": "gpt"}),
})  # fmt: skip
_BETWEEN: Final = "\n\n"
_DEEPEST: Final = 200  # turns of one tree


class ConversationError(Exception):
    """Why a value is no conversation, and a way out where there is one."""

    def __init__(self, reason: str, help: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.help = help


def read_messages(value: Any) -> Messages:
    """The canonical turns of `[{role, content}, …]`, of ShareGPT's `[{from, value}, …]`, or of a tree of
    OpenAssistant's (`{role, text, replies}`): of a tree the path of the replies that were ranked best.

    A system turn without text is left out. Of a turn's content in parts, the texts are joined.

    Raises:
        ConversationError
    """
    if isinstance(value, Mapping) and "text" in value and "role" in value:
        value = _best_path(value)
    if isinstance(value, str):
        raise ConversationError("`messages` is text that is no list", 'one turn of the user: asked(column("…"))')
    if not isinstance(value, list | tuple):
        raise ConversationError(f"`messages` is {'a map' if isinstance(value, Mapping) else 'no list'}, not a list")
    if not value:
        raise ConversationError("the conversation has no turn")
    if all(isinstance(turn, str) for turn in value):
        raise ConversationError(
            "`messages` is a list of texts that does not say who speaks",
            'user and assistant in turn: dialogue(column("…")); the user alone: asked(column("…"))',
        )
    messages: Messages = []
    for place, turn in enumerate(value, 1):
        role, content = _read_turn(turn, place)
        if role == "system" and not content.strip():
            continue
        messages.append({"role": role, "content": content})
    fault = find_fault(messages)
    if fault is not None:
        raise ConversationError(fault)
    return messages


def find_fault(messages: Sequence[Mapping[str, str]]) -> str | None:
    """Why these turns are no conversation, None where they are one."""
    if not any(turn["role"] != "system" for turn in messages):
        return "the conversation has no turn of the user's"
    before = None
    for place, turn in enumerate(messages, 1):
        if not turn["content"].strip():
            return f"turn {place} is empty"
        if turn["role"] == "system" and place > 1:
            return f"turn {place} is the system's, which may speak first alone"
        if turn["role"] == "assistant" and before != "user":
            said = "the first turn is" if before != "assistant" else f"turns {place - 1} and {place} are both"
            return f"{said} the assistant's"
        before = turn["role"]
    return None


def dialogue(texts: Any, system: Any = None) -> Messages:
    """`dialogue(x, system = …)`: the user and the assistant in turn; empty places at the end are left out.

    Raises:
        EvaluationError: `x` is no list of texts.
    """
    return [*_brief(system, "dialogue"), *_alternate(_texts(texts, "dialogue"), ("user", "assistant"))]


def asked(texts: Any, system: Any = None) -> Messages:
    """`asked(x, system = …)`: a text or a list of texts, all of them the user's.

    Raises:
        EvaluationError: `x` is neither.
    """
    return [
        *_brief(system, "asked"),
        *_alternate(_texts([texts] if isinstance(texts, str) else texts, "asked"), ("user",)),
    ]


FIELD_FUNCTIONS: Final[Mapping[str, Callable[..., Messages]]] = MappingProxyType({"dialogue": dialogue, "asked": asked})
"""What `fields` alone can call."""


def prompt_of(messages: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """The turns that the last answer answers: all where it is not there yet."""
    return messages[:-1] if messages and messages[-1]["role"] == "assistant" else messages


def prompt_text(messages: Sequence[Mapping[str, str]]) -> str:
    """The text of `prompt_of`, without roles, the system's turn aside: many conversations share that."""
    return _BETWEEN.join(turn["content"] for turn in prompt_of(messages) if turn["role"] != "system")


def system_of(messages: Sequence[Mapping[str, str]]) -> str | None:
    """What the system says; None where it says nothing."""
    return messages[0]["content"] if messages and messages[0]["role"] == "system" else None


def answer_of(messages: Sequence[Mapping[str, str]]) -> str:
    """The last answer; empty where it is not there yet."""
    return messages[-1]["content"] if messages and messages[-1]["role"] == "assistant" else ""


def with_last_answer(messages: Sequence[Mapping[str, str]], answer: str) -> Messages:
    """The conversation with this as its last answer."""
    return [*map(dict, prompt_of(messages)), {"role": "assistant", "content": answer}]


def find_open(messages: Sequence[Mapping[str, str]]) -> int | None:
    """The place at which the first answer is missing; None where every turn of the user's has one."""
    roles = [turn["role"] for turn in messages]
    missing = (place for place, (role, after) in enumerate(pairwise([*roles, "user"]), 1) if role == after == "user")
    return next(missing, None)


def count_open(messages: Sequence[Mapping[str, str]]) -> int:
    """Turns of the user's that nobody answers."""
    return sum(one == other == "user" for one, other in pairwise([*(turn["role"] for turn in messages), "user"]))


def write_messages(messages: Sequence[Mapping[str, str]], example: Any) -> Any:
    """The turns in the form of the example: its keys and names of roles, or a tree of OpenAssistant's. Further members
    of a turn stay where its role is the same at its place."""
    if isinstance(example, Mapping) and "text" in example:
        return _write_tree(example, list(messages))
    turns = [turn for turn in example if isinstance(turn, Mapping)] if isinstance(example, list | tuple) else []
    keys = next((pair for pair in _KEYS if any(set(pair) <= set(turn) for turn in turns)), _KEYS[0])
    names = {**{role: role for role in ROLES}, **_USUAL.get(keys[0], {})}
    for turn in turns:
        role = _SPEAKERS.get(str(turn.get(keys[0])).strip().lower())
        if role is not None:
            names[role] = turn[keys[0]]
    written = []
    for place, turn in enumerate(messages):
        there = turns[place] if place < len(turns) and turns[place].get(keys[0]) == names[turn["role"]] else {}
        in_parts = isinstance(there.get(keys[1]), list)
        content = [{"type": "text", "text": turn["content"]}] if in_parts else turn["content"]
        written.append({**there, keys[0]: names[turn["role"]], keys[1]: content})
    return written


def show_turn(turn: Mapping[str, str]) -> str:
    """A turn as people read it: `user: How are you?`."""
    return f"{turn['role']}: {turn['content']}"


def is_conversation(value: Any) -> bool:
    """Whether it is a canonical list of turns, by its form."""
    return isinstance(value, list | tuple) and bool(value) and all(
        isinstance(turn, Mapping) and set(turn) == {"role", "content"} for turn in value
    )


def _read_turn(turn: Any, place: int) -> tuple[str, str]:
    if not isinstance(turn, Mapping):
        raise ConversationError(f"turn {place} is no map of a role and a text")
    keys = next((pair for pair in _KEYS if set(pair) <= set(turn)), None)
    if keys is None:
        raise ConversationError(f"turn {place} has neither `role` and `content` nor `from` and `value`")
    speaker, content = turn[keys[0]], turn[keys[1]]
    role = _SPEAKERS.get(speaker.strip().lower()) if isinstance(speaker, str) else None
    if role is None:
        known = isinstance(speaker, str) and speaker in ("tool", "function", "observation", "function_call", "ipython")
        who = f"a tool's (`{speaker}`)" if known else "of a role that is neither system, user nor assistant"
        raise ConversationError(f"turn {place} is {who}")
    if isinstance(content, list):
        content = _join_parts(content, place)
    if content is None and role == "system":
        content = ""
    if not isinstance(content, str):
        raise ConversationError(f"turn {place} has no text")
    return role, content


def _join_parts(parts: Sequence[Any], place: int) -> str:
    found = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) < len(found):
        raise ConversationError(f"turn {place} holds something else than text")
    return "\n".join(texts)


def _best_path(tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    path: list[Mapping[str, Any]] = []
    node: Any = tree
    while isinstance(node, Mapping):
        path.append({"role": node.get("role"), "content": node.get("text")})
        if len(path) > _DEEPEST:
            raise ConversationError(f"the tree is deeper than {_DEEPEST} turns")
        place = _best_reply(node)
        node = None if place is None else node["replies"][place]
    return path


def _best_reply(node: Mapping[str, Any]) -> int | None:
    """The place of the reply of the lowest rank, of several the first; None where there is none."""
    replies = node.get("replies")
    if not isinstance(replies, list):
        return None
    ranked = [
        (rank if isinstance(rank := reply.get("rank"), int) else len(replies), place)
        for place, reply in enumerate(replies)
        if isinstance(reply, Mapping) and not reply.get("deleted")
    ]
    return min(ranked)[1] if ranked else None


def _write_tree(node: Mapping[str, Any], turns: list[Mapping[str, str]]) -> dict[str, Any]:
    """The tree with these turns along its best path; what is not on the path stays."""
    first, *others = turns
    role = node["role"] if _SPEAKERS.get(str(node.get("role"))) == first["role"] else _tree_role(first["role"])
    written = {**node, "text": first["content"], "role": role}
    if not others:
        return written
    replies = list(node.get("replies") or ())
    place = _best_reply(node)
    if place is None:
        replies.append(_write_tree({"text": "", "role": _tree_role(others[0]["role"]), "replies": []}, others))
    else:
        replies[place] = _write_tree(replies[place], others)
    return {**written, "replies": replies}


def _tree_role(role: str) -> str:
    return "prompter" if role == "user" else role


def _alternate(texts: Sequence[str], roles: Sequence[str]) -> Messages:
    return [{"role": roles[place % len(roles)], "content": text} for place, text in enumerate(texts)]


def _brief(system: Any, function: str) -> Messages:
    if system is None or system == "":
        return []
    if not isinstance(system, str):
        raise EvaluationError(f"`{function}()` needs a text as `system`")
    return [{"role": "system", "content": system}]


def _texts(value: Any, function: str) -> list[str]:
    if not isinstance(value, list | tuple):
        raise EvaluationError(f"`{function}()` needs a list of texts")
    texts = list(value)
    while texts and (texts[-1] is None or texts[-1] == ""):
        texts.pop()
    if not all(isinstance(text, str) for text in texts):
        raise EvaluationError(f"`{function}()` needs a list of texts alone")
    return texts
