"""Drives a program of calls without a run: each effect is answered by a function, and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from refinelab_dsl.effects import Effect, Program
from refinelab_dsl.prompts.request import Completion, Request

T = TypeVar("T")


def drive(program: Program[T], answer: Callable[[Effect], Any]) -> tuple[T, list[Effect]]:
    """What a program returns, and the effects that it asked for, in order. answer: an effect -> what is sent back."""
    asked: list[Effect] = []
    try:
        effect = next(program)
        while True:
            asked.append(effect)
            effect = program.send(answer(effect))
    except StopIteration as stop:
        return stop.value, asked


def scripted(replies: Iterable[Any], other: Callable[[Effect], Any]) -> Callable[[Effect], Any]:
    """Answers requests with these replies in turn (a text, or what becomes JSON), and other effects by `other`."""
    left = iter(replies)

    def answer(effect: Effect) -> Any:
        if not isinstance(effect, Request):
            return other(effect)
        reply = next(left)
        return Completion(reply if isinstance(reply, str) else json.dumps(reply), None, "stop", "scripted")

    return answer
