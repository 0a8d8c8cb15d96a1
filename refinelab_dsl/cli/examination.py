"""`refinec evaluate --models`: who is asked what, for how much at most, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import click
import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import ir
from refinelab_dsl.cli.bench import Held, Job, Limit, Price, hold, parse_limit
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model, Run
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.effects import Program, effect_key
from refinelab_dsl.evaluation.score import ABSENT
from refinelab_dsl.evaluation.styles import STYLES, TASKS, Style, ask_item, build_request, build_template
from refinelab_dsl.execute.examine import Examined
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.tokens import attempt_ceiling, price_usd, request_tokens
from refinelab_dsl.store import Store


@dataclass(frozen=True)
class Wanted:
    """What `--models` and the options beside it ask for."""

    models: tuple[Model, ...]
    styles: tuple[Style, ...]
    limit: Limit


@dataclass(frozen=True)
class Asked:
    """tables: style -> models x items, in the order of the items."""

    tables: Mapping[str, NDArray[np.int8]]
    held: Held


class StyleNames(click.ParamType):  # type: ignore[type-arg]
    """`plain,chain_of_thought`: names of styles, each once."""

    name = "styles"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Style, ...]:
        names = dict.fromkeys(part.strip() for part in str(value).split(","))
        for name in names:
            if name not in STYLES:
                near = nearest(name, list(STYLES))
                hint = f" (nearest: {', '.join(near)})" if near else f"; there are {', '.join(STYLES)}"
                self.fail(f"no style {name!r}{hint}", param, ctx)
        return tuple(STYLES[name] for name in names)


def settle_wanted(
    program: ir.Program, models: str, styles: Sequence[Style], budget: str | None
) -> Wanted | Diagnostic:
    """What is asked for, or what the spec lacks for it.

    Raises:
        click.UsageError: there is no budget, or it is none, or a price that it needs is unknown.
    """
    known = {model.name: model.unbatched() for model in program.models}
    names = tuple(dict.fromkeys(name.strip() for name in models.split(",")))
    for name in names:
        if name not in known:
            return faults.model_unknown(name, tuple(known), nearest(name, known))
    if program.dataset.item_task not in TASKS:
        return faults.task_unasked(program.dataset.item_task)
    chosen = tuple(known[name] for name in names)
    return Wanted(chosen, tuple(styles), parse_limit(budget, chosen))


def price_asking(wanted: Wanted, program: ir.Program, items: Sequence[Item], store: Store | None) -> Price:
    """What asking about these items takes, beside what the store holds."""
    calls = held = tokens_in = tokens = 0
    usd: Decimal | None = Decimal(0)
    for model in wanted.models:
        for style in wanted.styles:
            template = build_template(style, model)
            for item in items:
                for sample in range(style.samples):
                    request = build_request(
                        style, template, model, program.dataset.item_task, item, sample, program.seed
                    )
                    if store is not None and store.get(effect_key(request)) is not None:
                        held += 1
                        continue
                    calls += 1
                    tokens_in += request_tokens(request)
                    most_in, most_out = attempt_ceiling(request)
                    tokens += most_in + most_out
                    most = price_usd(model, most_in, most_out)
                    usd = None if usd is None or most is None else usd + most
    return Price(calls, held, tokens_in, tokens, usd)


def ask_models(
    settings: Settings, wanted: Wanted, program: ir.Program, project: Project, items: Sequence[Item], approved: bool
) -> Asked | tuple[ExitCode, Diagnostic] | None:
    """Asks, after saying what for and how much, and a `yes`; None where nobody said it.

    Raises:
        click.UsageError: there is nobody to ask for approval.
    """
    job = Job(
        models=wanted.models,
        limit=wanted.limit,
        settings=program.run or Run(),
        wanted={model.name: len(items) * len(wanted.styles) for model in wanted.models},
        price=lambda store: price_asking(wanted, program, items, store),
        describe=lambda price: render_price(wanted, price, len(items)),
        programs=lambda: [
            (model.name, _program(style, model, program, item))
            for style in wanted.styles for model in wanted.models for item in items
        ],
    )  # fmt: skip
    held = hold(settings, job, project, approved=approved)
    return Asked(_tabulate(wanted, held.examined, len(items)), held) if isinstance(held, Held) else held


def render_price(wanted: Wanted, price: Price, items: int) -> str:
    """What is about to be asked, a line of it money."""
    names = ", ".join(model.name for model in wanted.models)
    return (
        f"  asks      {names} about {items:,} items, {', '.join(style.name for style in wanted.styles)}\n"
        f"  calls     {price.calls:,}, {price.held:,} held; {price.input_tokens:,} tokens in\n"
        f"  at most   {price.tokens:,} tokens, {render_usd(price.usd)}; the budget is {wanted.limit.render()}"
    )


def _program(style: Style, model: Model, program: ir.Program, item: Item) -> Program[bool]:
    return ask_item(style, build_template(style, model), model, program.dataset.item_task, item, program.seed)


def _tabulate(wanted: Wanted, examined: Examined, items: int) -> dict[str, NDArray[np.int8]]:
    codes = np.array([ABSENT if each is None else int(each) for each in examined.results], dtype=np.int8)
    cube = codes.reshape(len(wanted.styles), len(wanted.models), items)
    return {style.name: cube[at] for at, style in enumerate(wanted.styles)}
