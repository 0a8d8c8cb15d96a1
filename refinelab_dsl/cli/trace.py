"""`refinec trace`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from refinelab_dsl.cli import records, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.execute import runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.provenance import Trace, dump_trace, render_trace, trace
from refinelab_dsl.store import StoreError


@click.command("trace")
@click.argument("item", metavar="ID")
@shared_options("text", "json")
@click.option("--run", type=click.IntRange(min=1), help="Of which run; default: the newest that ended.")
def trace_command(settings: Settings, item: str, run: int | None) -> int:
    """Where one output row comes from, back to its source row.

    ID is a row's id, a unique start of it, or the number of a row in the output.
    """
    project = find_project(Path.cwd())
    if run is None:
        run = newest_run(project)
    if run is None:
        terminal.refuse(settings, Diagnostics((run_faults.run_unknown(1, ()),)))
        return ExitCode.USAGE
    found = find_trace(run, item)
    if not isinstance(found, Trace):
        terminal.refuse(settings, Diagnostics(found))
        return records.judge_refusal(found)
    document = {"format_version": "1.0", "run": run, **dump_trace(found)}
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(render_trace(found, width=terminal.width_of(sys.stdout)))
    return ExitCode.DONE


def newest_run(project: Project) -> int | None:
    """The newest run that has a log."""
    ended = [folder.number for folder in runs.find_runs(project) if folder.log.exists()]
    return max(ended, default=None)


def find_trace(run: int, item: str) -> Trace | tuple[Diagnostic, ...]:
    """The trace of an item of a run, or why there is none."""
    record = records.find_record(run)
    if not isinstance(record, records.Record):
        return record
    settled = record.record
    try:
        with records.open_replies(record.project) as store:
            found = trace(
                record.folder.path, item, record.project,
                source=settled.source, store=store, allow_outside=settled.allow_outside,
            )  # fmt: skip
    except StoreError as error:
        return (run_faults.store_damaged(str(record.project.store), str(error)),)
    return (found,) if isinstance(found, Diagnostic) else found
