"""`refinec plan`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from refinelab_dsl import compiler
from refinelab_dsl.artifacts import plan_file
from refinelab_dsl.artifacts.lock_file import load_lock
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import DECISIONS, Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan import render
from refinelab_dsl.plan.binding import Binding, describe_binding
from refinelab_dsl.plan.cached import count_cached
from refinelab_dsl.plan.frontier import FrontierRow, describe_frontier
from refinelab_dsl.plan.pins import is_unchanged
from refinelab_dsl.plan.preview import Preview, build_preview_json, render_preview
from refinelab_dsl.plan.view import build_view
from refinelab_dsl.project import Project
from refinelab_dsl.solve import add_duals, trace_frontier

UNKNOWN_CODE = "RF5142"  # says that a pilot is to come first, as a preview does


class Dollars(click.ParamType):  # type: ignore[type-arg]
    """`3`, `3.00`, `$3.00`: an amount that is not negative."""

    name = "dollars"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            self.fail(f"{value!r} is no amount of dollars", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is no amount of dollars", param, ctx)
        return amount


@click.command("plan")
@click.argument("spec", required=False)
@shared_options("text", "json", "markdown", "github", "sarif", spec=True)
@click.option("-o", "--output", metavar="FILE", help="Save the plan, for `refinec apply FILE`.")
@click.option("--exit-code", is_flag=True, help="Exit with 10 if there is anything to do.")
@click.option("--frontier", is_flag=True, help="Also show what other budgets would buy: divergence against cost.")
@click.option("--max-cost", type=Dollars(), metavar="DOLLARS", help="Exit with 5 if more than this is expected.")
@click.option("--no-inventory", is_flag=True, help="Plan as if no earlier run had bought anything.")
@DECISIONS
def plan_command(
    settings: Settings,
    spec: str | None,
    output: str | None,
    exit_code: bool,
    frontier: bool,
    max_cost: Decimal | None,
    no_inventory: bool,
    decisions: str | None,
) -> int:
    """Solve SPEC and show the mix, the actions and their cost.

    SPEC is a file or the folder that holds it; default: the one *.refine of this folder. Nothing is spent, nobody is
    called, and nothing is written but the file of `-o`.

    --frontier solves the spec for a row of budgets, from nothing to what would be spent without a limit.

    --format github and sarif write what is wrong with the spec or its data, for a program that shows it beside the
    files, instead of the plan.
    """
    path = inputs.require_spec(spec)
    destination = Path(output) if output is not None else None
    if destination is not None:
        check_destination(destination)
    decided = inputs.read_decisions(settings, decisions, inventory=not no_inventory)
    if isinstance(decided, ExitCode):
        return decided
    options = inputs.build_options(settings, max_cost, inventory=not no_inventory, decisions=decided)
    planned = compiler.plan(path, options, destination)
    if planned.preview is not None and destination is None and not settings.is_annotated:
        write_preview(settings, planned.preview, planned.diagnostics)
        return ExitCode.WORK if exit_code else ExitCode.DONE
    write_plan(settings, planned, destination, frontier=frontier)
    if exit_code and planned.plan is not None and planned.exit_code == ExitCode.DONE and has_work(planned.plan):
        return ExitCode.WORK
    return planned.exit_code


def write_preview(settings: Settings, preview: Preview, found: Diagnostics) -> None:
    """What can be said before a pilot, in the form asked for; that there is no plan yet is no error of the spec."""
    other = Diagnostics(tuple(each for each in found if each.code != UNKNOWN_CODE), found.sources)
    terminal.report(settings, other)
    document = {**build_preview_json(preview), **terminal.document(other)}
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(render_preview(preview))


def write_plan(
    settings: Settings, planned: compiler.Planned, destination: Path | None = None, *, frontier: bool = False
) -> None:
    """The plan on standard output in the form asked for; what there is to say about it on standard error, or, where
    that was asked for, instead of the plan."""
    if settings.is_annotated:
        write_annotated(settings, planned, destination, frontier=frontier)
        return
    terminal.report(settings, planned.diagnostics)
    if planned.plan is not None:
        write_shown(settings, planned.plan, build_shown(planned, destination, frontier=frontier))
        return
    document = terminal.document(planned.diagnostics)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)


def write_annotated(
    settings: Settings, planned: compiler.Planned, destination: Path | None, *, frontier: bool = False
) -> None:
    """What there is to say about a plan on standard output; the plan itself where `--json-file` says."""
    terminal.write_annotations(settings, planned.diagnostics, planned.analysis.source.path)
    if planned.plan is None:
        terminal.save_json(settings, terminal.document(planned.diagnostics))
    else:
        shown = build_shown(planned, destination, frontier=frontier)
        terminal.save_json(settings, render.render_json(planned.plan, shown))
        terminal.say(settings, build_view(planned.plan, shown).headline)


def write_shown(settings: Settings, plan: PlanFile, shown: render.Shown) -> None:
    """A plan on standard output in the form asked for, and as JSON where `--json-file` says."""
    document = render.render_json(plan, shown)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    elif settings.format == "markdown":
        terminal.write(render.render_markdown(plan, shown))
    else:
        terminal.write(render.render_text(plan, shown, width=terminal.width_of(sys.stdout)))


def build_shown(planned: compiler.Planned, destination: Path | None, *, frontier: bool = False) -> render.Shown:
    """What only this call knows of the plan: the solver, its time, the file, what binds, other budgets."""
    answer = planned.assignment
    return render.Shown(
        binding=find_binding(planned),
        frontier=find_frontier(planned) if frontier else (),
        solver=answer.solver if answer else None,
        seconds=answer.seconds if answer else None,
        cached=count_replies(planned),
        locked=compare_lock(planned.plan, planned.analysis.project),
        saved_as=str(destination) if destination is not None and planned.plan is not None else None,
        diagnostics=planned.diagnostics,
    )


def find_binding(planned: compiler.Planned) -> tuple[Binding, ...]:
    """The limits that the plan runs into, and what moving them would be worth: some more solving."""
    program, problem, answer = planned.analysis.program, planned.problem, planned.assignment
    if planned.plan is None or program is None or problem is None or answer is None:
        return ()
    return describe_binding(program, problem, add_duals(problem, answer), planned.diagnostics.sources)


def find_frontier(planned: compiler.Planned) -> tuple[FrontierRow, ...]:
    """What a row of budgets would buy: as many solves."""
    if planned.plan is None or planned.problem is None or planned.assignment is None:
        return ()
    priced = planned.plan.header.usd.full is not None
    return describe_frontier(planned.problem, trace_frontier(planned.problem, planned.assignment), priced=priced)


def compare_lock(plan: PlanFile | None, project: Project) -> bool | None:
    """Whether the plan's data are those that the project's `refine.lock` pins; None where it pins none."""
    lock, _ = load_lock(project.lock)
    if plan is None or lock is None:
        return None
    pins = lock.specs.get(plan.header.spec_path)
    return None if pins is None else is_unchanged(pins, plan.header)


def count_replies(planned: compiler.Planned) -> Mapping[str, int] | None:
    """Operator -> attempts of the plan that the store of replies already answers."""
    program = planned.analysis.program
    if planned.plan is None or program is None:
        return None
    # Whether paths may leave the project was settled when the plan was made.
    return count_cached(planned.plan, planned.analysis.project, program.dataset.source, allow_outside=True)


def has_work(plan: PlanFile) -> bool:
    """Whether applying the plan would change anything."""
    return bool(plan.header.actions or plan.header.removals)


def check_destination(path: Path) -> None:
    """A plan may replace a plan, and nothing else.

    Raises:
        click.UsageError: something else stands there, or there is no such folder.
    """
    if path.is_dir():
        raise click.UsageError(f"-o {path}: that is a folder; name a file, such as {path / 'plan.refplan'}")
    if path.exists() and not path.is_file():  # a device or a pipe: renaming over /dev/null would take it from everybody
        raise click.UsageError(f"-o {path}: that is no regular file; a plan is saved as one")
    if path.exists() and path.stat().st_size and not plan_file.is_plan(path):
        raise click.UsageError(f"-o {path}: a file that is no plan stands there; it was left as it is")
    if not path.parent.is_dir():
        raise click.UsageError(f"-o {path}: there is no folder {path.parent}")
