"""How a person and a program watch one run: a live display or plain lines for the one, JSON Lines for the other."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.render import render_json
from refinelab_dsl.execute.observe import Observer, Progress
from refinelab_dsl.plan.figures import render_seconds, render_tokens, render_usd

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

STEP = 5  # percent between two plain lines
PAUSE = 30.0  # seconds between them at most


@contextmanager
def open_display(settings: Settings, header: Header) -> Iterator[Observer]:
    """The displays that the settings ask for, as one observer; closed, and the terminal restored, on the way out."""
    watchers: list[_Watcher] = []
    if settings.format == "jsonl" or settings.json_file is not None:
        watchers.append(_JsonLines(settings))
    if not settings.quiet:
        live = terminal.is_terminal(sys.stderr) and settings.format == "text" and terminal.moves_cursor()
        watchers.append(_Live(settings, header) if live else _Plain())
    try:
        yield _Watchers(watchers)
    finally:
        for watcher in watchers:
            watcher.close()


class _Watcher:
    """What a display does with a run's progress; the base does nothing."""

    def start(self, run: int, header: Header) -> None:
        return None

    def update(self, progress: Progress) -> None:
        return None

    def say(self, diagnostic: Diagnostic) -> None:
        return None

    def close(self) -> None:
        return None


class _Watchers:
    """Several displays as the runtime's observer."""

    def __init__(self, watchers: list[_Watcher]) -> None:
        self._watchers = watchers

    def start(self, run: int, header: Header) -> None:
        for watcher in self._watchers:
            watcher.start(run, header)

    def update(self, progress: Progress) -> None:
        for watcher in self._watchers:
            watcher.update(progress)

    def say(self, diagnostic: Diagnostic) -> None:
        for watcher in self._watchers:
            watcher.say(diagnostic)


class _JsonLines(_Watcher):
    """An object per line: `started`, `progress`, `diagnostic`; the command adds the `result`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, run: int, header: Header) -> None:
        self._write({"event": "started", "run": run})

    def update(self, progress: Progress) -> None:
        self._write({"event": "progress", **asdict(progress), "usd": format(progress.usd, "f")})

    def say(self, diagnostic: Diagnostic) -> None:
        (entry,) = render_json(Diagnostics((diagnostic,)))["diagnostics"]
        self._write({"event": "diagnostic", **entry})

    def _write(self, event: Mapping[str, Any]) -> None:
        if self._settings.format == "jsonl":
            terminal.write(json.dumps(event, ensure_ascii=False) + "\n")
        terminal.append_json(self._settings, event)


class _Plain(_Watcher):
    """A line per 5%, or every 30 seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._percent, self._time = 0, self._began

    def start(self, run: int, header: Header) -> None:
        terminal.complain(f"run {run}")

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        total = sum(each.total for each in progress.operators)
        percent = 100 * sum(each.accepted for each in progress.operators) // total if total else 100
        if percent // STEP == self._percent // STEP and now - self._time < PAUSE:
            return
        self._percent, self._time = percent, now
        terminal.complain(f"  {percent:>3}%  {describe(progress)}, {render_seconds(now - self._began)}")


class _Live(_Watcher):
    """A bar per operator, and beneath them what is spent, what is expected, and how fast it goes."""

    def __init__(self, settings: Settings, header: Header) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        console = Console(stderr=True, no_color=not terminal.wants_color(settings, sys.stderr), highlight=False)
        self._bars: Bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[attempts]}", markup=False),
            TimeRemainingColumn(),
            console=console,
        )
        wanted: dict[str, int] = {}
        for action in header.actions:
            wanted[action.operator] = wanted.get(action.operator, 0) + action.count
        self._tasks = {
            name: self._bars.add_task(escape(name), total=total, attempts="") for name, total in wanted.items()
        }
        self._usd = header.usd
        self._began = time.monotonic()
        self._live = Live(self._bars, console=console, transient=True, refresh_per_second=8)
        self._live.start()

    def update(self, progress: Progress) -> None:
        from rich.console import Group
        from rich.text import Text

        for each in progress.operators:
            if each.name in self._tasks:
                attempts = f"{each.done:,} done, {each.rejected:,} rejected, {each.running:,} running"
                self._bars.update(self._tasks[each.name], completed=each.accepted, total=each.total, attempts=attempts)
        seconds = max(time.monotonic() - self._began, 1e-3)
        totals = (
            f"{render_tokens(progress.tokens)} tokens ({render_tokens(progress.tokens / seconds)}/s), "
            f"{render_usd(progress.usd)} of {render_usd(self._usd.expected)} expected, "
            f"at most {render_usd(self._usd.ceiling, at_most=True)}, {progress.calls:,} calls, "
            f"{progress.retries:,} retries, {render_seconds(seconds)}"
        )
        self._live.update(Group(self._bars, Text(totals)))

    def close(self) -> None:
        self._live.stop()


def describe(progress: Progress) -> str:
    """`12 of 26 accepted, 3 rejected, 4 running, 15 calls, 2 cached, 12.3k tokens, $0.0021`."""
    tally = {
        member: sum(getattr(each, member) for each in progress.operators)
        for member in ("accepted", "total", "rejected", "running", "cached")
    }
    parts = [f"{tally['accepted']:,} of {tally['total']:,} accepted"]
    counts = {
        "rejected": tally["rejected"],
        "running": tally["running"],
        "calls": progress.calls,
        "cached": tally["cached"],
        "retries": progress.retries,
    }
    parts += [f"{number:,} {word}" for word, number in counts.items() if number]
    return ", ".join([*parts, f"{render_tokens(progress.tokens)} tokens", render_usd(progress.usd)])
