"""Asking models outside of a run, as `refinec evaluate` does: said what for and how much, approved, within a budget."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from refinelab_dsl import providers
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.compare import parse_budget
from refinelab_dsl.cli.consent import ask_trust
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.cli.progress import Scope, open_display
from refinelab_dsl.declarations import Model, Run
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.effects import Program
from refinelab_dsl.execute.examine import Bench, Examined, Unusable, examine
from refinelab_dsl.execute.halt import SIGNALLED
from refinelab_dsl.execute.journal import JournalError
from refinelab_dsl.execute.ledger import Amount
from refinelab_dsl.execute.lock import take_lock
from refinelab_dsl.execute.observe import RunOutcome
from refinelab_dsl.execute.telemetry import open_telemetry
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.project import Project
from refinelab_dsl.store import Store, StoreError


@dataclass(frozen=True)
class Limit:
    """A budget, in one of the two."""

    tokens: int | None
    usd: Decimal | None

    def render(self) -> str:
        return f"{self.tokens:,} tokens" if self.tokens is not None else render_usd(self.usd)

    def render_amount(self, amount: Amount) -> str:
        """An amount in the budget's unit."""
        return f"{amount.tokens:,} tokens" if self.tokens is not None else render_usd(amount.usd)


@dataclass(frozen=True)
class Price:
    """What asking comes to. calls: to be made; held: answers that the store has; input_tokens: expected. tokens, usd:
    at most, repairs included. most_calls: where it is not known before how many are needed, the most."""

    calls: int
    held: int
    input_tokens: int
    tokens: int
    usd: Decimal | None
    most_calls: int | None = None


@dataclass(frozen=True)
class Job:
    """What is to be asked.

    models: all that are called. wanted: name of a model -> programs that are counted as its. price: by what the store
    holds. describe: the lines that say what is about to be asked. programs: each with the name of a model of `wanted`.
    """

    models: tuple[Model, ...]
    limit: Limit
    settings: Run
    wanted: dict[str, int]
    price: Callable[[Store], Price]
    describe: Callable[[Price], str]
    programs: Callable[[], Sequence[tuple[str, Program[Any]]]]
    question: str = "Ask these models? Only `yes` starts it."


@dataclass(frozen=True)
class Held:
    """What came of a job. fault: why not everything was answered."""

    examined: Examined
    simulated: bool
    fault: tuple[ExitCode, tuple[Diagnostic, ...]] | None


def parse_limit(budget: str | None, models: Sequence[Model]) -> Limit:
    """The budget of `--budget`.

    Raises:
        click.UsageError: there is none, or it is none, or a price that it needs is unknown.
    """
    if budget is None:
        raise click.UsageError("asking models costs something: say how much at most, as --budget 400k or --budget '$2'")
    allowed = parse_budget(budget)
    if allowed is None or allowed.unit == "share":
        raise click.UsageError(f"--budget {budget!r} is no budget: tokens such as 400k, or dollars such as $2")
    if allowed.unit == "usd":
        for model in models:
            if model.price is None:
                raise click.UsageError(f"--budget {budget}: the price of model `{model.name}` is unknown; limit tokens")
        return Limit(None, allowed.amount)
    return Limit(int(allowed.amount), None)


