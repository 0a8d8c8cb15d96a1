"""What has become of each action so far, and the results that were accepted."""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.write import HeldRow, OutputRow
from refinelab_dsl.execute.chains import ChainTally
from refinelab_dsl.execute.ledger import Ledger
from refinelab_dsl.execute.observe import OperatorProgress, Progress
from refinelab_dsl.execute.watch import Watch
from refinelab_dsl.source import Place


@dataclass(frozen=True, slots=True)
class Addition:
    """An accepted result as it goes into the output. target, measured: dimension -> label that it was made for, and
    that it was found to have (the target's where it cannot be measured; None where it has no label of the plan).
    values: of its paid measures."""

    row: OutputRow
    kind: str
    target: Mapping[str, str]
    measured: Mapping[str, str | None]
    values: Mapping[str, Any] = field(default_factory=dict)


class Additions:
    """Accepted results in commit order, those that change an item, or find that it stays as it is, before those that
    add one, in scratch files that vanish with the process."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder cannot be written."""
        self._changed: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the run
        self._added: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._counts = Counter[str]()

    @property
    def count(self) -> int:
        return self._counts.total()

    def append(self, addition: Addition) -> None:
        origin = "added" if addition.row.origin == "added" else "changed"
        stream = self._changed if origin == "changed" else self._added
        pickle.dump(_flatten(addition), stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._counts[origin] += 1

    def __iter__(self) -> Iterator[Addition]:
        """All of them; not while one is appended."""
        for stream, origin in ((self._changed, "changed"), (self._added, "added")):
            stream.seek(0)
            for _ in range(self._counts[origin]):
                yield _restore(pickle.load(stream))  # written by this process

    def close(self) -> None:
        self._changed.close()
        self._added.close()


def _flatten(addition: Addition) -> tuple[Any, ...]:
    """An addition as a tuple, which takes a third of the time to write and to read."""
    row, item = addition.row, addition.row.item
    place = item.place
    return (
        (place.file, place.line, place.row, place.column),
        (item.id, item.key, item.hash, item.fields, item.attributes, item.raw),
        (row.origin, row.simulated, row.parents, row.chain),
        (addition.kind, addition.target, addition.measured, addition.values),
        item.row,
    )  # fmt: skip


def _restore(flat: tuple[Any, ...]) -> Addition:
    place, (identity, key, digest, fields, attributes, raw), row, rest, number = flat
    item = Item(identity, key, digest, fields, attributes, raw, Place(*place), number)
    return Addition(OutputRow(item, *row), *rest)


class Refused:
    """Results that checks keep apart: those of earlier legs, then those of this one in commit order, in a scratch file
    that vanishes with the process."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder cannot be written."""
        self._stream: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the run
        self._carried: dict[str, int] = {}  # id of a result of an earlier leg -> its place, until it is judged again
        self._gone: set[int] = set()
        self._written = 0

    @property
    def count(self) -> int:
        return self._written - len(self._gone)

    def carry(self, row: HeldRow) -> None:
        """Takes over a result that an earlier leg kept apart; before this leg has any."""
        self._carried[row.item.id] = self._written
        self.append(row)

    def settle(self, name: str) -> None:
        """A result of this leg is judged: what an earlier one said of the same result is no longer so."""
        place = self._carried.pop(name, None)
        if place is not None:
            self._gone.add(place)

    def append(self, row: HeldRow) -> None:
        pickle.dump(row, self._stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._written += 1

    def __iter__(self) -> Iterator[HeldRow]:
        """All of them; not while one is appended."""
        self._stream.seek(0)
        for place in range(self._written):
            row = pickle.load(self._stream)  # written by this process
            if place not in self._gone:
                yield row

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
    used: Counter[str] = field(default_factory=Counter)  # operator -> tokens of its committed attempts, as plans count
    unflagged: Counter[str] = field(default_factory=Counter)  # operator -> items in which it found nothing to correct
    retries: Counter[str] = field(default_factory=Counter)  # operator -> results made again that a check refused
    corrections: Counter[str] = field(default_factory=Counter)  # operator -> results given another answer
    by_hand: Counter[str] = field(default_factory=Counter)  # operator -> results that a person accepted, not a check
    still_refused: dict[str, tuple[str, str]] = field(default_factory=dict)  # key of such a step -> check, reason
    kept: Counter[str] = field(default_factory=Counter)  # operator -> items in which it found nothing to improve
    chains: ChainTally = field(default_factory=ChainTally)
    leaving: dict[str, str] = field(default_factory=dict)  # key of an item that could not be scrubbed -> the operator
    failed: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal | None = Decimal(0)
    simulated: bool = False

    def __post_init__(self) -> None:
        self.watch = Watch(self.header)

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


def build_progress(tally: Tally, ledger: Ledger, calls: int, retries: int) -> Progress:
    """How far a run is, for those who watch it."""
    wanted = tally.by_operator({action.id: action.count for action in tally.header.actions})
    accepted, rejected = tally.by_operator(tally.accepted), tally.by_operator(tally.rejected)
    spent = {name: ledger.spent_on(name) for name in wanted}
    return Progress(
        tuple(
            OperatorProgress(
                name, accepted[name] + rejected[name], total, accepted[name], rejected[name], tally.running[name],
                tally.cached[name], spent[name].tokens, spent[name].usd,
            )
            for name, total in wanted.items()
        ),
        ledger.settled_tokens, ledger.settled_usd if ledger.usd_is_complete else None, calls, retries,
    )  # fmt: skip
