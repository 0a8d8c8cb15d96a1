"""`refinec apply` of a spec with a loop: consent to its command and to its budget, then round after round."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs, records, terminal
from refinelab_dsl.cli.consent import ask_trust
from refinelab_dsl.cli.events import write_result
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.cli.progress import Scope, open_display
from refinelab_dsl.data.corpora import list_corpora, list_sources
from refinelab_dsl.diagnostics.catalog import loop as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.loops import LoopFolder, LoopRecord
from refinelab_dsl.execute.observe import RunOptions
from refinelab_dsl.execute.rounds import Task, run_rounds
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.ir import Program
from refinelab_dsl.plan import outcome as outcomes
from refinelab_dsl.plan.figures import count_of, render_tokens, render_usd
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.replanning import build_plan_round

QUESTION = """
Do you want to run this command, and make the calls that follow from what it writes?
  They cost at most {most}, all rounds together. Only `yes` is accepted."""
REASONS = {
    "rounds": "all its rounds are done",
    "budget": "the budget is used up",
    "stop_when": "`stop_when` holds",
    "infeasible": "no plan of a further round keeps to what is left of the budget, and to the constraints",
    "no gain": "the last round had nothing to change",
}


def apply_loop(
    settings: Settings, options: RunOptions, spec: Path, analysis: compiler.Analysis, *, auto_approve: bool,
    allow_exec: bool, inventory: bool, resumed: tuple[LoopFolder, LoopRecord] | None = None,
) -> int:
    """Runs the loop of a spec, or goes on with `resumed`, which was approved when it began."""
    program = analysis.program
    assert program is not None
    assert program.loop is not None
    refused: tuple[Any, ...] = tuple(compiler.refuse_unexecutable(program))
    if not refused and not allow_exec:
        span = program.origins.get("loop.command")
        refused = (faults.exec_not_allowed(program.loop.command, span),)
    if refused:
        found = analysis.diagnostics.with_(refused)
        terminal.report(settings, found)
        write_result(settings, terminal.document(found))
        return ExitCode.USAGE if not allow_exec else ExitCode.SPEC
    terminal.report(settings, analysis.diagnostics)
    if settings.format == "text" and not settings.quiet:
        terminal.complain("\n".join(describe_loop(program)))
    if resumed is None and not auto_approve:
        if not terminal.can_ask(settings):
            raise click.UsageError("there is no terminal to ask on: add --auto-approve")
        if not terminal.ask(settings, QUESTION.format(most=_render_budget(program))):
            terminal.complain("apply cancelled: nothing was run, nothing was called, nothing was written")
            return ExitCode.INTERRUPTED
    given = inputs.build_options(settings, inventory=inventory)
    if resumed is not None:
        given = replace(given, variables={**resumed[1].variables, **given.variables})
        options = replace(options, allow_outside=options.allow_outside or resumed[1].allow_outside)
        given = replace(given, allow_outside=options.allow_outside)
    ask_trust(settings, (*program.models, *program.embeddings), compiler.name_spec(analysis), options.environ)
    corpora = list_sources(list_corpora(program.operators, program.validators, program.datasets))
    signals = next(each for each in program.datasets if each.name == program.loop.signals)
    task = Task(
        program.loop, program.name, compiler.name_spec(analysis), program.dataset, signals,
        given.variables, list_secrets(program), build_plan_round(spec, given),
    )
    options = replace(options, corpora=corpora, replan=None)
    with open_display(settings, Scope()) as display:
        result = run_rounds(task, analysis.project, options, display, None if resumed is None else resumed[0])
    terminal.report(settings, result.diagnostics)
    if settings.format == "text":
        _write_text(result.head, analysis.project)
    write_result(settings, {**result.head, **terminal.document(result.diagnostics)})
    return result.exit_code


def resume_loop(
    settings: Settings, options: RunOptions, folder: LoopFolder, record: LoopRecord, *, allow_exec: bool
) -> int:
    """Goes on with an unfinished loop, by its spec as it is now: what kept it from going on may stand there."""
    spec = find_project(Path.cwd()).root / record.spec_path
    found = Diagnostics((faults.loop_stale(folder.number, record.spec_path),))
    if spec.is_file():
        if spec.resolve().is_relative_to(Path.cwd().resolve()):
            spec = Path(os.path.relpath(spec))
        given = inputs.build_options(settings)
        analysis = compiler.analyze(spec, replace(given, variables={**record.variables, **given.variables}))
        if analysis.program is not None and analysis.program.loop is not None:
            return apply_loop(
                settings, options, spec, analysis, auto_approve=True, allow_exec=allow_exec, inventory=True,
                resumed=(folder, record),
            )
        found = analysis.diagnostics.with_(found)
    terminal.report(settings, found)
    write_result(settings, terminal.document(found))
    return ExitCode.STALE


def describe_loop(program: Program) -> list[str]:
    """What a loop will do, for who is to allow it."""
    loop = program.loop
    assert loop is not None
    command = escape(faults.render_command(loop.command))
    return [
        f"  loop     at most {count_of(loop.rounds, 'round')}, each with `{command}`",
        f"  runs     on this machine, as you, {loop.timeout:g} s at most; is given the items, writes `{loop.signals}`",
        f"  budget   {_render_budget(program)}, all rounds together",
    ]


def list_secrets(program: Program) -> frozenset[str]:
    """The variables of the environment that hold keys of the spec: providers see them, and a command does not."""
    keys = (*(model.api_key for model in program.models), *(each.api_key for each in program.embeddings))
    return frozenset(key for key in keys if key is not None)


def _render_budget(program: Program) -> str:
    budget = program.budget
    parts = []
    if budget is not None and budget.cost is not None:
        parts.append(render_usd(budget.cost))
    if budget is not None and budget.tokens is not None:
        parts.append(f"{render_tokens(budget.tokens)} tokens")
    if budget is not None and budget.tokens_of_full_cost is not None:
        parts.append(f"{budget.tokens_of_full_cost:g} of the full cost of the first round, in tokens")
    return " and ".join(parts) or "nothing"


def _write_text(head: Any, project: Project) -> None:
    loop = head.get("loop") or {}
    folder = None if head.get("run") is None else runs.find_run(project, head["run"])
    plan = None if folder is None else PlanFile.open(folder.plan)[0]
    if folder is not None and plan is not None and head.get("size"):
        shown = records.place_files({**head, "loop": loop.get("loop")}, project, folder)
        terminal.write(outcomes.render_outcome(shown, plan.header, width=terminal.width_of(sys.stdout)))
    lines = [f"Loop {loop.get('loop')}: {REASONS.get(str(loop.get('reason')), loop.get('status'))}"]
    for entry in loop.get("rounds") or ():
        made = "not over" if entry["accepted"] is None else count_of(entry["accepted"], "change")
        trained = "" if entry["seconds"] is None else f"command {entry['seconds']:.1f} s, "
        run = "" if entry["run"] is None else f"run {entry['run']}, "
        lines.append(f"  round {entry['round']}   {trained}{run}{made}, {render_tokens(entry['tokens'])} tokens so far")
    terminal.write("\n".join(lines) + "\n")
