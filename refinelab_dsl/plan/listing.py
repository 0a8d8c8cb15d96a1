"""The steps of a plan while it is made: some 70 bytes for each, since a plan may list millions of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.plan.sketch import Group

_KEY = 32  # bytes


class Listing:
    """Steps in the order of their ids, which begin at 1. They are held by columns, and a `Step` is made of a row as it
    passes."""

    def __init__(self, groups: Sequence[Group], checks: Mapping[str, tuple[str, ...]]) -> None:
        """groups: the actions, in order. checks: operator -> the names of its validators."""
        self._groups = groups
        self._checks = checks
        self._actions = array("L")
        self._items: list[str] = []  # the very texts of the sketch
        self._samples = array("L")
        self._keys = bytearray()
        self._input_tokens = array("Q")
        self._output_tokens = array("Q")
        self._replies: dict[int, tuple[str, ...]] = {}  # of results of earlier runs, by step

    def append(
        self, action: int, item: str, sample: int, key: str, input_tokens: int, output_tokens: int,
        replies: tuple[str, ...] = (),
    ) -> None:
        """action: from 1. item: key of the source item or anchor. key: the step's content key, 64 hex digits."""
        self._actions.append(action)
        self._items.append(item)
        self._samples.append(sample)
        self._keys += bytes.fromhex(key)
        self._input_tokens.append(input_tokens)
        self._output_tokens.append(output_tokens)
        if replies:
            self._replies[len(self._items)] = replies

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Step]:
        rows = zip(
            self._actions, self._items, self._samples, self._input_tokens, self._output_tokens, strict=True
        )
        for index, (action, item, sample, input_tokens, output_tokens) in enumerate(rows):
            group = self._groups[action - 1]
            yield Step(
                id=index + 1,
                action=action,
                operator=group.operator,
                items=(item,),
                target=group.target,
                template=group.operator,
                checks=self._checks[group.operator],
                sample=sample,
                key=self._keys[_KEY * index : _KEY * (index + 1)].hex(),
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                replies=self._replies.get(index + 1, ()),
            )

    def list_unpaid(self) -> dict[int, tuple[array[int], array[int]]]:
        """Action -> (input, output) tokens of each of its steps that is to be paid: not of results of earlier runs.
        Actions come in the order of their first such step."""
        found: dict[int, tuple[array[int], array[int]]] = {}
        rows = zip(self._actions, self._input_tokens, self._output_tokens, strict=True)
        for step, (action, tokens_in, tokens_out) in enumerate(rows, start=1):
            if step in self._replies:
                continue
            if action not in found:
                found[action] = (array("Q"), array("Q"))
            found[action][0].append(tokens_in)
            found[action][1].append(tokens_out)
        return found
