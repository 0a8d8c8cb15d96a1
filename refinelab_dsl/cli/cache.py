"""`refinec cache`: what the store of replies holds, and how it is made smaller."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from refinelab_dsl.cli import stock, terminal
from refinelab_dsl.cli.options import Settings, global_options, shared_options
from refinelab_dsl.diagnostics.catalog import housekeeping as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.lock import take_lock
from refinelab_dsl.execute.uses import Loss, Use, find_losses, find_uses
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.store import Kept, Store, StoreError

RETENTION = "90d"
"""How long `gc` keeps what nothing needs, unless told."""

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LEAST = 4  # hex digits of a hash


class Age(click.ParamType):  # type: ignore[type-arg]
    """`90d`, `12h`: as seconds."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(rf"(\d{{1,6}})({'|'.join(_UNITS)})", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no age: write 90d, 12h or 30min", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds()


@dataclass(frozen=True)
class Choice:
    """Which replies are meant; None means any. key: the beginning of a hash. older_than: seconds. run: a run's number.
    unused: only what no run and no evaluation was told."""

    key: str | None = None
    provider: str | None = None
    model: str | None = None
    template: str | None = None
    older_than: float | None = None
    run: int | None = None
    unused: bool = False

    def covers(self, kept: Kept, uses: tuple[Use, ...], now: float) -> bool:
        origin = kept.origin
        return (
            (self.key is None or any(each.startswith(self.key) for each in (kept.hash, *kept.keys)))
            and self.provider in (None, origin.provider)
            and self.model in (None, origin.model)
            and self.template in (None, origin.template)
            and (self.older_than is None or kept.stored_at <= now - self.older_than)
            and (self.run is None or any(
                use.kind == "run" and use.number == self.run and kept.hash in use.replies for use in uses
            ))
            and (not self.unused or not any(use.needs(kept) for use in uses))
        )  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """What is about to be taken out. size: bytes."""

    hashes: tuple[str, ...]
    size: int
    losses: tuple[Loss, ...]
    total: int
    faults: tuple[Diagnostic, ...]


