"""Where a row of a refined set comes from: its source row, or the attempt that made it, with calls, verdicts, cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.apart import open_legs
from refinelab_dsl.provenance.rebuild import (
    Ending,
    RebuildFault,
    Record,
    open_record,
    read_steps,
    rebuild_result,
)
from refinelab_dsl.provenance.rows import SourceFault, iterate_source
from refinelab_dsl.store import Store

_IDS_SHOWN = 5
_MOST_ANCESTORS = 200  # an honest log needs a few; a made-up one may name an item as its own parent


@dataclass(frozen=True)
class Trace:
    """One item and, through `parents`, all that it comes from.

    origin: `original` (kept as it came in), `removed` (an original that left), `changed`, `added`, `held` (a result
    that a check refused and that was kept apart).
    row: its number in the set, from 1; None for an item that is not in it.
    place: file and line of the source row. fields: the item's text, None where it could not be had; `missing` says why.
    operator: what made it, took it out, or found that it stays as it is.
    copies: where a `deduplicate` took it out, the ids of the items of its
    cluster that stayed. commit, calls, verdicts: of the attempt that made it.
    chain: of an attempt that refined an answer; told: the same with its texts, where they could be had.
    """

    id: str
    key: str
    origin: Literal["original", "removed", "changed", "added", "held"]
    rows: int
    row: int | None = None
    place: str | None = None
    fields: Mapping[str, Any] | None = None
    missing: str | None = None
    operator: str | None = None
    copies: tuple[str, ...] = ()
    commit: events.Commit | events.Held | None = None
    calls: tuple[events.Call, ...] = ()
    verdicts: tuple[events.Verdict, ...] = ()
    chain: events.Chain | None = None
    told: Chain | None = None
    parents: tuple[Trace, ...] = ()

    @property
    def tokens(self) -> int:
        """Input and output of its own calls."""
        return sum(call.input_tokens + call.output_tokens for call in self.calls)

    @property
    def usd(self) -> Decimal | None:
        """Dollars of its own calls, None where a price is unknown."""
        prices = [call.usd for call in self.calls]
        known = [price for price in prices if price is not None]
        return sum(known, Decimal(0)) if len(known) == len(prices) else None


def trace(
    folder: Path,
    query: str,
    project: Project,
    *,
    source: Sequence[str],
    store: Store | None = None,
    allow_outside: bool = False,
) -> Trace | Diagnostic:
    """The trace of one item of the run in `folder`.

    query: an id, the unique beginning of one, or a row number of the set (`17` or `#17`; rows count in output order:
    kept source items, then additions). source: the dataset's patterns, as the spec has them; where the dataset is
    gone or was changed, its rows' places and texts are missing from the trace, no more. store: the replies, for texts.
    """
    record = open_record(folder)
    if isinstance(record, Diagnostic):
        return record
    try:
        data = _Source(record, project, tuple(source), allow_outside)
        found = _trace(record, query, data, store)
        if isinstance(found, Diagnostic) and found.code == "RF6350":  # an earlier leg may have kept it apart
            told = (_trace(leg, query, data, store) for leg in reversed(open_legs(record, folder.parent)))
            found = next((each for each in told if isinstance(each, Trace)), found)
        return found
    except (RebuildFault, SourceFault) as fault:
        return fault.diagnostic


@dataclass
class _Survey:
    """What one walk over the log tells: rows and additions of the set, keys that left, and whom the query may mean
    (key -> id). changed: key of a source item -> that of what took its place."""

    size: int
    additions: int
    removed: frozenset[str]
    matches: dict[str, str]
    changed: dict[str, str]


@dataclass
class _Attempt:
    """A committed result with the calls and verdicts of its step; `place` counts additions from 1."""

    place: int
    commit: Ending
    calls: tuple[events.Call, ...]
    verdicts: tuple[events.Verdict, ...]
    chain: events.Chain | None


class _Source:
    """The dataset as the run read it, if it still is."""

    def __init__(self, record: Record, project: Project, source: tuple[str, ...], allow_outside: bool) -> None:
        header = record.header
        dataset = header.dataset.model_copy(update={"source": source})
        self._header = header.model_copy(update={"dataset": dataset})
        self._project = project
        self.files, problems = find_files(dataset, project, allow_outside=allow_outside)
        self.fault: Diagnostic | None = problems[0] if problems else None
        if self.fault is None:
            digests, problems = digest_files(self.files, project)
            if problems:
                self.fault = problems[0]
            elif digest_dataset(digests) != header.dataset_sha256:
                self.fault = faults.dataset_changed(header.dataset.name)

    def items(self) -> Iterator[Item]:
        """In reading order; none if the dataset is not the run's."""
        if self.fault is None:
            yield from iterate_source(self._header, self.files, self._project)


