"""`refinec trace`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.cli import records, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute import runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.provenance.trace import Trace, trace
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
        terminal.report_one(settings, run_faults.run_unknown(1, ()))
        return ExitCode.USAGE
    found = find_trace(run, item)
    if not isinstance(found, Trace):
        terminal.report(settings, Diagnostics(found))
        return ExitCode.USAGE if {entry.code for entry in found} & _WRONG_NAMES else ExitCode.SPEC
    document = {"format_version": "1.0", "run": run, **describe_trace(found)}
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write("\n".join(render_trace(found, run)) + "\n")
    return ExitCode.DONE


# RF6003, RF6350, RF6351, RF6352: there is nothing of that name.
_WRONG_NAMES = frozenset({"RF6003", "RF6350", "RF6351", "RF6352"})


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
        return (faults.reply_store_unusable(str(record.project.store), str(error)),)
    return (found,) if isinstance(found, Diagnostic) else found


def describe_trace(found: Trace) -> dict[str, Any]:
    """A trace as JSON values; money is a decimal string in dollars."""
    commit = found.commit
    return {
        "id": found.id,
        "key": found.key,
        "origin": found.origin,
        "row": found.row,
        "rows": found.rows,
        "place": found.place,
        "operator": found.operator,
        "step": None if commit is None else commit.step,
        "target": {} if commit is None else commit.target,
        "measured": {} if commit is None else commit.measured,
        "simulated": commit is not None and commit.simulated,
        "fields": None if found.fields is None else dict(found.fields),
        "missing": found.missing,
        "tokens": found.tokens,
        "usd": None if found.usd is None else format(found.usd, "f"),
        "calls": [call.model_dump(mode="json") for call in found.calls],
        "verdicts": [verdict.model_dump(mode="json") for verdict in found.verdicts],
        "parents": [describe_trace(parent) for parent in found.parents],
    }


def render_trace(found: Trace, run: int) -> list[str]:
    """A trace as lines, each generation further in; text of data and models is escaped."""
    where = f"row {found.row} of {found.rows}" if found.row is not None else f"in none of the {found.rows} rows"
    mark = ", simulated" if found.commit is not None and found.commit.simulated else ""
    lines = [f"{escape(found.id)}  {found.origin}{mark}, {where} of run {run}"]
    if found.commit is not None:
        lines += _render_commit(found, found.commit)
    elif found.operator is not None:
        lines.append(f"  left by   {escape(found.operator)}")
    if found.place is not None:
        lines.append(f"  source    {escape(found.place)}")
    for name, value in (found.fields or {}).items():
        lines.append(f"  {name:<8}  {escape(str(value))}")
    if found.missing is not None:
        lines.append(f"  text      not to be had: {escape(found.missing)}")
    for parent in found.parents:
        lines += [f"  from      {first}" if not number else f"          {first}"
                  for number, first in enumerate(render_trace(parent, run))]  # fmt: skip
    return lines


def _render_commit(found: Trace, commit: events.Commit) -> list[str]:
    target = ", ".join(f"{name}={label}" for name, label in commit.target.items())
    lines = [escape(f"  made by   {commit.operator}, step {commit.step}{' for ' if target else ''}{target}")]
    for call in found.calls:
        price = "price unknown" if call.usd is None else f"${format(call.usd, 'f')}"
        model = call.model if call.model_id in (None, call.model) else f"{call.model} ({call.model_id})"
        tokens = f"{call.input_tokens:,} in, {call.output_tokens:,} out"
        lines.append(escape(f"  {'repair' if call.call else 'call'}      {model}: {tokens}, {price}"))
    for verdict in found.verdicts:
        values = ", ".join(f"{name} {value}" for name, value in verdict.values.items())
        said = "; ".join(filter(None, (verdict.reason, values)))
        word = "accepts" if verdict.accept else "refuses"
        lines.append(escape(f"  verdict   {verdict.check} {word}{': ' if said else ''}{said}"))
    return lines
