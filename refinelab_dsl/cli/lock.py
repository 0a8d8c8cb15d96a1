"""`refinec lock`: pins what specs depend on in `refine.lock`, and checks that they still do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click

from refinelab_dsl import __version__, compiler
from refinelab_dsl.artifacts.lock_file import Lock, PricePin, SpecPins, dump_lock, load_lock, price_key, save_lock
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import lock as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project

UNKNOWN_PRICE = "RF2221"
"""The one error that `--update-prices` may repair: what it needs is the price that it is about to look up."""


@dataclass(frozen=True)
class Change:
    """One pin that came, changed or went."""

    change: Literal["added", "changed", "removed"]
    spec: str
    what: str
    was: str | None
    now: str | None


@click.command("lock")
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@shared_options("text", "json", spec=True)
@click.option("--check", is_flag=True, help="Write nothing; exit with 6 if a pin is stale.")
@click.option("--update-prices", is_flag=True, help="Pin today's list prices of models whose spec states none.")
def lock_command(settings: Settings, specs: tuple[str, ...], check: bool, update_prices: bool) -> int:
    """Pin what SPECs depend on in refine.lock, at the project's root, to be kept under git.

    Pinned are the bytes of the data files, the texts of prompts (refinec's own, too), imports and tables, the models
    and the prices that their spec leaves open. Default: the specs that are pinned already, else the one *.refine of
    this folder. List prices come with the package genai-prices, not over the network.
    """
    if check and update_prices:
        raise click.UsageError("--check writes nothing, so it cannot update prices")
    paths, project = find_targets(specs)
    lock, problems = load_lock(project.lock)
    if problems:
        terminal.refuse(settings, Diagnostics(problems))
        return ExitCode.SPEC
    before = lock or Lock()
    gone = () if specs else tuple(name for name in sorted(before.specs) if not (project.root / name).is_file())
    if not paths:
        known = [_near(project.root / name) for name in before.specs if name not in gone]
        paths = known or ([] if gone else [inputs.find_only_spec(Path())])
    options = replace(inputs.build_options(settings), lock=before)
    prices, found = dict(before.prices), Diagnostics()
    if update_prices:
        prices, found = look_up_prices(paths, options, prices)
        options = replace(options, lock=before.model_copy(update={"prices": prices}))
    pins: dict[str, SpecPins] = {}
    for path in paths:
        pinned, more = pin_spec(path, options, project)
        found = found.with_(more, more.sources)
        if pinned is not None:
            pins[name_spec(path, project)] = pinned
    if found.has_errors:
        terminal.refuse(settings, found)
        return ExitCode.SPEC
    changes = [*compare_specs(before, pins, gone), *compare_prices(before.prices, prices)]
    if check:
        return report_check(settings, project, changes, found)
    kept = {name: each for name, each in before.specs.items() if name not in gone}
    after = Lock(refinec=__version__, specs={**kept, **pins}, runs=before.runs)
    used = set(_keys_of(after))
    after = after.model_copy(update={"prices": {name: pin for name, pin in prices.items() if name in used}})
    changes = [*compare_specs(before, pins, gone), *compare_prices(before.prices, after.prices)]
    is_new = lock is None or dump_lock(lock) != dump_lock(after)
    if is_new:
        try:
            save_lock(project.lock, after)
        except OSError as error:
            refusal = faults.lock_unreadable(terminal.near(project.lock), error.strerror or type(error).__name__)
            terminal.refuse(settings, Diagnostics((refusal,)))
            return ExitCode.SPEC
    terminal.report(settings, found)
    write_changes(settings, project, changes, found)
    what = "written" if is_new else "as it was"
    terminal.say(settings, f"{terminal.near(project.lock)} {what}: {_count(len(after.specs), 'spec')}")
    return ExitCode.DONE


def find_targets(specs: Sequence[str]) -> tuple[list[Path], Project]:
    """The named specs, and the project whose lock pins them.

    Raises:
        click.UsageError: a spec is not there, or they lie in several projects.
    """
    paths = []
    for text in specs:
        given = inputs.find_given(text)
        if given.kind == "plan":
            raise click.UsageError(f"{given.path} is a saved plan; a lock pins specs")
        paths.append(given.path)
    projects = {find_project(path.parent).root: find_project(path.parent) for path in paths}
    if len(projects) > 1:
        raise click.UsageError("the specs lie in several projects; each has a refine.lock of its own")
    return paths, next(iter(projects.values()), find_project(Path()))


def pin_spec(path: Path, options: compiler.Options, project: Project) -> tuple[SpecPins | None, Diagnostics]:
    """The pins of a spec as things are now, or what is wrong with it or its data."""
    from refinelab_dsl.plan.pins import build_pins

    analysis = compiler.analyze(path, options)
    if analysis.program is None or analysis.bindings is None:
        return None, Diagnostics(analysis.diagnostics.errors, analysis.diagnostics.sources)
    pins, found = build_pins(
        analysis.program, analysis.source, analysis.bindings.sources.values(), analysis.project,
        allow_outside=options.allow_outside,
    )  # fmt: skip
    problems = Diagnostics(found, analysis.diagnostics.sources)
    return (None if problems.has_errors else pins), problems


def look_up_prices(
    paths: Sequence[Path], options: compiler.Options, prices: dict[str, PricePin]
) -> tuple[dict[str, PricePin], Diagnostics]:
    """The pinned prices with today's list prices in them, and what there is to say about models. A price whose figures
    did not change keeps its date.

    Raises:
        click.UsageError: the list is not installed.
    """
    from refinelab_dsl.plan import list_prices

    if not list_prices.is_installed():
        raise click.UsageError("list prices need the extra `prices`: pip install 'refinec[prices]'")
    today = datetime.now(UTC)
    found = Diagnostics()
    prices = dict(prices)
    for path in paths:
        analysis = compiler.analyze(path, options)
        errors = [each for each in analysis.diagnostics.errors if each.code != UNKNOWN_PRICE]
        if errors or analysis.bindings is None:
            continue  # told when it is pinned
        said: list[Diagnostic] = []
        for model in analysis.bindings.draft.all("model"):
            provider, name, url = model.get("provider"), model.get("id"), model.get("base_url")
            if provider != "openai" or not name:
                continue
            listed = list_prices.find_price(provider, name, url, today)
            stated = model.get("price")
            if listed.pin is None:
                if stated is None:
                    said.append(faults.price_not_listed(model.name, listed.why, model.block.header_span))
            elif stated is None:
                key = price_key(url, name)
                known = prices.get(key)
                if known is None or known.figures != listed.pin.figures:
                    prices[key] = listed.pin
            elif (stated["input"], stated["output"]) != (listed.pin.price.input, listed.pin.price.output):
                span = model.span("price")
                said.append(
                    faults.list_price_differs(
                        model.name, listed.pin.describe(), listed.pin.source, span, listed.pin.spell()
                    )
                )
        found = found.with_(said, analysis.bindings.sources)
    return prices, found


def compare_specs(before: Lock, pins: dict[str, SpecPins], gone: Sequence[str]) -> Iterator[Change]:
    """What changes in the pins of specs."""
    from refinelab_dsl.plan.pins import find_drift

    for name in gone:
        yield Change("removed", name, "spec", name, None)
    for name, now in sorted(pins.items()):
        for drift in find_drift(before.specs.get(name, SpecPins(edition=now.edition)), now):
            yield Change(_kind(drift.was, drift.now), name, drift.what, drift.was, drift.now)


def compare_prices(before: dict[str, PricePin], after: dict[str, PricePin]) -> Iterator[Change]:
    """What changes in pinned prices, with their dates."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        was, now = (None if pin is None else pin.describe() for pin in (old, new))
        yield Change(_kind(was, now), "", f"price of `{name}`", was, now)


def report_check(settings: Settings, project: Project, changes: Sequence[Change], found: Diagnostics) -> int:
    """`--check`: every stale pin with its way out; exit code 6 if there is one."""
    name = terminal.near(project.lock)
    unpinned: dict[str, None] = {}
    stale: list[Diagnostic] = []
    for each in changes:
        if each.what == "spec":
            stale.append(faults.pinned_spec_gone(name, each.spec))
        elif each.change == "added" and each.spec not in (load_lock(project.lock)[0] or Lock()).specs:
            unpinned.setdefault(each.spec)
        else:
            stale.append(faults.pin_stale(name, each.spec, each.what, each.was, each.now))
    stale += [faults.spec_not_pinned(name, spec) for spec in unpinned]
    told = found.with_(stale)
    if settings.is_json:
        write_changes(settings, project, changes, told)
    else:
        terminal.report(settings, told, stream=sys.stdout)
        terminal.save_json(settings, document(project, changes, told))
    terminal.say(settings, f"{name}: {_count(len(stale), 'stale pin')}" if stale else f"{name}: all as pinned")
    return ExitCode.STALE if stale else ExitCode.DONE


def write_changes(settings: Settings, project: Project, changes: Sequence[Change], found: Diagnostics) -> None:
    """What changes, on standard output in the form asked for."""
    shown = document(project, changes, found)
    terminal.save_json(settings, shown)
    if settings.is_json:
        terminal.write_json(shown)
        return
    for each in changes:
        sign = {"added": "+", "changed": "~", "removed": "-"}[each.change]
        spec = f"{each.spec}: " if each.spec and each.what != "spec" else ""
        values = " -> ".join(text for text in (each.was, each.now) if text is not None)
        terminal.write(escape(f"{sign} {spec}{each.what}   {values}") + "\n")


def document(project: Project, changes: Sequence[Change], found: Diagnostics) -> Any:
    """`{"format_version", "lock", "changes": [{change, spec, what, was, now}], "diagnostics"}`."""
    listed = [
        {"change": each.change, "spec": each.spec or None, "what": each.what, "was": each.was, "now": each.now}
        for each in changes
    ]
    return terminal.document(found, lock=terminal.near(project.lock), changes=listed)


def _kind(was: str | None, now: str | None) -> Literal["added", "changed", "removed"]:
    return "added" if was is None else "removed" if now is None else "changed"


def name_spec(path: Path, project: Project) -> str:
    """A spec as the lock and plans name it: relative to the root."""
    return Path(os.path.relpath(path.resolve(), project.root.resolve())).as_posix()


def _keys_of(lock: Lock) -> Iterator[str]:
    """The models of all specs that state no price."""
    for pins in lock.specs.values():
        for model in pins.models.values():
            if model.provider == "openai" and model.price is None:
                yield price_key(model.base_url, model.id)


def _near(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
