"""What earlier runs bought: every attempt that was judged, with its verdict and the replies that it took.

Only a sealed log tells what was accepted: that of a run that ended, also of one that its budget ended. Of a run that
was killed the store has the replies, so they are not bought again; what would come of them, its resumption tells.
"""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.inventory import NO_RESULT, Earlier, EarlierAttempt, EarlierEdit, EarlierRun
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute.runs import RunFolder, find_runs
from refinelab_dsl.operators import OPERATORS, result_id
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.log import LogLine, read_log
from refinelab_dsl.store import Store, StoreError


def load_earlier(project: Project) -> Earlier:
    """The attempts of all runs of `project` whose replies its store still has. Writes nothing and never fails: a run
    that cannot be read is left out, with a diagnostic that says so."""
    folders = [folder for folder in find_runs(project) if folder.log.exists()]
    if not folders or not project.store.exists():
        return Earlier()
    found: list[EarlierRun] = []
    damage: list[Diagnostic] = []
    try:
        with Store(project.store, is_read=True) as store:
            for folder in folders:
                run, said = _load_run(folder, store)
                damage += said
                if run is not None and (run.attempts or run.edits):
                    found.append(run)
    except StoreError as error:
        return Earlier(diagnostics=(faults.inventory_unreadable(str(project.store), str(error)),))
    return Earlier(tuple(found), tuple(damage))


def _load_run(folder: RunFolder, store: Store) -> tuple[EarlierRun | None, list[Diagnostic]]:
    plan, problems = PlanFile.open(folder.plan)
    if plan is None:
        return None, [faults.inventory_unreadable(str(folder.plan), problem.message) for problem in problems[:1]]
    calls: dict[int, list[tuple[str, str | None]]] = {}
    own: dict[int, str] = {}  # step -> the first call that its operator's own prompt made
    accepted: dict[int, bool] = {}
    made: dict[int, str] = {}  # step -> id of its result
    refused: dict[int, str] = {}  # step -> the check that refused its result
    by_hand: dict[int, str] = {}  # step -> the check that did, though a person accepted it
    removed: list[EarlierEdit] = []
    operators = {operator.name: operator for operator in plan.header.operators}
    checks = {validator.name for validator in plan.header.validators}
    try:
        for event in _read_events(folder):
            match event:
                case events.Call():
                    calls.setdefault(event.step, []).append((event.request, event.reply))
                    if event.template in operators:
                        own.setdefault(event.step, event.request)
                case events.Commit():
                    accepted[event.step] = True
                    made[event.step] = event.id
                case events.Verdict() if event.by_hand:
                    by_hand[event.step] = event.check
                case events.Kept():
                    accepted[event.step] = True
                case events.Remove():
                    removed.append(EarlierEdit(event.id, event.operator, "removed", event.key))
                case events.Reject():
                    accepted[event.step] = False
                    refused[event.step] = event.check if event.check in checks else NO_RESULT
                case _:
                    pass
        steps = [step for step in plan.steps() if step.id in accepted]
    except _Damaged as damaged:
        return None, [faults.inventory_unreadable(str(folder.log), damaged.diagnostic.message)]
    except OSError as error:
        return None, [faults.inventory_unreadable(str(folder.log), error.strerror or str(error))]
    attempts = []
    for step in steps:
        replies = tuple((request, reply) for request, reply in calls.get(step.id, ()) if reply is not None)
        if replies and all(store.leads_to(request, reply) for request, reply in replies):
            attempts.append(
                EarlierAttempt(
                    step.operator, step.items, step.target, step.sample, step.key, accepted[step.id], replies,
                    own.get(step.id), step.id in by_hand,
                )
            )
    results = (
        EarlierEdit(
            made.get(step.id) or result_id(step.items[0], step.key), step.operator, origin, step.key,
            refused.get(step.id, by_hand.get(step.id)),
        )
        for step in steps
        if step.id in made or step.id in refused
        if step.operator in operators and (origin := OPERATORS[operators[step.operator].kind].origin) is not None
    )
    return EarlierRun(folder.number, plan.header, tuple(attempts), (*results, *removed)), []


class _Damaged(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def _read_events(folder: RunFolder) -> Iterator[events.AnyEvent]:
    for line in read_log(folder.log):
        if not isinstance(line, LogLine):
            raise _Damaged(line)
        yield line.event


def describe_vanished(plan: PlanFile, project: Project) -> tuple[str, ...]:
    """What of the results of earlier runs that a plan counts on the project's store no longer has, in a user's words.

    Raises:
        StoreError: the store cannot be read.
    """
    if plan.header.inventory is None:
        return ()
    wanted = [step.replies for step in plan.steps() if step.replies]
    there: frozenset[str] = frozenset()
    if wanted and project.store.exists():
        with Store(project.store, is_read=True) as store:
            there = store.answered()
    gone = sum(not there.issuperset(replies) for replies in wanted)
    if not gone:
        return ()
    return (f"results of earlier runs that it counts on are no longer in the store ({gone} of {len(wanted)})",)
