"""`refinec runs`: the runs of a project, and the lock that a run on a lost machine left behind."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, global_options, shared_options
from refinelab_dsl.diagnostics.catalog import housekeeping
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.lock import NAME, Holder, break_lock, find_abandoned
from refinelab_dsl.execute.loops import list_loops
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_tokens, render_usd
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.project import Project, find_project

QUESTION = """
Process {pid} on {host} has held the lock of this project since {since}.
  It cannot be seen from here whether it still works. Two runs at once would pay twice for the same calls.
  Is that machine, or container, gone? Only `yes` is accepted."""


class _Listing(click.Group):
    """Lists where no other of its commands is named: `refinec runs --format json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not any(word in self.commands or word in ("-h", "--help") for word in args):
            args = ["ls", *args]
        return super().parse_args(ctx, args)


@click.group("runs", cls=_Listing)
@global_options
@click.pass_context
def runs_command(context: click.Context, /, **options: Any) -> None:
    """The runs of this project; without a command they are listed."""
    given = {name: value for name, value in options.items() if value not in (None, False, 0)}
    context.obj = {**(context.obj or {}), **given}


@runs_command.command("ls")
@shared_options("text", "json")
def list_command(settings: Settings) -> int:
    """The runs of this project, oldest first, and its loops."""
    project = find_project(Path.cwd())
    heads = list(runs.list_runs(project))
    terminal.save_json(settings, heads)
    if settings.is_json:
        terminal.write_json(heads)
    elif heads:
        table = [("run", "status", "spec", "rows", "cost", "started"), *map(describe_head, heads)]
        lines = align_table(table, "><<>><", room=terminal.width_of(sys.stdout), flexible=2)
        terminal.write("\n".join(lines) + "\n")
    else:
        terminal.say(settings, "no run yet; `refinec apply` starts one")
    loops = [] if settings.is_json else list_loops(project)
    if loops:
        terminal.write("\n" + _render_loops(loops))
    return ExitCode.DONE


@runs_command.command("loops")
@shared_options("text", "json")
def loops_command(settings: Settings) -> int:
    """The loops of this project, oldest first: their rounds, and what these spent."""
    heads = list(list_loops(find_project(Path.cwd())))
    terminal.save_json(settings, heads)
    if settings.is_json:
        terminal.write_json(heads)
    elif heads:
        terminal.write(_render_loops(heads))
    else:
        terminal.say(settings, "no loop yet; `refinec apply SPEC --allow-exec` starts one, where the spec has a `loop`")
    return ExitCode.DONE


@runs_command.command("unlock")
@click.argument("run", type=click.IntRange(min=1), required=False)
@shared_options("text", "json")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def unlock_command(settings: Settings, run: int | None, auto_approve: bool) -> int:
    """Take the lock from RUN, whose machine or container is gone.

    A run that was killed on this machine needs no help: its lock heals. Of another machine nobody here can know whether
    it still works, so this asks; while a holder is seen to be alive it refuses. What the run bought is kept.
    """
    project = find_project(Path.cwd())
    folder = None
    if run is not None:
        folder = runs.find_run(project, run)
        if folder is None:
            known = tuple(each.number for each in runs.find_runs(project))
            return _refuse(settings, faults.run_unknown(run, known), ExitCode.USAGE)
    try:
        holder = find_abandoned(project.state)
    except OSError as error:
        return _refuse_state(settings, project, error)
    if isinstance(holder, Diagnostic):
        return _refuse(settings, holder, ExitCode.LOCKED)
    if folder is not None and holder is not None and runs.current_status(project, folder) != "running":
        status = runs.current_status(project, folder)
        return _refuse(settings, housekeeping.lock_of_other_run(folder.number, status), ExitCode.USAGE)
    if holder is not None:
        if not auto_approve and not _approve(settings, holder):
            terminal.complain("unlock cancelled: the lock is where it was")
            return ExitCode.INTERRUPTED
        try:
            taken = break_lock(project.state, holder)
        except OSError as error:
            return _refuse_state(settings, project, error)
        if taken is not None:
            return _refuse(settings, taken, ExitCode.LOCKED)
    unfinished = [each.number for each in runs.find_unfinished(project)]
    said = "nobody holds the lock"
    if holder is not None:
        said = f"the lock of process {holder.pid} on {escape(holder.host)} is gone"
    terminal.say(settings, said + (f"; go on with `refinec apply --resume={unfinished[-1]}`" if unfinished else ""))
    document = {"unlocked": None if holder is None else asdict(holder), "unfinished": unfinished}
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    return ExitCode.DONE


def _approve(settings: Settings, holder: Holder) -> bool:
    """Whether a person says that the holder is gone.

    Raises:
        click.UsageError: there is nobody to ask.
    """
    if not terminal.can_ask(settings):
        raise click.UsageError("there is no terminal to ask on: add --auto-approve if that machine is surely gone")
    return terminal.ask(settings, QUESTION.format(pid=holder.pid, host=escape(holder.host), since=escape(holder.since)))


def _refuse_state(settings: Settings, project: Project, error: OSError) -> int:
    reason = error.strerror or type(error).__name__
    return _refuse(settings, faults.state_unwritable(str(project.state / NAME), reason), ExitCode.UNAVAILABLE)


def _refuse(settings: Settings, found: Diagnostic, code: ExitCode) -> int:
    terminal.refuse(settings, Diagnostics((found,)))
    return code


def describe_head(head: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table; `-` where a run has no such thing yet."""
    size = head.get("size") or {}
    rows = size.get("measured", size.get("planned"))
    usd = (head.get("cost") or {}).get("usd")
    return (
        str(head["run"]),
        str(head["status"]),
        escape(str(head.get("spec") or "-")),
        "-" if rows is None else f"{rows:,}",
        "-" if usd is None else render_usd(Decimal(str(usd))),
        str(head.get("created_at") or "-"),
    )


def _render_loops(heads: Sequence[Mapping[str, Any]]) -> str:
    head = ("loop", "status", "spec", "rounds", "runs", "changes", "tokens", "cost", "started")
    table = [head, *map(describe_loop, heads)]
    return "\n".join(align_table(table, "><<><>>><", room=terminal.width_of(sys.stdout), flexible=2)) + "\n"


def describe_loop(head: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table of loops; `-` where nothing is known."""
    rounds, cost = head["rounds"], head["cost"] or {}
    ran = [each["run"] for each in rounds if each["run"] is not None]
    is_known = head["cost"] is not None
    return (
        str(head["loop"]),
        str(head["status"]),
        escape(str(head.get("spec") or "-")),
        str(len(rounds)) if is_known else "-",
        ", ".join(map(str, ran)) or "-",
        f"{sum(each['accepted'] or 0 for each in rounds):,}" if is_known else "-",
        render_tokens(cost["tokens"]) if is_known else "-",
        "-" if cost.get("usd") is None else render_usd(Decimal(cost["usd"])),
        str(head.get("created_at") or "-"),
    )
