"""What earlier legs of a run kept apart, taken over by the one that goes on: the last of them writes the quarantine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.data.read import load_items
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.runs import RunFolder
from refinelab_dsl.execute.tally import Refused
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.apart import KeptApart
from refinelab_dsl.provenance.rebuild import RebuildFault, open_record
from refinelab_dsl.store import Store


def carry_apart(
    refused: Refused, legs: Iterable[RunFolder], header: Header, files: Sequence[Path], project: Project
) -> None:
    """Makes what the legs before this one kept apart again, from their logs and the stored replies, before this one
    pays a call: where it cannot be, no more is spent. The rounds of a loop have an output each, and carry nothing.

    Raises:
        RebuildFault: a log or a reply is not there.
        StoreError: the store of replies cannot be read.
    """
    if header.dataset.round is not None or all(output.quarantine is None for output in header.outputs):
        return
    records = []
    for leg in legs:
        record = open_record(leg.path)
        if isinstance(record, Diagnostic):
            raise RebuildFault(record)
        records.append(record)
    apart = KeptApart(records)
    if apart.count:
        parents = load_items(header.dataset, files, project, apart.parents)
        with Store(project.store, is_read=True) as store:
            for row in apart.iterate(parents, store):
                refused.carry(row)
