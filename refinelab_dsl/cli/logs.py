"""`refinec logs`: what a run asked, what it was told, what the checks said, and what that cost."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import click

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import records, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.history import Attempt, add_texts, load_attempts
from refinelab_dsl.execute.journal import JournalError
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.project import find_project
from refinelab_dsl.store import StoreError


@click.command("logs")
@click.argument("run", type=click.IntRange(min=1))
@shared_options("text", "json")
@click.option("--item", metavar="ID", help="All about one item: prompts, replies, verdicts.")
@click.option("--rejected", is_flag=True, help="Only what was refused.")
def logs_command(settings: Settings, run: int, item: str | None, rejected: bool) -> int:
    """What RUN did: a line for each attempt, or everything about one item.

    ID is that of a new row, or the key of a row that it was made from; a unique start of it is enough.
    """
    project = find_project(Path.cwd())
    folder = runs.find_run(project, run)
    if folder is None:
        known = tuple(each.number for each in runs.find_runs(project))
        terminal.refuse(settings, Diagnostics((faults.run_unknown(run, known),)))
        return ExitCode.USAGE
    plan, problems = PlanFile.open(folder.plan)
    if plan is None:
        terminal.refuse(settings, Diagnostics(problems))
        return ExitCode.SPEC
    try:
        attempts, damage = load_attempts(plan, folder)
        if item is not None:
            attempts = find_attempts(attempts, item)
            attempts = add_texts(attempts, plan, project, folder)
    except JournalError as error:
        return _refuse(settings, faults.journal_damaged(run, str(folder.journal), str(error)))
    except StoreError as error:
        return _refuse(settings, faults.store_damaged(str(project.store), str(error)))
    if rejected:
        attempts = [attempt for attempt in attempts if attempt.outcome == "rejected"]
    terminal.report(settings, Diagnostics(damage))
    document = [asdict(attempt) for attempt in attempts]
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    elif item is not None:
        terminal.write("\n".join(render_attempt(attempt) for attempt in attempts))
    else:
        terminal.write("".join(render_line(attempt) + "\n" for attempt in attempts))
    return ExitCode.CHECK_FAILED if any(diagnostic.is_error for diagnostic in damage) else ExitCode.DONE


def _refuse(settings: Settings, found: Diagnostic) -> int:
    terminal.refuse(settings, Diagnostics((found,)))
    return records.judge_refusal((found,))


def find_attempts(attempts: list[Attempt], name: str) -> list[Attempt]:
    """The attempts that made an item, or that started from it.

    Raises:
        click.UsageError: no item is called so, or several are.
    """
    wanted = name.lower()
    ids = sorted({
        known
        for attempt in attempts
        for known in (attempt.item, *attempt.sources)
        if known is not None and known.startswith(wanted)
    })  # fmt: skip
    if wanted in ids:
        ids = [wanted]
    if not ids:
        raise click.UsageError(f"no item of this run starts with {name!r}; `refinec logs RUN` shows their ids")
    if len(ids) > 1:
        raise click.UsageError(f"{name!r} fits {len(ids)} items: {', '.join(ids[:5])}{', …' if len(ids) > 5 else ''}")
    return [attempt for attempt in attempts if attempt.item == ids[0] or ids[0] in attempt.sources]


def render_line(attempt: Attempt) -> str:
    """`    12  author  accepted  $0.00016  length=long, subject=biology  3f0c…`."""
    target = ", ".join(f"{name}={label}" for name, label in sorted(attempt.target.items()))
    refused = ": ".join(filter(None, (attempt.rejected_by, attempt.reason)))
    kept = f"kept apart as {attempt.item}" if attempt.quarantined else attempt.item
    ending = "; ".join(filter(None, (refused, kept))) or "-"
    known = [Decimal(call.usd) for call in attempt.calls if call.usd is not None]
    cost = render_usd(sum(known, Decimal(0)) if len(known) == len(attempt.calls) else None)
    return escape(
        f"{attempt.step:>6}  {attempt.operator:<12}  {attempt.outcome:<8}  {cost:>9}  {target or '-'}  {ending}"
    )


def render_attempt(attempt: Attempt) -> str:
    """Everything about one attempt; text of data and models is escaped."""
    lines = [render_line(attempt)]
    lines.append(f"        made from  {', '.join(attempt.sources)}")
    for call in attempt.calls:
        tokens = "tokens unknown" if call.tokens_in is None else f"{call.tokens_in:,} in, {call.tokens_out:,} out"
        price = "price unknown" if call.usd is None else f"${call.usd}"
        cached = ", from the store" if call.cached else ""
        lines.append(f"        {call.part} to {escape(call.model)}: {call.state}, {tokens}, {price}{cached}")
        if call.failure:
            lines.append(f"          {escape(call.failure)}")
        for message in call.prompt or ():
            lines.append(f"          --- {message['role']}")
            lines.extend(f"          {escape(line)}" for line in message["content"].splitlines())
        if call.reply is not None:
            lines.append("          --- reply")
            lines.extend(f"          {escape(line)}" for line in call.reply.splitlines())
    for verdict in attempt.verdicts:
        word = "accepts" if verdict["accept"] else "refuses"
        values = ", ".join(f"{name} {value}" for name, value in sorted(verdict["values"].items()))
        said = "; ".join(filter(None, (verdict["reason"], values)))
        lines.append(escape(f"        {verdict['check']} {word}{': ' if said else ''}{said}"))
    return "\n".join(lines) + "\n"
