"""`refinec show`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs, records, terminal
from refinelab_dsl.cli.freshness import examine_plan
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.cli.plan import compare_lock, write_shown
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.execute import runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan import outcome, render
from refinelab_dsl.plan.cached import count_cached
from refinelab_dsl.project import find_project


@click.command("show")
@click.argument("what", metavar="PLAN|RUN")
@shared_options("text", "json", "markdown", spec=True)
def show_command(settings: Settings, what: str) -> int:
    """A saved plan (a file), or a run (its number).

    A stale plan is shown, too, with what changed since it was made.
    """
    if what.isdecimal() and not Path(what).exists():
        return show_run(settings, int(what))
    plan, problems = PlanFile.open(inputs.require_file(Path(what)))
    if plan is None:
        terminal.refuse(settings, Diagnostics(problems))
        return ExitCode.SPEC
    freshness = examine_plan(plan, settings)
    applied = runs.find_applied(freshness.project, plan.plan_id)
    cached = None
    if not freshness.changes:
        cached = count_cached(plan, freshness.project, freshness.source, allow_outside=True)
    shown = render.Shown(
        cached=cached,
        stale=freshness.changes,
        locked=compare_lock(plan, freshness.project),
        applied_as=None if applied is None else applied[0].number,
        diagnostics=freshness.diagnostics,
    )
    write_shown(settings, plan, shown)
    return ExitCode.DONE


def show_run(settings: Settings, number: int) -> int:
    """A run: what it came to beside what its plan promised, or its plan where it has not ended."""
    project = find_project(Path.cwd())
    folder = runs.find_run(project, number)
    if folder is None:
        known = tuple(each.number for each in runs.find_runs(project))
        terminal.refuse(settings, Diagnostics((faults.run_unknown(number, known),)))
        return ExitCode.USAGE
    head = runs.load_head(project, folder)
    plan, problems = PlanFile.open(folder.plan)
    if plan is None:
        terminal.refuse(settings, Diagnostics(problems))
        return ExitCode.SPEC
    if settings.is_json:
        terminal.write_json(head)
    else:
        placed = records.place_files(head, project.seen_from(plan.header.spec_path), folder)
        terminal.write(outcome.render_outcome(placed, plan.header, width=terminal.width_of(sys.stdout)))
    terminal.save_json(settings, head)
    return ExitCode.DONE

