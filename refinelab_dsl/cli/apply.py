"""`refinec apply`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from refinelab_dsl import __version__, compiler, execute
from refinelab_dsl.artifacts.lock_file import RootPin, load_lock, name_log, save_lock
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs, records, terminal
from refinelab_dsl.cli.consent import ask_trust
from refinelab_dsl.cli.events import write_result
from refinelab_dsl.cli.freshness import examine_plan, find_spec
from refinelab_dsl.cli.options import DECISIONS, WORKERS, Settings, shared_options
from refinelab_dsl.cli.plan import build_shown
from refinelab_dsl.cli.progress import Scope, open_display
from refinelab_dsl.cli.rounds import apply_loop, resume_loop
from refinelab_dsl.data.corpora import list_corpora, list_sources
from refinelab_dsl.diagnostics.catalog import loop as loop_faults
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.begin import list_endpoints
from refinelab_dsl.execute.lock import NAME as LOCK
from refinelab_dsl.execute.lock import read_holder
from refinelab_dsl.execute.loops import find_damaged_loops, find_unfinished_loops
from refinelab_dsl.execute.observe import RunOptions
from refinelab_dsl.execute.replan import Replan
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan import outcome as outcomes
from refinelab_dsl.plan import render
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.replanning import build_replan
from refinelab_dsl.scratch import Scratch

QUESTION = """
Do you want to make these calls?
  They are expected to cost {expected}, and at most {ceiling}. Only `yes` is accepted."""


@click.command("apply")
@click.argument("what", required=False, metavar="[SPEC|PLAN]")
@shared_options("text", "json", "jsonl", spec=True)
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--resume", type=click.IntRange(min=0), is_flag=False, flag_value=0, metavar="[RUN]",
              help="Go on with the unfinished run; with several, name one: --resume=4.")  # fmt: skip
@click.option("--allow-exec", is_flag=True, help="Let the spec's loop run its command on this machine, as you.")
@click.option("--no-cache", is_flag=True, help="Buy again what the store of replies holds.")
@click.option("--no-inventory", is_flag=True, help="Plan as if no earlier run had bought anything.")
@DECISIONS
@WORKERS
def apply_command(
    settings: Settings, what: str | None, auto_approve: bool, resume: int | None, allow_exec: bool, no_cache: bool,
    no_inventory: bool, decisions: str | None, workers: int,
) -> int:
    """Execute a spec or a saved plan.

    A spec is planned first; what it will spend is shown, and only `yes` starts it. A saved plan is approved as it
    stands: it is applied exactly, once, and refused if its spec or data changed. Interrupted, a run goes on with
    --resume; what it has bought is never bought again.
    """
    options = RunOptions(
        allow_outside=settings.allow_outside, environ=os.environ, use_cache=not no_cache, workers=workers
    )
    if resume is not None:
        if what is not None:
            raise click.UsageError("--resume goes on with a run's own plan; it takes no SPEC or PLAN")
        if decisions is not None:
            raise click.UsageError("--resume goes on with a run's own plan, which holds the decisions it was made with")
        return resume_run(settings, options, resume or None, allow_exec=allow_exec)
    given = inputs.find_given(what)
    if given.kind == "plan":
        if no_inventory:
            raise click.UsageError("a saved plan is applied as it stands; --no-inventory is for making one")
        if decisions is not None:
            raise click.UsageError("a saved plan is applied as it stands; `refinec plan --decisions` makes one")
        return apply_plan(settings, options, given.path)
    # What is to be bought again is no inventory.
    inventory = not no_inventory and not no_cache
    analysis = compiler.analyze(given.path, inputs.build_options(settings))
    if analysis.program is not None and analysis.program.loop is not None:
        if decisions is not None:
            raise click.UsageError("a loop plans round by round, by what its command writes; it takes no --decisions")
        return apply_loop(
            settings, options, given.path, analysis, auto_approve=auto_approve, allow_exec=allow_exec,
            inventory=inventory,
        )
    decided = inputs.read_decisions(settings, decisions, inventory=inventory)
    if isinstance(decided, ExitCode):
        return decided
    planning = inputs.build_options(settings, inventory=inventory, decisions=decided)
    return apply_spec(settings, options, given.path, analysis, planning, auto_approve=auto_approve)


def apply_spec(
    settings: Settings, options: RunOptions, spec: Path, analysis: compiler.Analysis, planning: compiler.Options, *,
    auto_approve: bool,
) -> int:
    """Plans, shows, asks, and runs what was shown. analysis: of `spec`."""
    with Scratch() as scratch:
        planned = compiler.plan(analysis, planning, Path(scratch) / "plan.refplan")
        terminal.report(settings, planned.diagnostics)
        plan = planned.plan
        if plan is None or planned.exit_code != ExitCode.DONE:
            return refuse(settings, planned.diagnostics, planned.exit_code)
        if settings.format == "text" and not settings.quiet:
            shown = build_shown(planned, None)
            terminal.complain(render.render_text(plan, shown, width=terminal.width_of(sys.stderr)))
        if not auto_approve and not approve(settings, plan):
            terminal.complain("apply cancelled: nothing was called, nothing was written")
            return ExitCode.INTERRUPTED
        program = planned.analysis.program
        assert program is not None  # there is no plan without one
        corpora = list_sources(list_corpora(program.operators, program.validators, program.datasets))
        replan = build_replan(spec, inputs.build_options(settings))
        options = replace(options, source=program.dataset.source, corpora=corpora, replan=replan)
        return run_plan(settings, plan, planned.analysis.project, options)


def apply_plan(settings: Settings, options: RunOptions, path: Path) -> int:
    """Runs a saved plan, if it still fits."""
    plan, problems = PlanFile.open(path)
    if plan is None:
        return refuse(settings, Diagnostics(problems), ExitCode.SPEC, report=True)
    freshness = examine_plan(plan, settings)
    if freshness.changes:
        found = freshness.diagnostics.with_([faults.stale_plan(str(path), freshness.changes)])
        return refuse(settings, found, ExitCode.STALE, report=True)
    if plan.header.compiler != __version__:
        terminal.report_one(settings, faults.other_compiler(str(path), plan.header.compiler, __version__))
    options = replace(
        options, source=freshness.source, corpora=freshness.corpora, saved=True, replan=find_replan(settings, plan)
    )
    return run_plan(settings, plan, freshness.project, options)


def resume_run(
    settings: Settings, options: RunOptions, number: int | None, *, allow_exec: bool = False
) -> int:
    """Goes on with a run that was interrupted, or with the loop of which it is a round: it was approved before."""
    project = find_project(Path.cwd())
    holder = read_holder(project.state)
    if holder is not None:  # the run to go on with may be the one that is running
        lock = str(project.state / LOCK)
        locked = Diagnostics((run_faults.run_locked(holder.host, holder.pid, holder.since, lock),))
        return refuse(settings, locked, ExitCode.LOCKED, report=True)
    loops = {folder.number: (folder, record) for folder, record in find_unfinished_loops(project)}
    if number is None:
        of_loops = {folder.number: folder.load_record().loop for folder in runs.find_unfinished(project)}
        damaged = dict(find_damaged_loops(project))
        lost = [
            loop_faults.loop_unreadable(
                folder.number, terminal.near(folder.record), reason,
                tuple(run for run, loop in of_loops.items() if loop == folder.number),
            )
            for folder, reason in damaged.items()
        ]  # fmt: skip
        told = {*loops, *(folder.number for folder in damaged)}
        unfinished = tuple(run for run, loop in of_loops.items() if loop not in told)
        if lost and not unfinished and not loops:
            return refuse(settings, Diagnostics(tuple(lost)), ExitCode.UNAVAILABLE, report=True)
        for each in lost:
            terminal.report_one(settings, replace(each, severity="warning"))
        if not unfinished and len(loops) == 1:
            (loop,) = loops.values()
            return resume_loop(settings, options, *loop, allow_exec=allow_exec)
        if len(unfinished) != 1 or loops:
            ambiguous = Diagnostics((run_faults.resume_ambiguous(unfinished),))
            return refuse(settings, ambiguous, ExitCode.USAGE, report=True)
        number = unfinished[0]
    folder = runs.find_run(project, number)
    if folder is None:
        known = tuple(each.number for each in runs.find_runs(project))
        return refuse(settings, Diagnostics((run_faults.run_unknown(number, known),)), ExitCode.USAGE, report=True)
    try:
        of_loop = folder.load_record().loop
    except runs.RunDamaged:
        of_loop = None  # said by who begins it
    if of_loop in loops:
        return resume_loop(settings, options, *loops[of_loop], allow_exec=allow_exec)
    plan, problems = PlanFile.open(folder.plan)
    if plan is None:
        return refuse(settings, Diagnostics(problems), ExitCode.SPEC, report=True)
    place = project.seen_from(plan.header.spec_path)
    return run_plan(settings, plan, place, replace(options, resume=number, replan=find_replan(settings, plan)))


def find_replan(settings: Settings, plan: PlanFile) -> Replan | None:
    """What plans the rest of a saved plan's run, where its spec is there."""
    spec = find_spec(plan)
    return None if spec is None else build_replan(spec, inputs.build_options(settings))