class Unfit(Exception):
    """The command cannot be done."""

    def __init__(self, code: ExitCode, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.code = code
        self.diagnostic = diagnostic


def _choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed((
        click.option("--provider", metavar="NAME", help="Of this provider, as specs name it."),
        click.option("--model", metavar="ID", help="Of the model with this id."),
        click.option("--template", metavar="NAME", help="To the prompt of this operator, validator or measure."),
        click.option("--older-than", type=Age(), metavar="AGE", help="Stored so long ago: 90d, 12h, 30min."),
        click.option("--run", type=click.IntRange(min=1), metavar="RUN", help="That this run was told."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.group("cache")
@global_options
@click.pass_context
def cache_command(context: click.Context, /, **options: Any) -> None:
    """The store of replies: all that was bought, so that it is not bought again."""
    given = {name: value for name, value in options.items() if value not in (None, False, 0)}
    context.obj = {**(context.obj or {}), **given}


@cache_command.command("ls")
@shared_options("text", "json")
@_choosing
@click.option("--unused", is_flag=True, help="That no run and no evaluation was told.")
@click.option("--entries", is_flag=True, help="A line for each reply.")
def ls_command(settings: Settings, unused: bool, entries: bool, **chosen: Any) -> int:
    """What the store holds: replies and bytes by model, prompt, age and run. Reads only, also beside a run."""
    project = find_project(Path.cwd())
    choice = Choice(unused=unused, **chosen)
    try:
        _require_run(project, choice.run)
        uses = find_uses(project)
        now = time.time()
        with _open_store(project) as store:
            kept = () if store is None else (each for each in store.kept() if choice.covers(each, uses, now))
            listing = stock.build_listing(kept, uses, now, with_entries=entries)
    except Unfit as unfit:
        return _refuse(settings, unfit)
    except StoreError as error:
        return _refuse(settings, _damaged(project, error))
    document = terminal.document(Diagnostics(), **stock.dump_listing(listing))
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(stock.render_listing(listing, terminal.near(project.store), entries=entries))
    return ExitCode.DONE


@cache_command.command("rm")
@click.argument("key", required=False)
@shared_options("text", "json")
@_choosing
@click.option("--dry-run", is_flag=True, help="Say what would go; take nothing out.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def rm_command(settings: Settings, key: str | None, dry_run: bool, auto_approve: bool, **chosen: Any) -> int:
    """Take replies out of the store: the one whose hash begins with KEY, or all that the options tell.

    Several options mean what all of them mean. Says which runs lose what, and asks: a run that lost replies can no
    longer be replayed, and what it goes on with is bought again.
    """
    if key is None and all(value is None for value in chosen.values()):
        raise click.UsageError("say which replies: a KEY, --model, --template, --older-than, --run; all: cache purge")
    if key is not None and not re.fullmatch(rf"[0-9a-f]{{{_LEAST},64}}", key.lower()):
        raise click.UsageError(f"KEY is a hash, or at least {_LEAST} hex digits of one; `cache ls --entries` shows it")
    choice = Choice(key=None if key is None else key.lower(), **chosen)
    return _take_out(settings, choice, dry_run=dry_run, asks=not auto_approve)


@cache_command.command("gc")
@shared_options("text", "json")
@click.option("--older-than", type=Age(), default=RETENTION, show_default=True, metavar="AGE",
              help="The retention time: what was stored later stays.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would go; take nothing out.")
def gc_command(settings: Settings, older_than: float, dry_run: bool) -> int:
    """Take out what no run and no evaluation needs, once it is older than the retention time.

    Nothing that can be replayed, resumed or looked at changes, so this does not ask. Where it cannot be told what a run
    needs, nothing is taken out.
    """
    return _take_out(settings, Choice(older_than=older_than, unused=True), dry_run=dry_run, asks=False)


@cache_command.command("purge")
@shared_options("text", "json")
@click.option("--dry-run", is_flag=True, help="Say what would go; take nothing out.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def purge_command(settings: Settings, dry_run: bool, auto_approve: bool) -> int:
    """Take every reply out of the store, and every trace of their texts out of its file.

    Outputs, logs and evidence stay; no run can be replayed or resumed for nothing afterwards.
    """
    return _take_out(settings, Choice(), dry_run=dry_run, asks=not auto_approve)


def _take_out(settings: Settings, choice: Choice, *, dry_run: bool, asks: bool) -> int:
    project = find_project(Path.cwd())
    try:
        _require_run(project, choice.run)
        if not project.store.exists():
            if choice.key is not None:
                raise Unfit(ExitCode.USAGE, faults.reply_unclear(choice.key, 0, str(project.store)))
            return _answer(settings, Removal((), 0, (), 0, ()), 0, dry_run=dry_run)
        with _hold_lock(project), Store(project.store) as store:
            removal = _choose(project, store, choice)
            if removal.hashes and not dry_run:
                if asks and not _approve(settings, removal):
                    terminal.complain("nothing was taken out")
                    return ExitCode.INTERRUPTED
                store.remove(removal.hashes)
                store.compact()
            return _answer(settings, removal, store.count(), dry_run=dry_run)
    except Unfit as unfit:
        return _refuse(settings, unfit)
    except StoreError as error:
        return _refuse(settings, _damaged(project, error))


def _choose(project: Project, store: Store, choice: Choice) -> Removal:
    """The replies that are meant, and what their going means to others."""
    uses = find_uses(project)
    unknown = tuple(faults.uses_unreadable(use.title, str(use.fault[0]), use.fault[1]) for use in uses if use.fault)
    if choice.unused and unknown:
        raise Unfit(ExitCode.UNAVAILABLE, unknown[0])
    now, size, hashes, total = time.time(), 0, list[str](), 0
    for kept in store.kept():
        total += 1
        if choice.covers(kept, uses, now):
            hashes.append(kept.hash)
            size += kept.size
    if choice.key is not None and len(hashes) != 1:
        raise Unfit(ExitCode.USAGE, faults.reply_unclear(choice.key, len(hashes), str(project.store)))
    losses = find_losses(uses, store.kept(), frozenset(hashes)) if hashes and not choice.unused else ()
    warnings = tuple(replace(each, severity="warning") for each in unknown) if hashes else ()
    return Removal(tuple(hashes), size, losses, total, warnings)


def _approve(settings: Settings, removal: Removal) -> bool:
    """Whether a person said `yes`.

    Raises:
        click.UsageError: there is nobody to ask.
    """
    if not terminal.can_ask(settings):
        raise click.UsageError("there is no terminal to ask on: add --auto-approve, or look first with --dry-run")
    terminal.report(settings, Diagnostics(removal.faults))
    question = stock.render_question(len(removal.hashes), removal.size, removal.total, removal.losses)
    return terminal.ask(settings, question)


def _answer(settings: Settings, removal: Removal, left: int, *, dry_run: bool) -> int:
    document = terminal.document(
        Diagnostics(removal.faults), dry_run=dry_run, removed=len(removal.hashes), bytes=removal.size,
        left=removal.total - len(removal.hashes) if dry_run else left, loses=[loss.dump() for loss in removal.losses],
    )  # fmt: skip
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
        return ExitCode.DONE
    terminal.report(settings, Diagnostics(removal.faults))
    verb = "would take out" if dry_run else "took out"
    lines = [f"{verb} {stock.count_replies(len(removal.hashes), removal.size)}; {document['left']:,} stay"]
    lines += stock.render_losses(removal.losses)
    terminal.write("\n".join(lines) + "\n")
    return ExitCode.DONE


@contextmanager
def _hold_lock(project: Project) -> Iterator[None]:
    """While it lasts no run is at work.

    Raises:
        Unfit: one is, or nothing can be written here.
    """
    try:
        lock = take_lock(project.state)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Unfit(ExitCode.UNAVAILABLE, run_faults.state_unwritable(str(project.state), reason)) from None
    if isinstance(lock, Diagnostic):
        raise Unfit(ExitCode.LOCKED, lock)
    with lock:
        yield


@contextmanager
def _open_store(project: Project) -> Iterator[Store | None]:
    """None where there is none: looking makes no file."""
    if not project.store.exists():
        yield None
        return
    with Store(project.store, is_read=True) as store:
        yield store


def _require_run(project: Project, number: int | None) -> None:
    if number is not None and runs.find_run(project, number) is None:
        known = tuple(each.number for each in runs.find_runs(project))
        raise Unfit(ExitCode.USAGE, run_faults.run_unknown(number, known))


def _damaged(project: Project, error: StoreError) -> Unfit:
    return Unfit(ExitCode.UNAVAILABLE, run_faults.store_damaged(str(project.store), str(error)))


def _refuse(settings: Settings, unfit: Unfit) -> int:
    terminal.refuse(settings, Diagnostics((unfit.diagnostic,)))
    return unfit.code
