"""The edits of a run, one after the other as its log has them: what stood there, what came of it, and at what price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Header, Step
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import load_items
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.operators import Unreadable
from refinelab_dsl.operators.correct import NOTHING_TO_CORRECT
from refinelab_dsl.operators.kind import result_id
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.apart import KeptApart, open_legs
from refinelab_dsl.provenance.rebuild import (
    RebuildFault,
    Record,
    make_again,
    open_record,
    read_steps,
    rebuild_item,
)
from refinelab_dsl.store import Store

EditKind: TypeAlias = Literal["changed", "added", "removed", "kept", "rejected", "quarantined"]
KINDS: tuple[EditKind, ...] = ("changed", "added", "removed", "kept", "rejected", "quarantined")
"""`kept`: an operator looked at an item, and what it tried was not better."""
TAKEN: tuple[EditKind, ...] = ("changed", "added", "removed")
"""Kinds of edits that are in the output: what a person may decide about."""
REFUSED: tuple[EditKind, ...] = ("rejected", "quarantined")
"""Kinds that a check refused. A person may accept them: those that were kept apart for one are asked about, the others
are not."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit. id: of the result; of a removal the item's; of a rejected result the id that it would have got.

    parent: the item that it was made from, or that left; an anchor where `is_anchored`: it shows a writer the topic,
    and nothing of it is changed. result: None for a removal, and where no text came or it cannot be had; `missing`
    says why.
    check, reason: what refused it. calls, verdicts, chain: of its step.
    """

    kind: EditKind
    id: str
    operator: str
    parent: Item
    result: Item | None = None
    missing: str | None = None
    is_anchored: bool = False
    target: Mapping[str, str] | None = None
    check: str | None = None
    reason: str = ""
    calls: tuple[events.Call, ...] = ()
    verdicts: tuple[events.Verdict, ...] = ()
    chain: events.Chain | None = None
    simulated: bool = False

    @property
    def tokens(self) -> int:
        """Input and output of its calls."""
        return sum(call.input_tokens + call.output_tokens for call in self.calls)

    @property
    def usd(self) -> Decimal | None:
        """Dollars of its calls, None where a price is unknown."""
        known = [call.usd for call in self.calls if call.usd is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.calls) else None


@dataclass(frozen=True, slots=True)
class Edits:
    """A run's record with what its edits are about; iterating reads the log, and holds one edit at a time. legs: before
    this one, of a run that was solved again; what was accepted of theirs is among its own edits."""

    record: Record
    header: Header
    parents: Mapping[str, Item]
    steps: Mapping[int, Step]
    store: Store | None
    legs: tuple[Edits, ...] = ()

    def __iter__(self) -> Iterator[Edit]:
        """What earlier legs kept apart, then in the log's order: results and rejections as they came, then what left.

        Raises:
            RebuildFault: a log's chain is broken, or it speaks of an item that the dataset does not have.
        """
        for leg in self.legs:
            yield from leg._iterate()
        yield from self._iterate()

    def _iterate(self) -> Iterator[Edit]:
        calls: list[events.Call] = []
        verdicts: list[events.Verdict] = []
        held: events.Held | None = None
        chain: events.Chain | None = None
        for event in self.record.events():
            match event:
                case events.Call():
                    calls.append(event)
                case events.Verdict():
                    verdicts.append(event)
                case events.Held():
                    held = event
                case events.Chain():
                    chain = event
                case events.Commit() | events.Kept() | events.Reject():
                    if event.step in self.steps and not _is_nothing(event):
                        yield self._build(event, held, tuple(calls), tuple(verdicts), chain)
                    calls, verdicts, held, chain = [], [], None, None
                case events.Label() | events.Vocabulary() | events.Clusters():
                    calls, verdicts = [], []
                case events.Remove():
                    yield Edit("removed", event.id, event.operator, self._find(event.key, event.id))
                case _:
                    pass

    def _find(self, key: str, name: str) -> Item:
        item = self.parents.get(key)
        if item is None:
            raise RebuildFault(faults.result_differs(0, name, "its item is not in the dataset"))
        return item

    def _build(
        self, event: events.Commit | events.Kept | events.Reject, held: events.Held | None,
        calls: tuple[events.Call, ...], verdicts: tuple[events.Verdict, ...], chain: events.Chain | None,
    ) -> Edit:
        step = self.steps[event.step]
        operator = next(each for each in self.header.operators if each.name == event.operator)
        parent = self._find(step.items[0], event.operator)
        effect = OPERATOR_KINDS[operator.kind].effect
        simulated = any(call.simulated for call in calls)
        if isinstance(event, events.Kept):
            return Edit(
                "kept", event.id, event.operator, parent, reason=event.reason, calls=calls, verdicts=verdicts,
                chain=chain, simulated=simulated,
            )
        refusal: EditKind = "rejected" if held is None else "quarantined"
        kind = event.origin if isinstance(event, events.Commit) else refusal
        result, missing = self._read(held or event, calls, verdicts, chain)
        refused = event if isinstance(event, events.Reject) else None
        return Edit(
            kind, result_id(parent.key, step.key), event.operator, parent, result, missing, effect == "generate",
            step.target, None if refused is None else refused.check, "" if refused is None else refused.reason,
            calls, verdicts, chain, simulated,
        )

    def _read(
        self, event: events.Commit | events.Held | events.Reject, calls: Sequence[events.Call],
        verdicts: Sequence[events.Verdict], chain: events.Chain | None,
    ) -> tuple[Item | None, str | None]:
        if isinstance(event, events.Reject) and event.check is None:
            return None, event.reason
        if self.store is None:
            return None, "there is no store of replies"
        known = (self.steps, calls, verdicts, self.parents, self.store)
        try:
            if isinstance(event, events.Reject):
                made = make_again(self.header, event, *known)[0].item
                return (None, made.message) if isinstance(made, Unreadable) else (made, None)
            return rebuild_item(self.header, event, *known, chain), None
        except RebuildFault as fault:
            return None, fault.diagnostic.message


def _is_nothing(event: events.Commit | events.Kept | events.Reject) -> bool:
    """An item that was looked at and found right is no edit."""
    return isinstance(event, events.Reject) and event.reason == NOTHING_TO_CORRECT


def open_edits(
    folder: Path, project: Project, store: Store | None, *, source: Sequence[str], allow_outside: bool = False
) -> Edits | Diagnostic:
    """The edits of the run in `folder`; the items that they are about are read at once.

    store: of replies; None where the project has none. source: the dataset's patterns, as the spec has them.

    Raises:
        RebuildFault: the log's chain is broken.
        SourceFault: the dataset cannot be read.
    """
    record = open_record(folder)
    if isinstance(record, Diagnostic):
        return record
    dataset = record.header.dataset.model_copy(update={"source": tuple(source)})
    header = record.header.model_copy(update={"dataset": dataset})
    files, problems = find_files(dataset, project, allow_outside=allow_outside)
    if not problems:
        digests, problems = digest_files(files, project)
    if problems:
        return problems[0]
    if digest_dataset(digests) != record.run.dataset_sha256:
        return faults.dataset_changed(dataset.name)
    records = (*open_legs(record, folder.parent), record)
    apart = KeptApart(records) if len(records) > 1 else KeptApart()
    operators = {operator.name for operator in header.operators}
    ended: set[int] = set()
    wanted: set[str] = set()
    for event in record.events():
        if isinstance(event, events.Commit | events.Kept | events.Reject) and event.operator in operators:
            ended.add(event.step)
        elif isinstance(event, events.Remove):
            wanted.add(event.key)
    steps = read_steps(record.plan, ended)
    wanted |= {key for step in steps.values() for key in step.items} | apart.parents
    parents = load_items(dataset, files, project, wanted)
    legs = tuple(
        Edits(leg, leg.header, parents, read_steps(leg.plan, apart.steps(place)), store)
        for place, leg in enumerate(records[:-1])
        if apart.steps(place)
    )
    return Edits(record, header, parents, steps, store, legs)