def run_plan(settings: Settings, plan: PlanFile, project: Project, options: RunOptions) -> int:
    """Runs a plan and shows what it came to."""
    ask_trust(settings, list_endpoints(plan.header), plan.header.spec_path, options.environ)
    with open_display(settings, Scope()) as display:
        result = execute.run(plan.path, project, options, display)
    terminal.report(settings, result.diagnostics)
    if pin_root(project, result.head):
        terminal.say(settings, f"root of {result.head['provenance']['file']} written to {terminal.near(project.lock)}")
    document = {**result.head, **terminal.document(result.diagnostics)}
    if settings.format == "text" and result.head:
        folder = runs.find_run(project, result.head["run"])
        head = result.head if folder is None else records.place_files(result.head, project, folder)
        ran = None if folder is None else PlanFile.open(folder.plan)[0]  # of the last leg, where there are several
        header = plan.header if ran is None else ran.header
        terminal.write(outcomes.render_outcome(head, header, width=terminal.width_of(sys.stdout)))
    write_result(settings, document)
    return result.exit_code


def pin_root(project: Project, head: Mapping[str, Any]) -> bool:
    """Writes the root of a run's published log to `refine.lock`, if the project has one: `verify` compares with it."""
    lock, problems = load_lock(project.lock)
    published = head.get("provenance")
    if lock is None or problems or not published or not published.get("root"):
        return False
    pin = RootPin(root=published["root"], run=head["run"])
    name = name_log(project.base / published["file"], project)
    if name is None or lock.runs.get(name) == pin:
        return False
    try:
        save_lock(project.lock, lock.model_copy(update={"runs": {**lock.runs, name: pin}}))
    except OSError:
        return False
    return True


def refuse(settings: Settings, found: Diagnostics, code: int, *, report: bool = False) -> int:
    """Nothing was run; says why in the form asked for."""
    if report:
        terminal.report(settings, found)
    document = terminal.document(found)
    write_result(settings, document)
    return code


def approve(settings: Settings, plan: PlanFile) -> bool:
    """Whether a person said `yes`.

    Raises:
        click.UsageError: there is nobody to ask.
    """
    if not terminal.can_ask(settings):
        raise click.UsageError(
            "there is no terminal to ask on: add --auto-approve, or save the plan with `refinec plan -o FILE` "
            "and apply the file"
        )
    usd = plan.header.usd
    return terminal.ask(
        settings, QUESTION.format(expected=render_usd(usd.expected), ceiling=render_usd(usd.ceiling))
    )
