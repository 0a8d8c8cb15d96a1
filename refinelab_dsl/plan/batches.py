"""What a plan says of models that are asked by batches: at what share of the price, and how many come one after the
other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, log
from typing import Final

from refinelab_dsl.artifacts.plan import Action, Header

_CHANCE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Batched:
    """A model that is asked by batches. share: what is paid of its price; is_stated: whether the spec says it. rounds:
    batches one after the other until the counts are reached, most probably, by the operators' own calls alone: a step
    that asks more than once takes one for each call. rehearsed: its provider has no batches and answers at once."""

    model: str
    share: Decimal
    is_stated: bool
    rounds: int
    rehearsed: bool


def list_batched(header: Header) -> tuple[Batched, ...]:
    """The models that this plan asks so, in the order of their declarations."""
    users: dict[str, set[str]] = {}
    for template in header.templates:
        users.setdefault(template.model, set()).add(template.name)
    return tuple(
        Batched(
            model.name,
            model.price_share,
            model.price is not None and model.price.batch is not None,
            _expect_rounds(action for action in header.actions if action.operator in users[model.name]),
            model.provider != "openai",
        )
        for model in header.models
        if model.batch and model.name in users and header.actions
    )


def _expect_rounds(actions: Iterable[Action]) -> int:
    """An action has as many attempts in flight as it still needs results, so each round leaves those that fail: rounds
    until all counts are reached, with a chance of `_CHANCE`, attempts failing independently."""
    open_ones = [action for action in actions if action.count > action.stock]
    wanted = sum(action.count - action.stock for action in open_ones)
    most = 1
    for action in open_ones:
        failing = 1 - action.success.mean
        listed = action.attempts - action.stock - (action.count - action.stock) + 1  # rounds that leave one each
        if failing > 0:
            each = 1 - _CHANCE ** (1 / wanted)  # chance that one result is still missing
            most = max(most, min(listed, ceil(log(each) / log(failing)) if failing < 1 else listed))
    return most
