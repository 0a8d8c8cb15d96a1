"""Choices that follow from a seed: the same on every machine and in every version of Python."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Draw:
    """A stream of choices, a function of the JSON values it is made from."""

    def __init__(self, *source: Any) -> None:
        try:
            content = msgspec.json.encode(source, order="deterministic")
        except UnicodeEncodeError:  # half of a surrogate pair, which a request's JSON may hold
            content = json.dumps(source, sort_keys=True).encode()
        self._key = hashlib.blake2b(content, digest_size=32).digest()
        self._block = b""
        self._blocks = 0

    def unit(self) -> float:
        """A number in [0, 1)."""
        return self._word() / 2**64

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return self._word() * bound >> 64

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.below(high - low + 1)

    def pick(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Fisher and Yates."""
        shuffled = list(values)
        for index in range(len(shuffled) - 1, 0, -1):
            other = self.below(index + 1)
            shuffled[index], shuffled[other] = shuffled[other], shuffled[index]
        return shuffled

    def _word(self) -> int:
        if not self._block:
            self._block = hashlib.blake2b(self._blocks.to_bytes(8, "big"), key=self._key, digest_size=64).digest()
            self._blocks += 1
        word, self._block = self._block[:8], self._block[8:]
        return int.from_bytes(word, "big")
