"""Writes a run's outputs again, from its log, its plan, the stored replies and the dataset: no call, the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Header, Step
from refinelab_dsl.data import write
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import load_items
from refinelab_dsl.data.sinks import OutputDigest
from refinelab_dsl.data.write import HeldRow, OutputRow
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.apart import KeptApart, open_legs
from refinelab_dsl.provenance.log import LoggedOutput, gather_outputs
from refinelab_dsl.provenance.rebuild import (
    RebuildFault,
    Record,
    open_record,
    read_steps,
    rebuild_result,
    tell_results,
)
from refinelab_dsl.provenance.rows import SourceFault, iterate_rows
from refinelab_dsl.provenance.verify import SAME_ROWS
from refinelab_dsl.scratch import Scratch
from refinelab_dsl.store import Store


@dataclass(frozen=True)
class Replayed:
    """What a replay came to; without diagnostics every output came out byte for byte as the run wrote it.

    outputs: (file, rows) of those that were compared. results: items made again from stored replies.
    """

    run: events.Run | None = None
    outputs: tuple[tuple[str, int], ...] = ()
    results: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


def replay(
    folder: Path,
    project: Project,
    store: Store | None,
    *,
    source: Sequence[str],
    allow_outside: bool = False,
    into: Path | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Replayed:
    """Replays the run in `folder`.

    store: None where the project has none: enough for a run that committed no result. source: the dataset's patterns
    as the spec has them. into: a folder that keeps what was written (one folder per
    output block); without it nothing stays, and in neither case is an output of the project touched.
    advance: told how many results were made again, of how many.
    """
    record = open_record(folder)
    if isinstance(record, Diagnostic):
        return Replayed(diagnostics=(record,))
    try:
        if into is not None:
            return _replay(record, folder, project, store, source, allow_outside, into, advance)
        with Scratch() as scratch:
            return _replay(record, folder, project, store, source, allow_outside, Path(scratch), advance)
    except (RebuildFault, SourceFault) as fault:
        return Replayed(record.run, diagnostics=(fault.diagnostic,))


def _replay(
    record: Record, folder: Path, project: Project, store: Store | None, source: Sequence[str], allow_outside: bool,
    into: Path, advance: Callable[[int, int], None],
) -> Replayed:
    header = record.header.model_copy(
        update={"dataset": record.header.dataset.model_copy(update={"source": tuple(source)})}
    )
    files, problems = find_files(header.dataset, project, allow_outside=allow_outside)
    if not problems:
        digests, problems = digest_files(files, project)
    if problems:
        return Replayed(record.run, diagnostics=tuple(problems))
    if digest_dataset(digests) != record.run.dataset_sha256:
        return Replayed(record.run, diagnostics=(faults.dataset_changed(header.dataset.name),))
    story = Story(record)
    if not story.outputs:
        return Replayed(record.run)
    legs = open_legs(record, folder.parent)
    apart = KeptApart((*legs, record)) if legs or story.held else KeptApart()
    results: Iterator[OutputRow] = iter(())
    held: Iterator[HeldRow] = iter(())
    if story.steps or apart.count:
        if store is None:
            missing = run_faults.store_damaged(str(project.store), "there is no such file")
            return Replayed(record.run, diagnostics=(missing,))
        parents = load_items(header.dataset, files, project, story.parents | apart.parents)
        steps = read_steps(record.plan, story.steps)
        results = iterate_results(record, header, parents, steps, store)
        results = _count(results, len(story.steps) - story.held, advance)
        held = apart.iterate(parents, store)
    prepared, diagnostics = write.prepare_outputs(
        [output for output in header.outputs if output.name in story.names],
        header.dataset,
        files,
        project,
        iterate_rows(header, files, project, story.removed, results),
        simulated=(
            story.is_simulated or apart.is_simulated or any(model.provider == "simulated" for model in header.models)
        ),
        allow_outside=allow_outside,
        into=into,
        held=held,
    )
    if prepared is None:
        return Replayed(record.run, diagnostics=diagnostics.errors)
    found = tuple(_compare(story.outputs, prepared.digests))
    diagnostics = prepared.commit()
    return Replayed(
        record.run,
        tuple((output.event.file, output.event.rows) for output in story.outputs),
        len(story.steps) - story.held + apart.count,
        (*found, *diagnostics.errors),
    )


def _count(results: Iterator[OutputRow], total: int, advance: Callable[[int, int], None]) -> Iterator[OutputRow]:
    for done, result in enumerate(results, 1):
        advance(done, total)
        yield result


class Story:
    """What the whole log, its chain checked, says about the set."""

    def __init__(self, record: Record) -> None:
        self.removed: set[str] = set()
        self.parents: set[str] = set()
        self.steps: set[int] = set()
        self.held = 0  # results that were kept apart
        self.is_simulated = False  # something came of a simulated reply, also where an endpoint gave it
        self.outputs: list[LoggedOutput] = []
        for event in record.events():
            gather_outputs(self.outputs, event)
            if isinstance(event, events.Kept | events.Label | events.Vocabulary | events.Commit | events.Held):
                self.is_simulated = self.is_simulated or event.simulated
            if isinstance(event, events.Remove):
                self.removed.add(event.key)
            elif isinstance(event, events.Kept):
                self.parents.add(event.key)
                self.steps.add(event.step)
            elif isinstance(event, events.Commit | events.Held):
                self.parents.update(event.parents)
                self.steps.add(event.step)
                self.held += isinstance(event, events.Held)

    @property
    def names(self) -> frozenset[str]:
        """Of the output blocks that were written."""
        return frozenset(output.event.name for output in self.outputs)


def iterate_results(
    record: Record, header: Header, parents: Mapping[str, Item], steps: Mapping[int, Step], store: Store
) -> Iterator[OutputRow]:
    """Items that were changed, or found to stay as they are, first, then added ones, each in the log's order."""
    for origin in ("changed", "added"):
        for event, calls, verdicts, chain in tell_results(record):
            if isinstance(event, events.Commit) and event.origin == origin:
                item, found = rebuild_result(header, event, steps, calls, verdicts, parents, store, chain)
                yield OutputRow(item, event.origin, event.simulated, event.parents, found)
            elif isinstance(event, events.Kept) and origin == "changed":
                item, found = rebuild_result(header, event, steps, calls, verdicts, parents, store, chain)
                yield OutputRow(item, "original", event.simulated, (event.key,), found)


def _compare(expected: Sequence[LoggedOutput], digests: Sequence[OutputDigest]) -> Iterator[Diagnostic]:
    """The first difference of each output."""
    made = {(digest.name, digest.file): digest for digest in digests}
    for output in expected:
        event = output.event
        digest = made.get((event.name, event.file))
        if digest is None:
            yield faults.replay_differs(event.file, None, "the run wrote this file; the replay does not")
        elif digest.sha256 != event.sha256:
            yield _find_difference(output, digest)


def _find_difference(expected: LoggedOutput, digest: OutputDigest) -> Diagnostic:
    event = expected.event
    if digest.head != event.head:
        return faults.replay_differs(event.file, None, "its header line differs")
    for row in range(min(digest.rows, event.rows)):
        if digest.digest(row) != expected.digest(row):
            return faults.replay_differs(event.file, row + 1, "its bytes differ")
    if digest.rows == event.rows:
        return faults.replay_differs(event.file, None, SAME_ROWS if event.rows else "its text differs")
    return faults.replay_differs(event.file, None, f"it gets {digest.rows} rows; the run wrote {event.rows}")
