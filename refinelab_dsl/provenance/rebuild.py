"""A run's results made again from its log, its plan and the store of replies: no call, the same items."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Header, Step
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.write import row_hash
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.effects import Program, decode_outcome, effect_key
from refinelab_dsl.operators import OPERATORS, Attempt, Unreadable
from refinelab_dsl.operators.again import Refusal, Try, remake_result
from refinelab_dsl.operators.kind import is_remark
from refinelab_dsl.prompts.steps import StepContext, StepFault
from refinelab_dsl.provenance.chains import describe_chain
from refinelab_dsl.provenance.log import LogLine, read_log
from refinelab_dsl.questions import Questions
from refinelab_dsl.store import Store, StoreError

PLAN_NAME = "plan.refplan"
LOG_NAME = "provenance.jsonl"


Ending: TypeAlias = events.Commit | events.Held | events.Kept
"""How a step ends whose result can be made again."""


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


def tell_results(
    record: Record,
) -> Iterator[tuple[Ending, list[events.Call], list[events.Verdict], events.Chain | None]]:
    """Each result with the calls, verdicts and chain of its step."""
    own: list[events.Call | events.Verdict | events.Chain] = []  # of the step that is being told
    for event in record.events():
        if isinstance(event, events.Call | events.Verdict | events.Chain):
            if own and own[-1].step != event.step:
                own.clear()
            own.append(event)
        elif isinstance(event, events.Commit | events.Held | events.Kept):
            own = [each for each in own if each.step == event.step]
            calls = [each for each in own if isinstance(each, events.Call)]
            verdicts = [each for each in own if isinstance(each, events.Verdict)]
            if isinstance(event, events.Held) and not verdicts:
                raise RebuildFault(faults.result_differs(event.step, event.id, "no check refused it"))
            chain = next((each for each in own if isinstance(each, events.Chain)), None)
            yield event, calls, verdicts, chain


def rebuild_item(
    header: Header, commit: events.Commit | events.Held, steps: Mapping[int, Step], calls: Iterable[events.Call],
    verdicts: Iterable[events.Verdict], parents: Mapping[str, Item], store: Store, chain: events.Chain | None = None,
) -> Item:
    """The item of `rebuild_result` alone."""
    item, _ = rebuild_result(header, commit, steps, calls, verdicts, parents, store, chain)
    return item


def rebuild_result(
    header: Header, commit: Ending, steps: Mapping[int, Step], calls: Iterable[events.Call],
    verdicts: Iterable[events.Verdict], parents: Mapping[str, Item], store: Store, chain: events.Chain | None = None,
) -> tuple[Item, Chain | None]:
    """The item that `commit` put into the set, that was kept apart, or that stays as it is, and the chain of answers
    that led to it: its operator's program once more, with the replies that the run got.

    steps: of `read_steps`. calls, verdicts, chain: of the commit's step. parents: source items by key; the first of the
    commit's own must be among them.

    Raises:
        RebuildFault: a reply is missing, they give another item than the one committed, or the log says what its plan
            does not know.
    """
    made, parent = make_again(header, commit, steps, calls, verdicts, parents, store)
    if (None if made.chain is None else describe_chain(steps[commit.step], made.chain)) != chain:
        raise RebuildFault(faults.result_differs(commit.step, commit.id, "its chain of answers is another one"))
    item = made.item
    if isinstance(item, Unreadable):
        raise RebuildFault(faults.result_differs(commit.step, commit.id, item.message))
    if isinstance(commit, events.Kept) or item is None:
        if item is not None or not isinstance(commit, events.Kept):
            raise RebuildFault(faults.result_differs(commit.step, commit.id, "it was kept as it came in, or was not"))
        return parent, made.chain
    if (item.id, item.key) != (commit.id, commit.key):
        raise RebuildFault(faults.result_differs(commit.step, commit.id, f"it gets the id {item.id}"))
    if row_hash(item) != commit.row:
        raise RebuildFault(faults.result_differs(commit.step, commit.id, "its content has another hash"))
    return item, made.chain


def make_again(
    header: Header, event: Ending | events.Reject, steps: Mapping[int, Step], calls: Iterable[events.Call],
    verdicts: Iterable[events.Verdict], parents: Mapping[str, Item], store: Store,
) -> tuple[Try, Item]:
    """What came of a step in the end, and the item that it was made from: what `rebuild_result` compares with the log.
    Of a rejected result the log has no hash. Arguments as there.

    Raises:
        RebuildFault: a reply is missing, or the log says what its plan does not know.
    """
    name = f"step {event.step}" if isinstance(event, events.Reject) else event.id
    context = StepContext.of_header(header)
    operator = context.operators.get(event.operator)
    kind = None if operator is None else OPERATORS.get(operator.kind)
    step = steps.get(event.step)
    if operator is None or kind is None or kind.make_item is None or step is None:
        raise RebuildFault(faults.result_differs(event.step, name, "its plan has no such step"))
    sources = step.items
    if not isinstance(event, events.Reject):
        sources = (event.key,) if isinstance(event, events.Kept) else event.parents
    parent = parents.get(sources[0]) if sources else None
    if parent is None:
        raise RebuildFault(faults.result_differs(event.step, name, "its parent is not in the dataset"))
    replies = {call.request: call.reply for call in calls}
    if isinstance(event, events.Commit | events.Held) and event.reply not in replies.values():
        raise RebuildFault(faults.result_differs(event.step, name, "it names a reply that is none of its step's"))
    refusals = [
        Refusal(verdict.check, verdict.reason)
        for verdict in verdicts
        if not verdict.accept and not is_remark(verdict.check)
    ]
    if isinstance(event, events.Held | events.Reject):  # the last one refused the item itself
        refusals = refusals[:-1]
    if not all(refusal.check in context.validators for refusal in refusals):
        raise RebuildFault(faults.result_differs(event.step, name, "its plan has no such check"))
    attempt = Attempt(operator, parent, step.target, step.sample, step.key)
    program = remake_result(kind.make_item, attempt, Questions(context), refusals)
    try:
        return _drive(program, replies, event.step, name, store), parent
    except (StepFault, msgspec.MsgspecError) as error:
        raise RebuildFault(faults.result_differs(event.step, name, str(error))) from None


def _drive(
    program: Program[Try], replies: Mapping[str, str | None], step: int, name: str, store: Store
) -> Try:
    try:
        effect = next(program)
        while True:
            reply = replies.get(effect_key(effect))
            if reply is None:
                what = "it asks for what the log does not know of"
                raise RebuildFault(faults.result_differs(step, name, what))
            try:
                completion = store.reply(reply)
            except StoreError as error:
                raise RebuildFault(run_faults.store_damaged(str(store.path), str(error))) from None
            if completion is None:
                raise RebuildFault(faults.reply_missing(reply, step, str(store.path)))
            effect = program.send(decode_outcome(effect, completion))
    except StopIteration as end:
        made: Try = end.value
        return made


def read_steps(plan: PlanFile, wanted: Collection[int]) -> dict[int, Step]:
    """These steps by their ids."""
    return {step.id: step for step in plan.steps() if step.id in wanted}
