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
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute import Observer, Progress
from refinelab_dsl.plan.figures import render_seconds, render_tokens, render_usd

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

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
        watchers.append(_Live(settings, header) if live else _Plain(header))
    try:
        yield _Watchers(watchers)
    finally:
        for watcher in watchers:
            watcher.close()


class _Watcher:
    """What a display does with a run's progress; the base does nothing."""

    def start(self, run: int) -> None:
        return None

    def show(self, progress: Progress) -> None:
        return None

    def close(self) -> None:
        return None


class _Watchers:
    """Several displays as the runtime's observer."""

    def __init__(self, watchers: list[_Watcher]) -> None:
        self._watchers = watchers

    def started(self, run: int, header: Header) -> None:
        for watcher in self._watchers:
            watcher.start(run)

    def progressed(self, progress: Progress) -> None:
        for watcher in self._watchers:
            watcher.show(progress)

    def ended(self) -> None:
        for watcher in self._watchers:
            watcher.close()


class _JsonLines(_Watcher):
    """An object per line: `started`, `progress`; the command adds the `result`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, run: int) -> None:
        self._write({"event": "started", "run": run})

    def show(self, progress: Progress) -> None:
        operators = {name: {"accepted": got, "wanted": wanted} for name, (got, wanted) in progress.operators.items()}
        self._write({"event": "progress", **asdict(progress), "operators": operators})

    def _write(self, event: Mapping[str, Any]) -> None:
        if self._settings.format == "jsonl":
            terminal.write(json.dumps(event, ensure_ascii=False) + "\n")
        terminal.append_json(self._settings, event)


class _Plain(_Watcher):
    """A line per 5%, or every 30 seconds."""

    def __init__(self, header: Header) -> None:
        self._began = time.monotonic()
        self._said = (0, self._began)
        self._expected = header.usd.expected

    def start(self, run: int) -> None:
        terminal.complain(f"run {run}")

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        percent = 100 * progress.accepted // progress.wanted if progress.wanted else 100
        last_percent, last_time = self._said
        if percent // STEP == last_percent // STEP and now - last_time < PAUSE:
            return
        self._said = (percent, now)
        terminal.complain(f"  {percent:>3}%  {describe(progress)}  {render_seconds(now - self._began)}")


class _Live(_Watcher):
    """A bar per operator, and the totals beneath them."""

    def __init__(self, settings: Settings, header: Header) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        console = Console(stderr=True, no_color=not terminal.wants_color(settings, sys.stderr), highlight=False)
        self._bars: Bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[totals]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        for action in header.actions:
            if action.operator not in self._tasks:
                wanted = sum(each.count for each in header.actions if each.operator == action.operator)
                self._tasks[action.operator] = self._bars.add_task(escape(action.operator), total=wanted, totals="")
        self._bars.start()

    def show(self, progress: Progress) -> None:
        last = next(reversed(self._tasks), None)
        for name, task in self._tasks.items():
            accepted, wanted = progress.operators.get(name, (0, 0))
            totals = describe(progress) if name == last else ""
            self._bars.update(task, completed=accepted, total=wanted, totals=totals)

    def close(self) -> None:
        self._bars.stop()


def describe(progress: Progress) -> str:
    """`12 of 26 accepted, 3 rejected, 4 running, 15 calls (2 cached), 12.3k tokens, $0.0021`."""
    from decimal import Decimal

    parts = [f"{progress.accepted:,} of {progress.wanted:,} accepted"]
    counts = {"rejected": progress.rejected, "failed": progress.failed, "running": progress.running}
    parts += [f"{number:,} {word}" for word, number in counts.items() if number]
    calls = f"{progress.calls:,} calls"
    parts.append(f"{calls} ({progress.cached:,} cached)" if progress.cached else calls)
    if progress.retries:
        parts.append(f"{progress.retries:,} retries")
    parts.append(f"{render_tokens(Decimal(progress.tokens))} tokens")
    parts.append(render_usd(None if progress.usd is None else Decimal(progress.usd)))
    return ", ".join(parts)