def _trace(record: Record, query: str, source: _Source, store: Store | None) -> Trace | Diagnostic:
    survey = _survey(record, query)
    matches = dict(survey.matches)
    kept = survey.size - survey.additions
    row = _row_number(query)
    by_row: str | None = None
    number = 0
    for item in source.items():
        number += item.key not in survey.removed
        if number == row and item.key not in survey.removed:
            by_row = survey.changed.get(item.key, item.key)
        if _means(query, item.id, item.key):
            matches[item.key] = item.id
    if row is not None and kept < row <= survey.size:
        by_row = _find_addition(record, row - kept)
    exact = [key for key, identity in matches.items() if query in (identity, key)]
    if len(exact) == 1:
        found = exact[0]
    elif by_row is not None:
        found = by_row
    elif len(matches) == 1:
        found = next(iter(matches))
    elif matches:
        ids = sorted(matches.values())
        return faults.item_ambiguous(query, tuple(ids[:_IDS_SHOWN]), len(ids) > _IDS_SHOWN)
    elif source.fault is not None:
        return source.fault
    else:
        return faults.item_unknown(query) if row is None else faults.row_unknown(row, survey.size)
    return _Builder(record, survey, source, store, found).build(found)


def _survey(record: Record, query: str) -> _Survey:
    additions = size = 0
    removed: set[str] = set()
    matches: dict[str, str] = {}
    changed: dict[str, str] = {}
    for event in record.events():
        match event:
            case events.Commit() | events.Remove() | events.Held():
                if isinstance(event, events.Remove):
                    removed.add(event.key)
                elif isinstance(event, events.Commit):
                    additions += event.origin == "added"
                    if event.origin == "changed":
                        changed[event.parents[0]] = event.key
                if _means(query, event.id, event.key):
                    matches[event.key] = event.id
            case events.Result():
                size = event.size
            case _:
                pass
    return _Survey(size, additions, frozenset(removed), matches, changed)


def _means(query: str, identity: str, key: str) -> bool:
    return bool(query) and (identity.startswith(query) or key.startswith(query))


def _row_number(query: str) -> int | None:
    digits = query.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None


def _find_addition(record: Record, place: int) -> str | None:
    added = (event.key for event in record.events() if isinstance(event, events.Commit) and event.origin == "added")
    return next(islice(added, place - 1, None), None)


