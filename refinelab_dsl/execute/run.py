"""Runs a plan from where it may begin to where nothing is left of it: leg after leg where it has `replan`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.apply import Execution, render_reason
from refinelab_dsl.execute.begin import Refusal, Start, begin_run
from refinelab_dsl.execute.lock import take_lock
from refinelab_dsl.execute.observe import Observer, RunOptions, RunOutcome, SilentObserver
from refinelab_dsl.execute.replan import Replan, check_envelope, describe_rest, find_legs
from refinelab_dsl.execute.runs import RunDamaged
from refinelab_dsl.execute.telemetry import open_telemetry
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.scratch import Scratch


def run(
    plan_path: Path | None, project: Project, options: RunOptions, observer: Observer | None = None
) -> RunOutcome:
    """Applies the plan in `plan_path`, or goes on with run `options.resume`.

    project: as seen from the spec's folder, against which outputs and data are resolved. Never raises for what a user,
    a disk or an endpoint can cause: the outcome's diagnostics and exit code say it.
    """
    return hold_project(project, observer, lambda watcher: run_legs(plan_path, project, options, watcher))


def hold_project(
    project: Project, observer: Observer | None, act: Callable[[Observer], RunOutcome]
) -> RunOutcome:
    """What `act` comes to while the project's run lock is held, and OpenTelemetry is told where that is wanted."""
    with ExitStack() as stack:
        try:
            project.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = take_lock(project.state)
        except OSError as error:
            unwritable = faults.state_unwritable(str(project.state), render_reason(error))
            return RunOutcome.refused(ExitCode.UNAVAILABLE, unwritable)
        if isinstance(lock, Diagnostic):
            return RunOutcome.refused(ExitCode.LOCKED, lock)
        stack.enter_context(lock)
        with suppress(OSError):  # what cannot be removed is in nobody's way
            runs.sweep(project)
        found: list[Diagnostic] = []
        with open_telemetry(observer or SilentObserver(), os.environ, found.append) as watcher:
            outcome = act(watcher)
        return replace(outcome, diagnostics=outcome.diagnostics.with_(found))


def run_legs(
    plan_path: Path | None, project: Project, options: RunOptions, watcher: Observer, earlier: tuple[int, ...] = ()
) -> RunOutcome:
    """`run`, the lock being held. earlier: the runs of the rounds before this one, of one loop."""
    said: tuple[Diagnostic, ...] = ()
    start: Start | None = None
    try:
        start = begin_run(plan_path, project, options, earlier)
        while True:
            if not start.is_over:
                outcome = Execution(start, project, options, watcher).run()
                if outcome.status != "replanned":
                    return replace(outcome, diagnostics=Diagnostics((*said, *outcome.diagnostics)))
                said = (*said, *outcome.diagnostics)
            if options.replan is None:  # a leg whose rest nobody plans goes on by its own plan
                start = begin_run(None, project, replace(options, resume=start.folder.number), goes_on=True)
                continue
            start, problem = _begin_rest(start, project, options, options.replan)
            if problem is not None:
                watcher.say(problem)
                said = (*said, problem)
                options = replace(options, replan=None)
    except Refusal as refusal:
        return RunOutcome.refused(refusal.code, *said, *refusal.diagnostics)
    except RunDamaged as damage:
        unwritable = faults.state_unwritable(str(damage.path), damage.reason, _find_way(start, options))
        return RunOutcome.refused(ExitCode.UNAVAILABLE, *said, unwritable)
    except OSError as error:
        unwritable = faults.state_unwritable(str(project.runs), render_reason(error), _find_way(start, options))
        return RunOutcome.refused(ExitCode.UNAVAILABLE, *said, unwritable)


def _find_way(start: Start | None, options: RunOptions) -> str | None:
    """The command that goes on with the run that was begun, now or before; None where there is none."""
    if start is not None:
        return start.go_on
    return None if options.resume is None else f"refinec apply --resume={options.resume}"


def _begin_rest(
    leg: Start, project: Project, options: RunOptions, plan_rest: Replan
) -> tuple[Start, Diagnostic | None]:
    """The next leg, by a plan of what is left; where there is none, the leg goes on by its own, and why."""
    legs = find_legs(project, (*leg.record.legs, leg.folder.number))
    with Scratch() as scratch:
        path = Path(scratch) / "rest.refplan"
        found = plan_rest(describe_rest(leg.header, legs), path)
        plan, _ = PlanFile.open(path) if not found else (None, ())
        outside = None if plan is None else check_envelope(leg.header, plan.header)
        if plan is not None and outside is None:
            numbers = tuple(folder.number for folder, _ in legs)
            source, sources = leg.record.source or options.source, leg.record.corpora or options.corpora
            return begin_run(
                path, project,
                replace(options, saved=False, resume=None, source=source, corpora=sources,
                        allow_outside=leg.allow_outside),
                numbers,
            ), None  # fmt: skip
    why = outside or (found[0].message if found else "its plan cannot be read")
    start = begin_run(None, project, replace(options, resume=leg.folder.number), goes_on=True)
    return start, faults.rest_not_planned(leg.folder.number, why)
