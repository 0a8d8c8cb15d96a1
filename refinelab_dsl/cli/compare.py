"""`refinec compare`."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import click

from refinelab_dsl import compiler, ir, syntax
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.counting import Advance, open_count
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan import contests, plot
from refinelab_dsl.plan.comparison import CONTENDERS, Allowance, Comparison, compare_strategies, lift_budget

STRATEGIES = "joint,greedy,additive,uniform"
BUDGETS = "10%,25%,50%,100%"
MOST_SHARE = 10  # a larger multiple of what is spent without a limit is a slip of the pen
FEWEST_TOKENS = 100  # fewer are rather a share without its sign
_HEADS = (b"\x89PNG", b"<?xml", b"<svg")


class StrategyNames(click.ParamType):  # type: ignore[type-arg]
    """`joint,greedy`: names of strategies, each once."""

    name = "strategies"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = [part.strip() for part in str(value).split(",")]
        for name in names:
            if name not in CONTENDERS:
                near = nearest(name, list(CONTENDERS))
                hint = f" (nearest: {', '.join(near)})" if near else f"; there are {', '.join(CONTENDERS)}"
                self.fail(f"no strategy {name!r}{hint}", param, ctx)
        return tuple(dict.fromkeys(names))


class Allowances(click.ParamType):  # type: ignore[type-arg]
    """`10%,400k,$2`: shares, tokens, dollars, in the literals of the language."""

    name = "budgets"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Allowance, ...]:
        found = []
        for part in dict.fromkeys(part.strip() for part in str(value).split(",")):
            budget = parse_budget(part)
            if budget is None:
                self.fail(f"{part!r} is no budget: a share such as 25%, tokens such as 400k, or dollars such as $2",
                          param, ctx)  # fmt: skip
            if budget.unit == "share" and budget.amount > MOST_SHARE:
                self.fail(f"{part!r} is more than {MOST_SHARE} times what is spent without a limit", param, ctx)
            found.append(budget)
        return tuple(found)


@click.command("compare")
@click.argument("spec", required=False)
@shared_options("text", "json", "markdown", spec=True)
@click.option("--strategies", type=StrategyNames(), default=STRATEGIES, show_default=True, metavar="NAMES",
              help="Which to compare; also greedy-static, joint-relaxed, additive-relaxed.")  # fmt: skip
@click.option("--budgets", type=Allowances(), default=BUDGETS, show_default=True, metavar="BUDGETS",
              help="Shares of what joint spends without a limit, tokens (400k) or dollars ($2).")  # fmt: skip
@click.option("--ablate", is_flag=True, help="Again without each operator.")
@click.option("--plot", "picture", metavar="FILE", help="Draw divergence against budget: FILE.svg or FILE.png.")
def compare_command(
    settings: Settings,
    spec: str | None,
    strategies: tuple[str, ...],
    budgets: tuple[Allowance, ...],
    ablate: bool,
    picture: str | None,
) -> int:
    """Solve SPEC with several strategies and budgets, and show what each would reach.

    All stand under the constraints of the spec. A share is of what the strategy joint spends without a budget; of
    tokens or dollars the reserve of the spec's budget is held back, as in a plan. Earlier runs are left out of account.
    Nothing is spent, nobody is called, and nothing is written but the file of --plot.
    """
    path = inputs.require_spec(spec)
    target = None if picture is None else Path(picture)
    if target is not None:
        check_picture(target)
    posed = compiler.pose(path, inputs.build_options(settings))
    program = posed.analysis.program
    if program is None or posed.problem is None or posed.estimates is None or posed.diagnostics.has_errors:
        terminal.refuse(settings, posed.diagnostics)
        return ExitCode.SPEC
    with open_count(settings, "contests") as advance:
        comparison, diagnostics = hold_contests(posed, program, strategies, budgets, advance, ablate=ablate)
    if comparison is None:
        terminal.refuse(settings, diagnostics)
        return ExitCode.INFEASIBLE
    terminal.report(settings, diagnostics)
    write_comparison(settings, comparison, path)
    if target is not None:
        terminal.save_bytes(target, plot.draw_comparison(comparison, target.suffix[1:].lower()))
        terminal.say(settings, f"Drawn in {terminal.near(target)}")
    return ExitCode.DONE if any(each.objective is not None for each in comparison.contests) else ExitCode.INFEASIBLE


def hold_contests(
    posed: compiler.Posed, program: ir.Program, strategies: tuple[str, ...], budgets: tuple[Allowance, ...],
    advance: Advance, *, ablate: bool,
) -> tuple[Comparison | None, Diagnostics]:  # fmt: skip
    """The comparison; None where there is no plan even without a budget, and why."""
    from refinelab_dsl import solve

    assert posed.problem is not None
    assert posed.estimates is not None
    problem = lift_budget(posed.problem)
    unlimited = solve.solve(problem, program.solve.solver)
    if not isinstance(unlimited, solve.Assignment):
        return None, posed.diagnostics.with_(solve.explain(program, problem, unlimited))
    comparison = compare_strategies(
        posed.problem,
        unlimited,
        strategies,
        budgets,
        priced=all(each.cost.usd is not None for each in posed.estimates.operators.values()),
        reserve=Decimal(0) if program.budget is None else program.budget.reserve,
        ablate=ablate,
        advance=advance,
    )
    return comparison, posed.diagnostics


def write_comparison(settings: Settings, comparison: Comparison, spec: Path) -> None:
    """On standard output in the form asked for, and as JSON where `--json-file` says."""
    document = contests.render_json(comparison, spec.name)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    elif settings.format == "markdown":
        terminal.write(contests.render_markdown(comparison))
    else:
        terminal.write(contests.render_text(comparison, terminal.width_of(sys.stdout)))


def parse_budget(text: str) -> Allowance | None:
    """`25%`, `400k`, `$2`, read as the language reads them; None for anything else."""
    _, tree, found = syntax.parse_bytes("--budgets", f"edition = 1\nbudget = {text}\n".encode())
    if found.has_errors or len(tree.statements) != 2 or not isinstance(tree.statements[1], syntax.Attribute):
        return None
    value = tree.statements[1].value
    if not isinstance(value, syntax.Literal) or not isinstance(value.value, Decimal) or value.value <= 0:
        return None
    match value.kind:
        case "percent":
            return Allowance("share", value.value, text)
        case "money":
            return Allowance("usd", value.value, text)
        case "count" | "number" if value.value == value.value.to_integral_value() and value.value >= FEWEST_TOKENS:
            return Allowance("tokens", value.value, text)
    return None


def check_picture(path: Path) -> None:
    """Before anything is solved: whether the picture can be drawn and written.

    Raises:
        click.UsageError: another ending, no matplotlib, no such folder, or something else than a picture stands there.
    """
    if path.suffix.lower() not in {f".{kind}" for kind in plot.FORMATS}:
        raise click.UsageError(f"--plot {path}: name a file that ends in .svg or .png")
    if not plot.is_installed():
        raise click.UsageError("pictures need the extra `plot`: pip install 'refinec[plot]'")
    if not path.parent.is_dir():
        raise click.UsageError(f"--plot {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise click.UsageError(f"--plot {path}: that is a folder")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as stream:
            if not stream.read(8).startswith(_HEADS):
                raise click.UsageError(f"--plot {path}: a file that is no picture stands there; it was left as it is")
