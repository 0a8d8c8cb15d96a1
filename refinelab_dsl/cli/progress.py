"""How a person watches one run: a live display on a terminal, plain lines elsewhere. Programs have `events`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, cast

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.events import RATE_LIMIT, EventStream
from refinelab_dsl.cli.forecast import PAUSE, Forecast, render_left
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute.interpret import PATIENCE
from refinelab_dsl.execute.observe import (
    BatchMoved,
    CallRetried,
    Event,
    ModelStopped,
    Observer,
    Observers,
    OperatorProgress,
    Progress,
    RoundMoved,
    RunOutcome,
    SilentObserver,
    StepEnded,
)
from refinelab_dsl.plan.figures import count_of, render_seconds, render_tokens, render_usd

if TYPE_CHECKING:
    from rich.console import RenderableType

STEP = 5  # percent between two plain lines
_FRAMES = 8  # per second
_LINES_BELOW = 3  # of a live display, beneath the operators

Clock = Callable[[], float]


@dataclass(frozen=True)
class Scope:
    """What a display measures progress by. title: what the run is for, empty for a plan's own run. expected, ceiling:
    dollars, None where a price is unknown; a run has those of its plan. word: for results that count."""

    title: str = ""
    expected: Decimal | None = None
    ceiling: Decimal | None = None
    word: str = "accepted"


@contextmanager
def open_display(
    settings: Settings, scope: Scope, *, started: Mapping[str, Any] | None = None, clock: Clock = time.monotonic
) -> Iterator[Observer]:
    """The displays that the settings ask for, as one observer; closed, and the terminal restored, on the way out.

    `--format jsonl` and `--json-file` get the events. started: what the first of them says, of what is no run.

    Raises:
        OutputRefused: `--json-file` cannot be opened.
    """
    watchers: list[EventStream | Live | Plain] = []
    if settings.format == "jsonl" or settings.json_file is not None:
        stream = EventStream(settings, scope.title, clock)
        watchers.append(stream)
        if started is not None:
            stream.begin(started)
    if not settings.quiet:
        live = terminal.is_terminal(sys.stderr) and settings.format == "text" and terminal.moves_cursor()
        watchers.append(Live(settings, scope, clock) if live else Plain(settings, scope, clock))
    try:
        yield Observers(watchers)
    finally:
        for watcher in watchers:
            watcher.close()


class _Screen(SilentObserver):
    """What both displays for a person have in common: what they say beside the figures."""

    def __init__(self, settings: Settings, scope: Scope, clock: Clock) -> None:
        self._settings = settings
        self._scope = scope
        self._clock = clock
        self._began = clock()
        self._forecast = Forecast(clock)
        self._in_flight = 0
        self._batches: dict[str, BatchMoved] = {}  # those that are with a provider
        self._heading: str | None = None  # said once the run does something: one that cannot leaves no run behind

    def start(self, run: int, header: Header) -> None:
        # A run that is planned again goes on as another one, with a count and a price of its own.
        self._scope = replace(self._scope, expected=header.usd.expected, ceiling=header.usd.ceiling)
        self._forecast = Forecast(self._clock)
        self._in_flight = 0
        self._heading = f"run {run}: {self._scope.title}" if self._scope.title else f"run {run}"

    def end(self, outcome: RunOutcome) -> None:
        if outcome.status == "refused":
            self._heading = None
        else:
            self._say_heading()

    def say(self, diagnostic: Diagnostic) -> None:
        self._say_heading()
        waits = f"; {count_of(self._in_flight, 'step')} in flight may take {PATIENCE:.0f} s" if self._in_flight else ""
        self._print(f"  {escape(diagnostic.message)}{waits}")

    def note(self, event: Event) -> None:
        self._say_heading()
        line = describe_event(event) if self._settings.verbose else None
        if isinstance(event, BatchMoved):
            line = self._follow(event)
        elif isinstance(event, RoundMoved):
            line = describe_round(event)
        if line is not None:
            self._print(f"  {line}")

    def _follow(self, event: BatchMoved) -> str | None:
        """What is said of a batch that moved: when it is made, and when it has ended."""
        is_known = event.batch in self._batches
        if event.status == "running":
            self._batches[event.batch] = event
            return None if is_known else describe_batch(event)
        self._batches.pop(event.batch, None)
        return describe_batch(event)

    def _say_heading(self) -> None:
        heading, self._heading = self._heading, None
        if heading is not None:
            self._print(heading)

    def _measure(self, progress: Progress) -> None:
        if progress.calls or any(each.done or each.running for each in progress.operators):
            self._say_heading()
        self._in_flight = sum(each.running for each in progress.operators)
        # What is bought already passes in a moment: rates begin with the first call.
        self._forecast.observe(*count_accepted(progress), progress.tokens, is_typical=progress.calls > 0)

    def _print(self, line: str) -> None:
        terminal.complain(line)

    @property
    def _seconds(self) -> float:
        return self._clock() - self._began


class Plain(_Screen):
    """A line per 5%, or every 30 seconds, and one for the end."""

    def __init__(self, settings: Settings, scope: Scope, clock: Clock = time.monotonic) -> None:
        super().__init__(settings, scope, clock)
        self._percent, self._time = 0, self._began
        self._unsaid: Progress | None = None

    def start(self, run: int, header: Header) -> None:
        super().start(run, header)
        self._percent = 0

    def update(self, progress: Progress) -> None:
        self._measure(progress)
        percent, now = measure_percent(progress), self._clock()
        self._unsaid = progress
        if percent // STEP != self._percent // STEP or now - self._time >= PAUSE:
            self._percent, self._time = percent, now
            self._tell(progress)

    def end(self, outcome: RunOutcome) -> None:
        super().end(outcome)
        if outcome.status == "refused":
            self._unsaid = None

    def close(self) -> None:
        if self._unsaid is not None:
            self._tell(self._unsaid)

    def _tell(self, progress: Progress) -> None:
        self._unsaid = None
        line = describe_progress(progress, self._scope, self._forecast, self._seconds)
        line += "".join(f", {part}" for part in describe_batches(tuple(self._batches.values())))
        self._print(f"  {measure_percent(progress):>3}%  {line}")


class Live(_Screen):
    """A bar per operator, and beneath them what is spent, what is expected, how fast it goes and how long it takes."""

    def __init__(self, settings: Settings, scope: Scope, clock: Clock = time.monotonic) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        super().__init__(settings, scope, clock)
        self._console = Console(
            file=cast("IO[str]", terminal.Canvas(sys.stderr)), no_color=not terminal.wants_color(settings, sys.stderr),
            highlight=False, emoji=False,
        )
        self._live = RichLive(console=self._console, transient=True, refresh_per_second=_FRAMES)
        self._live.start()

    def update(self, progress: Progress) -> None:
        self._measure(progress)
        size = self._console.size
        self._live.update(
            draw_progress(
                progress, self._scope, self._forecast, self._seconds, tuple(self._batches.values()),
                width=size.width, height=size.height,
            )
        )

    def close(self) -> None:
        self._live.stop()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


def draw_progress(
    progress: Progress, scope: Scope, forecast: Forecast, seconds: float, batches: Sequence[BatchMoved] = (), *,
    width: int, height: int,
) -> RenderableType:  # fmt: skip
    """The live display, at most `height` lines: operators that have work left stay longest."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    waiting = describe_batches(batches)
    rows = choose_rows(progress.operators, max(1, height - _LINES_BELOW - len(waiting) - 1))
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="ellipsis")
    for each in rows:
        done = each.accepted if each.total else 1
        bar = ProgressBar(total=max(each.total, 1), completed=done, width=min(24, width // 4))
        table.add_row(
            Text(escape(each.name)), bar, Text(f"{each.accepted:,}/{each.total:,}"), Text(describe_operator(each))
        )
    hidden = len(progress.operators) - len(rows)
    parts: list[RenderableType] = [table]
    if hidden:
        parts.append(Text(f"and {hidden:,} more"))
    spent, flow = describe_spending(progress, scope, forecast), describe_flow(progress, forecast, seconds)
    parts += [Text(f"{measure_percent(progress):>3}%  {spent}"), Text(f"      {flow}")]
    parts += [Text(f"      {line}") for line in waiting]
    return Group(*parts)


def choose_rows(operators: Sequence[OperatorProgress], most: int) -> list[OperatorProgress]:
    """As many as there is room for, in their order; those that are at work, then those that will be, come first."""
    ranked = sorted(operators, key=lambda each: (not each.running, each.accepted >= each.total))
    kept = {each.name for each in ranked[:most]}
    return [each for each in operators if each.name in kept]


def describe_progress(progress: Progress, scope: Scope, forecast: Forecast, seconds: float) -> str:
    """A plain line: `12 of 26 accepted, 3 rejected, 4 running, 12.3k tokens (340/s), $0.0021 of …`."""
    tally = {
        member: sum(getattr(each, member) for each in progress.operators)
        for member in ("accepted", "total", "rejected", "running", "cached")
    }
    parts = [f"{tally['accepted']:,} of {tally['total']:,} {scope.word}"]
    parts += [f"{tally[word]:,} {word}" for word in ("rejected", "running", "cached") if tally[word]]
    return ", ".join([*parts, describe_spending(progress, scope, forecast), describe_flow(progress, forecast, seconds)])


def describe_operator(each: OperatorProgress) -> str:
    """`20 done, 8 rejected, 4 running, 12.3k tokens, $0.0021`."""
    parts = [f"{each.done:,} done", f"{each.rejected:,} rejected", f"{each.running:,} running"]
    parts += [f"{each.cached:,} cached"] if each.cached else []
    return ", ".join([*parts, f"{render_tokens(each.tokens)} tokens", _render_spent(each.usd)])


def describe_spending(progress: Progress, scope: Scope, forecast: Forecast) -> str:
    """`12.3k tokens (340/s), $0.0021 of $0.0060 expected, at most $0.012`."""
    rate = forecast.tokens_per_second
    speed = "" if rate is None else f" ({render_tokens(rate)}/s)"
    expected = "" if scope.expected is None else f" of {render_usd(scope.expected)} expected"
    ceiling = "" if scope.ceiling is None else f", at most {render_usd(scope.ceiling, at_most=True)}"
    return f"{render_tokens(progress.tokens)} tokens{speed}, {_render_spent(progress.usd)}{expected}{ceiling}"


def describe_flow(progress: Progress, forecast: Forecast, seconds: float) -> str:
    """`312 calls, 3 retries, 42 s, about 1m 10s left`."""
    calls = f"{progress.calls:,} calls, {progress.retries:,} retries"
    return f"{calls}, {render_seconds(seconds)}, {render_left(forecast.seconds_left)}"


def describe_round(event: RoundMoved) -> str | None:
    """What a round of a loop is at; its end is told with the whole."""
    match event.status:
        case "training":
            return f"round {event.round}: the command trains and measures"
        case "measured":
            return f"round {event.round}: measured in {event.seconds or 0:.1f} s"
        case "applied":
            return f"round {event.round}: {count_of(event.accepted or 0, 'change')}"
    return None


def describe_batch(event: BatchMoved) -> str:
    """`batch batch_1 of small: 400 requests`, and when it has ended `…: completed, 398 of 400 requests done`."""
    name, requests = f"batch {escape(event.batch)} of {event.line}", count_of(event.total, "request")
    match event.status:
        case "running" if not event.done:
            return f"{name}: {requests}"
        case "full":
            return f"{name}: the provider's queue has no room for {requests}; asked in smaller ones, or later"
        case _:
            return f"{name}: {event.status}, {event.done:,} of {requests} done"


def describe_batches(batches: Sequence[BatchMoved]) -> list[str]:
    """`2 batches with the provider, 120 of 400 requests done`, a line for each model that waits for some."""
    lines = []
    for model in dict.fromkeys(each.line for each in batches):
        of_model = [each for each in batches if each.line == model]
        done, total = sum(each.done for each in of_model), sum(each.total for each in of_model)
        lines.append(f"{model}: {count_batches(len(of_model))} with the provider, {done:,} of {total:,} requests done")
    return lines


def count_batches(count: int) -> str:
    return "1 batch" if count == 1 else f"{count:,} batches"


def count_accepted(progress: Progress) -> tuple[int, int]:
    """Results that were accepted, and those that are wanted."""
    return sum(each.accepted for each in progress.operators), sum(each.total for each in progress.operators)


def measure_percent(progress: Progress) -> int:
    """Accepted of wanted results."""
    accepted, total = count_accepted(progress)
    return 100 * accepted // total if total else 100


def describe_event(event: Event) -> str | None:
    """What `--verbose` says of an event; None for what shows in the figures."""
    match event:
        case CallRetried():
            why = "rate limit" if event.error == RATE_LIMIT else event.error.replace("_", " ")
            seconds = max(event.delay, event.retry_after or 0.0)
            when = f"in {render_seconds(seconds)}" if seconds else "as soon as its rate allows"
            return f"{event.line}: {why}, try {event.tries + 1} {when} (step {event.step:,})"
        case ModelStopped():
            return f"{event.line}: stopped ({event.code})"
        case StepEnded(outcome="rejected"):
            return f"step {event.step:,} {event.operator}: rejected by {event.check}"
        case StepEnded(outcome="unanswered", failure=str(failure)):
            return f"step {event.step:,} {event.operator}: no answer ({failure.replace('_', ' ')})"
        case _:
            return None


def _render_spent(usd: Decimal | None) -> str:
    return "price unknown" if usd is None else render_usd(usd)
