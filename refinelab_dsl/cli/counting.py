"""How far a command is that asks nobody and may take a while: a line on a terminal, one now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.forecast import PAUSE, Forecast, render_left
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.plan.figures import render_seconds

_FRAMES = 8  # per second
Advance = Callable[[int, int], None]  # (done, total)


@contextmanager
def open_count(settings: Settings, noun: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Advance]:
    """What is to be called with how much is done, of how much; each call costs next to nothing.

    noun: what is counted, in the plural.
    """
    forecast, began = Forecast(clock), clock()
    told = began

    def describe(done: int, total: int) -> str:
        forecast.observe(done, total)
        seconds = render_seconds(clock() - began)
        return f"  {done:,} of {total:,} {noun}, {seconds}, {render_left(forecast.seconds_left)}"

    if settings.quiet:
        yield lambda done, total: None
        return
    if not (terminal.is_terminal(sys.stderr) and settings.format == "text" and terminal.moves_cursor()):

        def tell(done: int, total: int) -> None:
            nonlocal told
            if clock() - told >= PAUSE:
                told = clock()
                terminal.complain(describe(done, total))

        yield tell
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, no_color=not terminal.wants_color(settings, sys.stderr), highlight=False)
    with Live(console=console, transient=True, refresh_per_second=_FRAMES) as live:

        def show(done: int, total: int) -> None:
            nonlocal told
            if done == total or clock() - told >= 1 / _FRAMES:
                told = clock()
                live.update(Text(describe(done, total)))

        yield show
