"""What a run bought last: whether a call that was looked up a moment ago is answered since."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 1_024
"""The last answers that are told apart; a call that was looked up before them is looked up again."""


@dataclass(slots=True)
class Landings:
    """The answers of one run, in the order in which they came. count: of all."""

    count: int = 0
    _last: dict[str, int] = field(default_factory=dict)  # content key -> number of its last answer
    _order: deque[tuple[str, int]] = field(default_factory=deque)

    def add(self, key: str) -> None:
        """A call with this content key is answered."""
        self.count += 1
        self._last[key] = self.count
        self._order.append((key, self.count))
        if len(self._order) > REMEMBERED:
            old, number = self._order.popleft()
            if self._last[old] == number:
                del self._last[old]

    def may_have(self, key: str, since: int) -> bool:
        """Whether an answer to it may have come since `count` was this."""
        return self.count - since > REMEMBERED or self._last.get(key, 0) > since