def hold(
    settings: Settings, job: Job, project: Project, *, approved: bool
) -> Held | tuple[ExitCode, Diagnostic] | None:
    """Asks, after saying what for and how much, and a `yes`; None where nobody said it.

    Raises:
        click.UsageError: there is nobody to ask for approval.
    """
    ask_trust(settings, job.models, "the spec", os.environ)
    for model in job.models:
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
            price = job.price(store)
            terminal.say(settings, job.describe(price))
            if price.calls and not approved:
                if not terminal.can_ask(settings):
                    raise click.UsageError("there is no terminal to ask on: add --auto-approve")
                if not terminal.ask(settings, job.question):
                    return None
            folder = _open_folder(project)
            told: list[Diagnostic] = []
            with (
                open_display(
                    settings, Scope(ceiling=price.usd, word="answered"), started=_describe_start(job, price)
                ) as display,
                open_telemetry(display, os.environ, told.append) as observer,
            ):
                bench = Bench(
                    job.models, store, folder / "journal.db", job.limit.tokens, job.limit.usd, job.settings,
                    os.environ, observer,
                )  # fmt: skip
                examined = examine(job.programs(), bench)
                fault = _find_fault(job.limit, examined)
                display.end(_describe_end(fault))
            terminal.report(settings, Diagnostics(tuple(told)))
        except Unusable as unusable:
            return ExitCode.UNAVAILABLE, unusable.diagnostic
        except (StoreError, JournalError) as error:
            return ExitCode.UNAVAILABLE, run_faults.store_damaged(str(project.store), str(error))
        except OSError as error:
            reason = error.strerror or str(error)
            return ExitCode.UNAVAILABLE, run_faults.state_unwritable(str(project.state), reason)
    return Held(examined, any(model.provider == "simulated" for model in job.models), fault)


def dump_held(held: Held) -> dict[str, Any]:
    """Of the JSON document: what was asked, and what it took."""
    spent = held.examined.spent
    return {
        "calls": held.examined.calls, "cached": held.examined.cached, "tokens": spent.tokens,
        "usd": None if spent.usd is None else format(spent.usd, "f"), "failed": dict(held.examined.failed),
        "simulated": held.simulated,
    }  # fmt: skip


def list_notes(held: Held, lost: str = "their items are in no figure of that model") -> tuple[str, ...]:
    """What there is to say about the asking. lost: what calls without an answer mean."""
    spent = held.examined.spent
    notes = [f"asked: {held.examined.calls:,} calls, {spent.tokens:,} tokens, {render_usd(spent.usd)}"]
    failed = sum(held.examined.failed.values())
    if failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(held.examined.failed.items()))
        notes.append(f"without an answer: {failed:,} calls ({kinds}); {lost}")
    if held.simulated:
        notes.append("simulated: replies were made by rule, not by a language model")
    return tuple(notes)


def _describe_start(job: Job, price: Price) -> dict[str, Any]:
    """Of the event `started`: answers that are wanted of each model, and what they may take."""
    usd = None if price.usd is None else format(price.usd, "f")
    return {
        "wanted": job.wanted,
        "tokens": {"expected": None, "ceiling": price.tokens}, "usd": {"expected": None, "ceiling": usd},
    }  # fmt: skip


def _describe_end(fault: tuple[ExitCode, tuple[Diagnostic, ...]] | None) -> RunOutcome:
    """As of a run; an evaluation has no number."""
    code = ExitCode.DONE if fault is None else fault[0]
    known = {ExitCode.DONE: "complete", ExitCode.BUDGET: "partial"} | dict.fromkeys(SIGNALLED.values(), "interrupted")
    status = known.get(code, "stopped")
    return RunOutcome(None, status, code, Diagnostics())


def _find_fault(limit: Limit, examined: Examined) -> tuple[ExitCode, tuple[Diagnostic, ...]] | None:
    for reason, code in SIGNALLED.items():
        if reason in examined.reasons:
            return code, examined.diagnostics
    if examined.diagnostics:
        return ExitCode.UNAVAILABLE, examined.diagnostics
    if examined.needed is None:
        return None
    answered = sum(each is not None for each in examined.results)
    dry = faults.evaluation_dry(
        limit.render_amount(examined.spent), limit.render_amount(examined.needed),
        limit.render_amount(Amount(limit.tokens or 0, limit.usd)), answered, len(examined.results),
    )  # fmt: skip
    return ExitCode.BUDGET, (dry,)


def _open_folder(project: Project) -> Path:
    """A new folder for the journal of this evaluation."""
    place = project.state / "evaluations"
    taken = [int(each.name) for each in place.glob("[0-9]*") if each.name.isdigit()]
    folder = place / f"{max(taken, default=0) + 1:04d}"
    place.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder
