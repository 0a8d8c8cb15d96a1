"""How many calls are out at a time: additive increase, multiplicative decrease (Chiu and Jain 1989), quick at first.

Until something goes wrong the number grows fourfold with each round of answers, to the model's `concurrency`. After
that it comes back quickly to where it went well, and goes beyond slowly: each try to do so may cost a refused call.
"""

from __future__ import annotations

from typing import Final

_START: Final = 16
_REFUSED: Final = 0.8
_GOOD: Final = 0.85  # of a size at which something went wrong: up to there it is taken to go well
_SLOW: Final = 20  # rounds of answers for one more call at a time


class Window:
    """Of one model; `size` is between 1 and `most`."""

    def __init__(self, most: int, *, is_open: bool) -> None:
        """is_open: no quick start, since the rate is known to be bounded otherwise."""
        self.most = max(1, most)
        self._size = float(self.most if is_open else min(self.most, _START))
        self._good = float(self.most)  # up to here it went well
        self._is_new = True

    @property
    def size(self) -> int:
        return int(self._size)

    def open(self) -> None:
        """The endpoint says that it takes as many as there may be."""
        if self._is_new:
            self._size = float(self.most)

    def grow(self, running: int) -> None:
        """A call was answered while `running` were out. What is not used does not grow."""
        if 2 * running < self._size:
            return
        if self._size < self._good:
            self._size = min(self._size + (3.0 if self._is_new else 1.0), max(self._good, 1.0))
        else:
            self._size += 1 / (_SLOW * self._size)
        self._size = min(self._size, float(self.most))

    def shrink(self, share: float = _REFUSED) -> None:
        """There are too many: to `share` of them."""
        if self._is_new and self._size < self.most:
            share = min(share, 0.5)  # the quick start may have gone far beyond
        self._good = max(1.0, _GOOD * self._size)
        self._size = max(1.0, share * self._size)
        self._is_new = False

    def begin_anew(self) -> None:
        """The endpoint did not answer, which says nothing of how many it takes: one, and up again."""
        self._size = 1.0
        self._is_new = False
