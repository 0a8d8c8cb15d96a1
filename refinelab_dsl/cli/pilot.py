"""`refinec pilot`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from refinelab_dsl import compiler, execute
from refinelab_dsl.artifacts.evidence import NAME, AnyRecord, Evidence, dump_evidence, load_evidence
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.consent import ask_trust
from refinelab_dsl.cli.events import write_result
from refinelab_dsl.cli.options import WORKERS, Settings, shared_options
from refinelab_dsl.cli.progress import Scope, open_display
from refinelab_dsl.data.corpora import list_corpora, list_sources
from refinelab_dsl.diagnostics.catalog import evidence as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.begin import list_endpoints
from refinelab_dsl.execute.harvest import harvest
from refinelab_dsl.execute.observe import RunOptions
from refinelab_dsl.execute.pilots import OpenPilot, close_pilot, find_open_pilot, supersede_runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.plan.outlook import build_outlook, render_evidence, render_outlook
from refinelab_dsl.project import Project
from refinelab_dsl.scratch import Scratch

QUESTION = """
Do you want to make these calls?
  They are expected to cost {expected}, and at most {ceiling}. Only `yes` is accepted."""


@click.command("pilot")
@click.argument("spec", required=False, metavar="[SPEC]")
@shared_options("text", "json", "jsonl", spec=True)
@click.option("--dry-run", is_flag=True, help="Say what there is to learn and what that costs; call nobody.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@WORKERS
def pilot_command(settings: Settings, spec: str | None, dry_run: bool, auto_approve: bool, workers: int) -> int:
    """Learn what a plan of SPEC needs to know: labels, ratings, verdicts, success rates, costs.

    Shows its price and asks first. What it learns is written to refine.evidence.jsonl beside the spec, to be committed:
    a fresh clone plans from it without a key. What is known is not asked again; a pilot that was interrupted goes on
    when it is started again, and all of its starts share `pilot.budget`, until there is nothing left to learn.
    """
    path = inputs.require_spec(spec)
    piloted = compiler.pilot(path, inputs.build_options(settings))
    before = find_open_pilot(piloted.analysis.project, compiler.name_spec(piloted.analysis))
    if before.runs:
        piloted = compiler.pilot(path, inputs.build_options(settings), None, before.spent, before.news)
    if piloted.phases and settings.format == "text":  # also of a pilot that is too dear
        terminal.write(render_outlook(piloted.phases, piloted.analysis.program, before.spent, before.runs))
    terminal.report(settings, piloted.diagnostics)
    document: dict[str, Any] = {
        "phases": build_outlook(piloted.phases),
        "spent": {"tokens": before.tokens, "usd": format(before.usd, "f"), "runs": list(before.runs)},
        **terminal.document(piloted.diagnostics),
    }
    if piloted.exit_code == ExitCode.DONE and not piloted.phases:
        terminal.report_one(settings, faults.pilot_nothing())
        if before.runs and not dry_run and _recover(settings, path, piloted, before):
            close_pilot(piloted.analysis.project, before.runs)
    if piloted.exit_code != ExitCode.DONE or not piloted.phases or dry_run:
        return _answer(settings, document, piloted.exit_code)
    if not auto_approve and not _approve(settings, piloted.phases):
        terminal.complain("pilot cancelled: nothing was called, nothing was written")
        return ExitCode.INTERRUPTED
    if not _recover(settings, path, piloted, before):
        return _answer(settings, document, ExitCode.UNAVAILABLE)
    return _learn(settings, path, document, before, workers)


def _recover(settings: Settings, path: Path, piloted: compiler.Piloted, before: OpenPilot) -> bool:
    """Keeps what unfinished starts learnt, and marks them; says whether that could be done."""
    assert piloted.analysis.program is not None
    target = path.parent / NAME
    if before.news and _write(settings, target, before.news, piloted.analysis.program.name) is not None:
        return False
    try:
        supersede_runs(piloted.analysis.project, before.unfinished)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        terminal.report_one(settings, run_faults.state_unwritable(str(piloted.analysis.project.runs), reason))
        return False
    return True


def _learn(settings: Settings, path: Path, document: dict[str, Any], before: OpenPilot, workers: int) -> int:
    """Phase after phase, until nothing is left to learn."""
    tokens, usd, simulated = 0, Decimal(0), False
    runs_made: list[int] = []
    done: set[str] = set()
    while True:
        with Scratch() as scratch:
            piloted = compiler.pilot(
                path, inputs.build_options(settings), Path(scratch) / "pilot.refplan",
                (before.tokens + tokens, before.usd + usd),
            )
            if piloted.plan is None or piloted.phases[0].name in done:
                break
            done.add(piloted.phases[0].name)
            title = f"pilot, {piloted.phases[0].name}"
            result = _run(settings, piloted.plan, piloted.analysis.project, piloted.analysis.program, title, workers)
        cost = result.head.get("cost", {})
        tokens += int(cost.get("tokens") or 0)
        usd += Decimal(cost.get("usd") or 0)
        simulated = simulated or bool(result.head.get("simulated"))
        kept = None
        if result.run is not None:
            runs_made.append(result.run)
            kept = _keep(settings, path, piloted.analysis.project, result.run)
        if kept is not None or result.exit_code not in (ExitCode.DONE, ExitCode.INCOMPLETE):
            code = ExitCode.UNAVAILABLE if kept is not None else ExitCode(result.exit_code)
            return _answer(settings, {**document, "runs": runs_made}, code)
    terminal.report(settings, Diagnostics(tuple(each for each in piloted.diagnostics if each.is_error)))
    if piloted.exit_code == ExitCode.DONE:
        close_pilot(piloted.analysis.project, (*before.runs, *runs_made))
    evidence, _ = load_evidence(path.parent / NAME)
    if settings.format == "text":
        facts = compiler.describe_evidence(path, inputs.build_options(settings))
        if facts is not None:
            terminal.write(render_evidence(
                facts, tokens, usd, path.parent / NAME, simulated=simulated,
                is_complete=piloted.exit_code == ExitCode.DONE,
            ))
    summary = {"tokens": tokens, "usd": format(usd, "f"), "records": len(evidence.records), "simulated": simulated}
    return _answer(settings, {**document, "runs": runs_made, "cost": summary}, piloted.exit_code)


def _run(settings: Settings, plan: PlanFile, project: Project, program: Any, title: str, workers: int) -> Any:
    corpora = list_sources(list_corpora(program.operators, program.validators, program.datasets))
    options = RunOptions(
        source=program.dataset.source, corpora=corpora, allow_outside=settings.allow_outside, environ=os.environ,
        workers=workers,
    )
    ask_trust(settings, list_endpoints(plan.header), plan.header.spec_path, options.environ)
    with open_display(settings, Scope(title)) as display:
        result = execute.run(plan.path, project, options, display)
    terminal.report(settings, result.diagnostics)
    return result


def _keep(settings: Settings, path: Path, project: Project, number: int) -> object | None:
    """Writes what a run taught to the evidence file; gives what kept it from that."""
    folder = runs.find_run(project, number)
    if folder is None:
        return None
    plan, problems = PlanFile.open(folder.plan)
    if plan is None:
        terminal.report(settings, Diagnostics(problems))
        return problems
    news, _ = harvest(folder.log, plan.header, plan.plan_id)
    return _write(settings, path.parent / NAME, news, plan.header.spec)


def _write(settings: Settings, target: Path, news: Sequence[AnyRecord], spec: str) -> object | None:
    evidence, problems = load_evidence(target)
    if problems:
        terminal.report(settings, Diagnostics(problems))
        return problems
    updated: Evidence = evidence.including(news, spec)
    try:
        dump_evidence(target, updated)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        terminal.report_one(settings, faults.evidence_unreadable(str(target), reason, writing=True))
        return error
    return None


def _approve(settings: Settings, phases: Sequence[Any]) -> bool:
    if not terminal.can_ask(settings):
        raise click.UsageError("there is no terminal to ask on: add --auto-approve, or look first with --dry-run")
    expected, ceiling = (
        [getattr(phase, name).usd for phase in phases] for name in ("use", "ceiling")
    )
    shown = [
        None if any(each is None for each in amounts) else sum(amounts, Decimal(0)) for amounts in (expected, ceiling)
    ]
    return terminal.ask(settings, QUESTION.format(expected=render_usd(shown[0]), ceiling=render_usd(shown[1])))


def _answer(settings: Settings, document: dict[str, Any], code: ExitCode) -> int:
    write_result(settings, document)
    return code