class _Builder:
    """Builds one item's trace after gathering everyone it comes from: from the log, then from the source."""

    def __init__(self, record: Record, survey: _Survey, source: _Source, store: Store | None, key: str) -> None:
        self._record = record
        self._survey = survey
        self._fault = source.fault
        self._source = source
        self._store = store
        self._attempts: dict[str, _Attempt] = {}
        self._kept: dict[str, _Attempt] = {}  # of items that a `refine` found to stay as they are
        self._removals: dict[str, events.Remove] = {}
        family = {key}
        waiting = {key}
        while waiting and len(family) <= _MOST_ANCESTORS:
            # One walk per generation: a result's parents may be results themselves.
            self._gather(waiting)
            waiting = {
                parent
                for each in waiting & self._attempts.keys()
                for parent in _parents_of(self._attempts[each].commit)
                if parent not in family
            }
            family |= waiting
        self._room = _MOST_ANCESTORS
        attempts = (*self._attempts.values(), *self._kept.values())
        steps = frozenset(attempt.commit.step for attempt in attempts)
        self._steps = read_steps(record.plan, steps) if store is not None else {}
        self._items: dict[str, tuple[int | None, Item]] = {}
        number = 0
        for item in source.items():
            stays = item.key not in survey.removed
            number += stays
            if item.key in family:
                self._items[item.key] = (number if stays else None, item)

    def _gather(self, keys: Iterable[str]) -> None:
        wanted = frozenset(keys)
        calls: list[events.Call] = []
        verdicts: list[events.Verdict] = []
        chain: events.Chain | None = None
        place = 0
        for event in self._record.events():
            match event:
                case events.Call():
                    calls.append(event)
                case events.Chain():
                    chain = event
                case events.Verdict():
                    verdicts.append(event)
                case events.Commit() | events.Held():
                    place += isinstance(event, events.Commit) and event.origin == "added"
                    if event.key in wanted:
                        self._attempts[event.key] = _Attempt(place, event, tuple(calls), tuple(verdicts), chain)
                    calls, verdicts, chain = [], [], None
                case events.Kept():
                    if event.key in wanted:
                        self._kept[event.key] = _Attempt(place, event, tuple(calls), tuple(verdicts), chain)
                    calls, verdicts, chain = [], [], None
                case events.Reject() | events.Label():
                    calls, verdicts, chain = [], [], None
                case events.Remove():
                    if event.key in wanted:
                        self._removals[event.key] = event
                case _:
                    pass

    def build(self, key: str) -> Trace:
        """The trace of an item of the family."""
        attempt = self._attempts.get(key)
        self._room -= 1
        if attempt is None or self._room < 0:
            return self._build_source(key)
        commit = attempt.commit
        assert not isinstance(commit, events.Kept)
        parents = tuple(self.build(parent) for parent in commit.parents)
        fields, told, missing = self._read_text(attempt)
        added = self._survey.size - self._survey.additions + attempt.place
        origin = "held" if isinstance(commit, events.Held) else commit.origin
        row = added if origin == "added" else next((parent.row for parent in parents), None)
        return Trace(
            id=commit.id,
            key=key,
            origin=origin,
            rows=self._survey.size,
            row=None if origin == "held" else row,
            fields=fields,
            missing=missing,
            operator=commit.operator,
            commit=commit,
            calls=attempt.calls,
            verdicts=attempt.verdicts,
            chain=attempt.chain,
            told=told,
            parents=parents,
        )

    def _build_source(self, key: str) -> Trace:
        removal = self._removals.get(key)
        row, item = self._items.get(key, (None, None))
        kept = self._kept.get(key)
        told = None if kept is None else self._read_text(kept)[1]
        maker = None if removal is None else removal.operator
        return Trace(
            id=item.id if item is not None else removal.id if removal is not None else key,
            key=key,
            origin="original" if removal is None else "removed",
            rows=self._survey.size,
            row=row,
            place=str(item.place) if item is not None else None,
            fields=item.fields if item is not None else None,
            missing=None if self._fault is None else self._fault.message,
            operator=maker if kept is None else kept.commit.operator,
            calls=() if kept is None else kept.calls,
            verdicts=() if kept is None else kept.verdicts,
            chain=None if kept is None else kept.chain,
            told=told,
            copies=() if removal is None or item is None else self._find_copies(removal.operator, item.row),
        )

    def _find_copies(self, operator: str, row: int) -> tuple[str, ...]:
        """The items that stayed of the cluster by which an item left."""
        header = self._record.header
        measure = next((each.options.get("measure") for each in header.operators if each.name == operator), None)
        values = header.recorded.get(str(measure), ())
        cluster = values[row] if 0 <= row < len(values) else None
        if cluster is None:
            return ()
        return tuple(
            item.id
            for item in self._source.items()
            if values[item.row] == cluster and item.key not in self._survey.removed
        )

    def _read_text(self, attempt: _Attempt) -> tuple[Mapping[str, Any] | None, Chain | None, str | None]:
        """The text of a result and of its chain; or why it cannot be had."""
        if self._store is None:
            return None, None, "the store of replies was not opened"
        parents = {key: item for key, (_, item) in self._items.items()}
        try:
            item, told = rebuild_result(
                self._record.header, attempt.commit, self._steps, attempt.calls, attempt.verdicts, parents, self._store,
                attempt.chain,
            )  # fmt: skip
        except RebuildFault as fault:
            return None, None, fault.diagnostic.message
        return item.fields, told, None


def _parents_of(commit: Ending) -> tuple[str, ...]:
    return () if isinstance(commit, events.Kept) else commit.parents
