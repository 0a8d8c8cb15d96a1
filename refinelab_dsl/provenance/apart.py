"""What checks kept apart in a run, in the order of its legs and their steps; each result once, as judged last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.write import HeldRow
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.provenance.log import read_trailer
from refinelab_dsl.provenance.rebuild import (
    RebuildFault,
    Record,
    open_record,
    read_steps,
    rebuild_item,
    tell_results,
)
from refinelab_dsl.store import Store


def open_legs(record: Record, runs: Path) -> tuple[Record, ...]:
    """The legs before this one of a run that was solved again, the first one first; none where the run before is the
    round of a loop, whose outputs are its own. runs: the folder of all runs.

    Raises:
        RebuildFault: one of them cannot be read, or is not the one that the log after it goes on from.
    """
    legs: list[Record] = []
    while (before := _find_before(record)) is not None and record.header.dataset.round is None:
        folder = runs / f"{before.run:04d}"
        opened = open_record(folder)
        if isinstance(opened, Diagnostic):
            raise RebuildFault(opened)
        trailer = read_trailer(opened.log)
        if trailer is None or trailer.root != before.root:
            found = "" if trailer is None else trailer.root
            raise RebuildFault(faults.log_other_root(str(opened.log), found, before.root))
        legs.append(opened)
        record = opened
    return tuple(reversed(legs))


def _find_before(record: Record) -> events.Replan | None:
    """Which leg a leg goes on from: that stands in its log before anything that it did."""
    for event in record.events():
        if isinstance(event, events.Replan):
            return event
        if not isinstance(event, events.Run | events.Plan | events.Decision):
            return None
    return None


class KeptApart:
    """The results that the legs of a run kept apart; of one that several judged, what the last of them said stands."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        """records: of the legs, in order.

        Raises:
            RebuildFault: the chain of a log is broken.
        """
        self._records = tuple(records)
        self._last: dict[str, tuple[int, int, bool]] = {}  # id -> place of the leg that holds it, step, simulated
        self.parents: set[str] = set()  # keys of the items that they were made from
        for place, record in enumerate(self._records):
            for event in record.events():
                if isinstance(event, events.Held):
                    self._last[event.id] = (place, event.step, event.simulated)
                    self.parents.update(event.parents)
                elif isinstance(event, events.Commit):
                    self._last.pop(event.id, None)

    @property
    def count(self) -> int:
        return len(self._last)

    @property
    def is_simulated(self) -> bool:
        """Whether one of them came of a simulated reply."""
        return any(simulated for _, _, simulated in self._last.values())

    def steps(self, place: int) -> frozenset[int]:
        """Those of the leg at a place among the records that it holds the results of."""
        return frozenset(step for at, step, _ in self._last.values() if at == place)

    def iterate(self, parents: Mapping[str, Item], store: Store) -> Iterator[HeldRow]:
        """Makes them again. parents: items of the source by key.

        Raises:
            RebuildFault: one cannot be made again.
        """
        for place, record in enumerate(self._records):
            wanted = self.steps(place)
            if not wanted:
                continue
            steps = read_steps(record.plan, wanted)
            for event, calls, verdicts, chain in tell_results(record):
                if isinstance(event, events.Held) and event.step in wanted:
                    item = rebuild_item(record.header, event, steps, calls, verdicts, parents, store, chain)
                    last = verdicts[-1]
                    parent = parents[event.parents[0]].id
                    yield HeldRow(item, event.operator, parent, event.target, last.check, last.reason, event.simulated)
