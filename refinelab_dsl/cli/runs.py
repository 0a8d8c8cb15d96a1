"""`refinec runs`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute import runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.project import find_project


@click.command("runs")
@shared_options("text", "json")
def runs_command(settings: Settings) -> int:
    """The runs of this project, oldest first."""
    heads = list(runs.list_runs(find_project(Path.cwd())))
    terminal.save_json(settings, heads)
    if settings.is_json:
        terminal.write_json(heads)
    elif heads:
        table = [("run", "status", "spec", "rows", "cost", "started"), *map(describe_head, heads)]
        lines = align_table(table, "><<>><", room=terminal.width_of(sys.stdout), flexible=2)
        terminal.write("\n".join(lines) + "\n")
    else:
        terminal.say(settings, "no run yet; `refinec apply` starts one")
    return ExitCode.DONE


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
        "-" if usd is None else f"${float(usd):,.2f}",
        str(head.get("created_at") or "-"),
    )
