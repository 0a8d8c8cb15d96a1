"""A run's results made again from its log, its plan and the store of replies: no call, the same items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.write import row_hash
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.operators import OPERATORS, Made, Unreadable, read_reply
from refinelab_dsl.provenance.log import LogLine, read_log
from refinelab_dsl.store import Store, StoreError

PLAN_NAME = "plan.refplan"
LOG_NAME = "provenance.jsonl"


class RebuildFault(Exception):
    """A result cannot be made again."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run on disk: its plan, its log, and the log's first event, which belong together."""

    plan: PlanFile
    log: Path
    run: events.Run

    @property
    def header(self) -> Header:
        return self.plan.header

    def events(self) -> Iterator[events.AnyEvent]:
        """The log's events, its chain checked on the way.

        Raises:
            RebuildFault: the chain is broken.
        """
        for entry in read_log(self.log):
            if isinstance(entry, Diagnostic):
                raise RebuildFault(entry)
            yield entry.event


def open_record(folder: Path) -> Record | Diagnostic:
    """The record of the run in `folder`, or what is wrong with it."""
    log = folder / LOG_NAME
    first = next(read_log(log))
    if not isinstance(first, LogLine):
        return first
    assert isinstance(first.event, events.Run)
    plan, diagnostics = PlanFile.open(folder / PLAN_NAME)
    if plan is None:
        return diagnostics[0]
    if plan.plan_id != first.event.plan_id:
        return faults.run_plan_differs(str(log))
    return Record(plan, log, first.event)


def rebuild_item(
    header: Header, commit: events.Commit, step_keys: Mapping[int, str], parents: Mapping[str, Item], store: Store
) -> Item:
    """The item that `commit` put into the set, from its parent and the stored reply.

    step_keys: of `read_step_keys`. parents: source items by key; the first of the commit's own must be among them.

    Raises:
        RebuildFault: the reply is missing, gives another item than the one committed, or the log says what its plan
            does not know.
    """
    kinds = {operator.name: operator.kind for operator in header.operators}
    kind = OPERATORS.get(kinds.get(commit.operator, ""))
    step_key = step_keys.get(commit.step)
    if kind is None or kind.build_item is None or step_key is None:
        raise RebuildFault(faults.result_differs(commit.step, commit.id, "its plan has no such step"))
    try:
        completion = store.reply(commit.reply)
    except StoreError as error:
        raise RebuildFault(faults.reply_store_unusable(str(store.path), str(error))) from None
    if completion is None:
        raise RebuildFault(faults.reply_missing(commit.reply, commit.step, str(store.path)))
    fields = read_reply(header.dataset.task, completion.text)
    if isinstance(fields, Unreadable):
        raise RebuildFault(faults.result_differs(commit.step, commit.id, fields.message))
    parent = parents.get(commit.parents[0]) if commit.parents else None
    if parent is None:
        raise RebuildFault(faults.result_differs(commit.step, commit.id, "its parent is not in the dataset"))
    made = Made(
        task=header.dataset.task, parent=parent, fields=fields, step_key=step_key, target=commit.target,
        dimensions=header.dimensions, measures=header.measures,
    )  # fmt: skip
    item = kind.build_item(made)
    if (item.id, item.key) != (commit.id, commit.key):
        raise RebuildFault(faults.result_differs(commit.step, commit.id, f"it gets the id {item.id}"))
    if row_hash(item) != commit.row:
        raise RebuildFault(faults.result_differs(commit.step, commit.id, "its content has another hash"))
    return item


def read_step_keys(plan: PlanFile, wanted: frozenset[int]) -> dict[int, str]:
    """Step id -> content key of these steps."""
    return {step.id: step.key for step in plan.steps() if step.id in wanted}
