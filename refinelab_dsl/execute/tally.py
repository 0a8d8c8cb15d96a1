"""What has become of each action so far, and the results that were accepted."""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.data.write import OutputRow


@dataclass(frozen=True, slots=True)
class Addition:
    """An accepted result as it goes into the output. target, measured: dimension -> label that it was made for, and
    that it was found to have (the target's where it cannot be measured; None where it has no label of the plan)."""

    row: OutputRow
    kind: str
    target: Mapping[str, str]
    measured: Mapping[str, str | None]


class Additions:
    """Accepted results in commit order, in a scratch file that vanishes with the process."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder cannot be written."""
        self._stream: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the run
        self.count = 0

    def append(self, addition: Addition) -> None:
        pickle.dump(addition, self._stream, protocol=pickle.HIGHEST_PROTOCOL)
        self.count += 1

    def __iter__(self) -> Iterator[Addition]:
        """All of them, in order; not while one is appended."""
        self._stream.seek(0)
        for _ in range(self.count):
            yield pickle.load(self._stream)  # written by this process

    def close(self) -> None:
        self._stream.close()


@dataclass
class Tally:
    """Counters of one run. live: action -> attempts that were started and not rejected: what may still be accepted or
    is. failed: attempts without an answer. calls, tokens, usd: of the committed steps, at the price of buying them."""

    header: Header
    accepted: Counter[int] = field(default_factory=Counter)
    rejected: Counter[int] = field(default_factory=Counter)
    live: Counter[int] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)  # operator -> attempts in flight
    cached: Counter[str] = field(default_factory=Counter)  # operator -> answers that the store held
    reasons: Counter[str] = field(default_factory=Counter)  # check, or kind of failure -> rejections
    failed: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal | None = Decimal(0)
    simulated: bool = False

    def by_operator(self, counts: Mapping[int, int]) -> dict[str, int]:
        """Counts per action as counts per operator, in the order of the plan."""
        totals: dict[str, int] = {}
        for action in self.header.actions:
            totals[action.operator] = totals.get(action.operator, 0) + counts.get(action.id, 0)
        return totals

    def missed(self) -> dict[int, int]:
        """Action -> accepted results that are missing from its count; those that reached it are left out."""
        return {
            action.id: action.count - self.accepted[action.id]
            for action in self.header.actions
            if self.accepted[action.id] < action.count
        }
