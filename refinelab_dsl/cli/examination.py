"""`refinec evaluate --models`: who is asked what, for how much at most, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import ir, providers
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.compare import parse_budget
from refinelab_dsl.cli.consent import ask_trust
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.cli.progress import Scope, open_display
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model, Run
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.effects import Program, effect_key
from refinelab_dsl.evaluation.score import ABSENT
from refinelab_dsl.evaluation.styles import STYLES, TASKS, Style, ask_item, build_request, build_template
from refinelab_dsl.execute.examine import Bench, Examined, Unusable, examine
from refinelab_dsl.execute.journal import JournalError
from refinelab_dsl.execute.ledger import Amount
from refinelab_dsl.execute.lock import take_lock
from refinelab_dsl.execute.observe import RunOutcome
from refinelab_dsl.execute.telemetry import open_telemetry
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.tokens import attempt_ceiling, price_usd, request_tokens
from refinelab_dsl.store import Store, StoreError


@dataclass(frozen=True)
class Wanted:
    """What `--models` and the options beside it ask for. tokens, usd: the budget, in one of the two."""

    models: tuple[Model, ...]
    styles: tuple[Style, ...]
    tokens: int | None
    usd: Decimal | None


@dataclass(frozen=True)
class Price:
    """What asking comes to. calls: to be made; held: answers that the store has. input_tokens: expected; tokens, usd:
    at most, repairs included."""

    calls: int
    held: int
    input_tokens: int
    tokens: int
    usd: Decimal | None


@dataclass(frozen=True)
class Asked:
    """tables: style -> models x items, in the order of the items. fault: why not everything was answered."""

    tables: Mapping[str, NDArray[np.int8]]
    examined: Examined
    simulated: bool
    fault: tuple[ExitCode, tuple[Diagnostic, ...]] | None


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
    if budget is None:
        raise click.UsageError("asking models costs something: say how much at most, as --budget 400k or --budget '$2'")
    allowed = parse_budget(budget)
    if allowed is None or allowed.unit == "share":
        raise click.UsageError(f"--budget {budget!r} is no budget: tokens such as 400k, or dollars such as $2")
    chosen = tuple(known[name] for name in names)
    if allowed.unit == "usd":
        for model in chosen:
            if model.price is None:
                raise click.UsageError(f"--budget {budget}: the price of model `{model.name}` is unknown; limit tokens")
        return Wanted(chosen, tuple(styles), None, allowed.amount)
    return Wanted(chosen, tuple(styles), int(allowed.amount), None)


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
    ask_trust(settings, wanted.models, "the spec", os.environ)
    for model in wanted.models:
        distrust = providers.check_trust(model, os.environ)
        if distrust is not None:
            return ExitCode.UNAVAILABLE, distrust
    with ExitStack() as stack:
        try:
            project.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = take_lock(project.state)
            if isinstance(lock, Diagnostic):
                return ExitCode.LOCKED, lock
            stack.enter_context(lock)
            store = stack.enter_context(Store(project.store))
            price = price_asking(wanted, program, items, store)
            terminal.say(settings, render_price(wanted, price, len(items)))
            if price.calls and not approved and not _approve(settings, wanted, price):
                return None
            folder = _open_folder(project)
            programs = [
                (model.name, _program(style, model, program, item))
                for style in wanted.styles for model in wanted.models for item in items
            ]  # fmt: skip
            told: list[Diagnostic] = []
            with (
                open_display(
                    settings, Scope(ceiling=price.usd, word="answered"),
                    started=describe_start(wanted, price, len(items)),
                ) as display,
                open_telemetry(display, os.environ, told.append) as observer,
            ):
                bench = Bench(
                    wanted.models, store, folder / "journal.db", wanted.tokens, wanted.usd, program.run or Run(),
                    os.environ, observer,
                )  # fmt: skip
                examined = examine(programs, bench)
                fault = _find_fault(wanted, examined)
                display.end(_describe_end(fault))
            terminal.report(settings, Diagnostics(tuple(told)))
        except Unusable as unusable:
            return ExitCode.UNAVAILABLE, unusable.diagnostic
        except (StoreError, JournalError) as error:
            return ExitCode.UNAVAILABLE, run_faults.store_damaged(str(project.store), str(error))
        except OSError as error:
            reason = error.strerror or str(error)
            return ExitCode.UNAVAILABLE, run_faults.state_unwritable(str(project.state), reason)
    tables = _tabulate(wanted, examined, len(items))
    simulated = any(model.provider == "simulated" for model in wanted.models)
    return Asked(tables, examined, simulated, fault)


def render_price(wanted: Wanted, price: Price, items: int) -> str:
    """What is about to be asked, a line of it money."""
    names = ", ".join(model.name for model in wanted.models)
    limit = f"{wanted.tokens:,} tokens" if wanted.tokens is not None else render_usd(wanted.usd)
    return (
        f"  asks      {names} about {items:,} items, {', '.join(style.name for style in wanted.styles)}\n"
        f"  calls     {price.calls:,}, {price.held:,} held; {price.input_tokens:,} tokens in\n"
        f"  at most   {price.tokens:,} tokens, {render_usd(price.usd)}; the budget is {limit}"
    )


def describe_start(wanted: Wanted, price: Price, items: int) -> dict[str, Any]:
    """Of the event `started`: answers that are wanted of each model, and what they may take."""
    usd = None if price.usd is None else format(price.usd, "f")
    return {
        "wanted": {model.name: items * len(wanted.styles) for model in wanted.models},
        "tokens": {"expected": None, "ceiling": price.tokens}, "usd": {"expected": None, "ceiling": usd},
    }  # fmt: skip


def _describe_end(fault: tuple[ExitCode, tuple[Diagnostic, ...]] | None) -> RunOutcome:
    """As of a run; an evaluation has no number."""
    code = ExitCode.DONE if fault is None else fault[0]
    status = "complete" if fault is None else "partial" if code == ExitCode.BUDGET else "stopped"
    return RunOutcome(None, status, code, Diagnostics())


def dump_asked(asked: Asked) -> dict[str, Any]:
    """Of the JSON document: what was asked, and what it took."""
    spent = asked.examined.spent
    return {
        "calls": asked.examined.calls, "cached": asked.examined.cached, "tokens": spent.tokens,
        "usd": None if spent.usd is None else format(spent.usd, "f"), "failed": dict(asked.examined.failed),
        "simulated": asked.simulated,
    }  # fmt: skip


def list_notes(asked: Asked) -> tuple[str, ...]:
    """What there is to say about the asking."""
    spent = asked.examined.spent
    notes = [f"asked: {asked.examined.calls:,} calls, {spent.tokens:,} tokens, {render_usd(spent.usd)}"]
    failed = sum(asked.examined.failed.values())
    if failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(asked.examined.failed.items()))
        notes.append(f"without an answer: {failed:,} calls ({kinds}); their items are in no figure of that model")
    if asked.simulated:
        notes.append("simulated: replies were made by rule, not by a language model")
    return tuple(notes)


def _program(style: Style, model: Model, program: ir.Program, item: Item) -> Program[bool]:
    return ask_item(style, build_template(style, model), model, program.dataset.item_task, item, program.seed)


def _tabulate(wanted: Wanted, examined: Examined, items: int) -> dict[str, NDArray[np.int8]]:
    codes = np.array([ABSENT if each is None else int(each) for each in examined.results], dtype=np.int8)
    cube = codes.reshape(len(wanted.styles), len(wanted.models), items)
    return {style.name: cube[at] for at, style in enumerate(wanted.styles)}


def _find_fault(wanted: Wanted, examined: Examined) -> tuple[ExitCode, tuple[Diagnostic, ...]] | None:
    if examined.diagnostics:
        return ExitCode.UNAVAILABLE, examined.diagnostics
    if examined.needed is None:
        return None
    answered = sum(each is not None for each in examined.results)
    dry = faults.evaluation_dry(
        _render(examined.spent, wanted), _render(examined.needed, wanted),
        _render(Amount(wanted.tokens or 0, wanted.usd), wanted), answered, len(examined.results),
    )  # fmt: skip
    return ExitCode.BUDGET, (dry,)


def _render(amount: Amount, wanted: Wanted) -> str:
    return f"{amount.tokens:,} tokens" if wanted.tokens is not None else render_usd(amount.usd)


def _approve(settings: Settings, wanted: Wanted, price: Price) -> bool:
    if not terminal.can_ask(settings):
        raise click.UsageError("there is no terminal to ask on: add --auto-approve")
    return terminal.ask(settings, "Ask these models? Only `yes` starts it.")


def _open_folder(project: Project) -> Path:
    """A new folder for the journal of this evaluation."""
    place = project.state / "evaluations"
    taken = [int(each.name) for each in place.glob("[0-9]*") if each.name.isdigit()]
    folder = place / f"{max(taken, default=0) + 1:04d}"
    place.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder
