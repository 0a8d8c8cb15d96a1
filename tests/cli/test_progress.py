"""What a person sees of a run while it goes on: live on a terminal, plain lines elsewhere. The clock is given."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.plan import Amount, Header
from refinelab_dsl.cli.counting import open_count
from refinelab_dsl.cli.forecast import Forecast, render_left
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.cli.progress import Scope, choose_rows, describe_progress, draw_progress, open_display
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute import BatchMoved, CallRetried, ModelStopped, OperatorProgress, Progress, StepEnded
from tests.artifacts.plans import make_header
from tests.execute.worlds import Wish, build_world

SCOPE = Scope("", Decimal("1.21"), Decimal("2.10"))


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def at(accepted: int, total: int = 100, *, tokens: int = 0, calls: int = 1, usd: str | None = "0.31") -> Progress:
    """`author` has come so far; `paraphrase` is done."""
    dollars = None if usd is None else Decimal(usd)
    return Progress(
        (
            OperatorProgress("author", accepted + 7, total, accepted, 7, 4, 2, tokens, dollars),
            OperatorProgress("paraphrase", 0, 0, 0, 0, 0, 0, 0, Decimal(0)),
        ),
        tokens, dollars, calls, 3,
    )  # fmt: skip


def priced_header() -> Header:
    return make_header().model_copy(update={"usd": Amount(
        expected=Decimal("1.21"), low=None, high=None, ceiling=Decimal("2.10"), full=None
    )})  # fmt: skip


# ---- how long it still takes -----------------------------------------------------------------------------------------


def test_time_left_is_unknown_before_there_is_data(clock: Clock) -> None:
    forecast = Forecast(clock)
    forecast.observe(0, 100)
    assert (forecast.tokens_per_second, forecast.seconds_left) == (None, None)
    clock.pass_(4)
    forecast.observe(50, 100)
    assert forecast.seconds_left is None  # four seconds tell nothing
    clock.pass_(4)
    forecast.observe(50, 100)
    assert forecast.seconds_left == pytest.approx(8)


def test_time_left_needs_more_than_one_or_two_results(clock: Clock) -> None:
    forecast = Forecast(clock)
    for done in (0, 1, 2):
        forecast.observe(done, 10)
        clock.pass_(20)
    assert forecast.seconds_left is None
    forecast.observe(3, 10)
    assert forecast.seconds_left == pytest.approx(7 * 60 / 3)


def test_time_left_follows_the_last_minute_and_not_the_whole_run(clock: Clock) -> None:
    forecast = Forecast(clock)
    for done in range(0, 601, 10):  # ten a second, for a minute
        forecast.observe(done, 10_000, tokens=done * 100)
        clock.pass_(1)
    assert forecast.seconds_left == pytest.approx(940)
    assert forecast.tokens_per_second == pytest.approx(1_000)
    for done in range(601, 721):  # then one a second, for two
        forecast.observe(done, 10_000, tokens=60_000 + (done - 600) * 100)
        clock.pass_(1)
    assert forecast.seconds_left == pytest.approx(9_280)
    assert forecast.tokens_per_second == pytest.approx(100)
    for _ in range(90):  # then nothing
        forecast.observe(720, 10_000, tokens=72_000)
        clock.pass_(1)
    assert forecast.seconds_left is None
    assert forecast.tokens_per_second == 0


def test_what_was_bought_already_is_in_no_rate(clock: Clock) -> None:
    forecast = Forecast(clock)
    forecast.observe(0, 1_000, is_typical=False)
    clock.pass_(1)
    forecast.observe(900, 1_000, is_typical=False)  # taken from the store in a second
    for done in range(900, 911):
        forecast.observe(done, 1_000)
        clock.pass_(1)
    assert forecast.seconds_left == pytest.approx(90)


def test_many_updates_a_second_keep_the_memory_of_a_minute(clock: Clock) -> None:
    forecast = Forecast(clock)
    for _ in range(5_000):
        forecast.observe(1, 10)
        clock.pass_(0.1)
    assert len(forecast._points) < 70


def test_words_for_what_is_left() -> None:
    assert [render_left(each) for each in (None, 70.0, 0.0)] == ["time left unknown", "about 1m 10s left", "done"]


# ---- plain lines -----------------------------------------------------------------------------------------------------


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""  # data alone go there
    return captured.err.splitlines()


def test_a_pipe_gets_a_line_per_five_percent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(Settings(), SCOPE, clock=clock) as display:
        display.start(4, priced_header())
        for accepted in range(101):
            display.update(at(accepted))
            clock.pass_(0.1)
    lines = lines_of(capsys)
    assert lines[0] == "run 4"
    assert [line.split()[0] for line in lines[1:]] == [f"{percent}%" for percent in range(5, 101, 5)]
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_a_slow_run_gets_a_line_per_thirty_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(Settings(), SCOPE, clock=clock) as display:
        for _ in range(100):  # no answer comes
            clock.pass_(1)
            display.update(at(1))
    assert len(lines_of(capsys)) == 3 + 1  # and where it stood at the end


def test_a_plain_line_says_it_all(clock: Clock) -> None:
    forecast = Forecast(clock)
    for accepted in range(0, 61, 10):
        progress = at(accepted, tokens=accepted * 200, calls=80)
        forecast.observe(accepted, 100, progress.tokens)
        clock.pass_(1)
    assert describe_progress(progress, SCOPE, forecast, 7.0) == (
        "60 of 100 accepted, 7 rejected, 4 running, 2 cached, 12k tokens (2,000/s), $0.31 of $1.21 expected, "
        "at most $2.10, 80 calls, 3 retries, 7.0 s, about 4.0 s left"
    )


def test_an_unknown_price_is_not_nothing(clock: Clock) -> None:
    line = describe_progress(at(3, usd=None), Scope(), Forecast(clock), 1.0)
    assert "price unknown" in line
    assert "$" not in line


def test_quiet_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(Settings(quiet=True), SCOPE, clock=clock) as display:
        display.start(1, priced_header())
        display.say(faults.run_interrupted(1, "SIGINT", "refinec apply --resume=1"))
        for accepted in range(101):
            display.update(at(accepted))
    assert lines_of(capsys) == []


def test_a_phase_is_named_and_a_stop_is_said_at_once(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(Settings(), Scope("pilot, ratings"), clock=clock) as display:
        display.start(2, priced_header())
        display.update(at(1))
        display.say(faults.run_interrupted(2, "SIGINT", "refinec apply --resume=2"))
        assert lines_of(capsys) == [
            "run 2: pilot, ratings",
            "  run 2 was stopped by SIGINT; everything that was bought is kept; 4 steps in flight may take 30 s",
        ]


def test_batches_are_followed_on_lines_of_their_own_and_in_the_figures(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_display(Settings(), SCOPE, clock=clock) as display:
        display.start(1, priced_header())
        display.note(BatchMoved("small", "batch_1", "full", 0, 400))
        display.note(BatchMoved("small", "batch_2", "running", 0, 200))
        display.note(BatchMoved("small", "batch_2", "running", 120, 200))
        clock.pass_(31)
        display.update(at(0))
        display.note(BatchMoved("small", "batch_2", "completed", 200, 200))
    lines = lines_of(capsys)
    assert lines[1:3] == [
        "  batch batch_1 of small: the provider's queue has no room for 400 requests; asked in smaller ones, or later",
        "  batch batch_2 of small: 200 requests",
    ]
    assert lines[3].startswith("    0%  0 of 100 accepted")
    assert lines[3].endswith("small: 1 batch with the provider, 120 of 200 requests done")
    assert lines[4:] == ["  batch batch_2 of small: completed, 200 of 200 requests done"]


def test_a_run_that_is_planned_again_is_counted_anew(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with open_display(Settings(), Scope(), clock=clock) as display:
        for run in (1, 2):
            display.start(run, priced_header())
            for accepted in (0, 50, 100):
                display.update(at(accepted))
                clock.pass_(10)
    lines = lines_of(capsys)
    assert [line.split(",")[0] for line in lines] == [
        "run 1", "   50%  50 of 100 accepted", "  100%  100 of 100 accepted",
        "run 2", "   50%  50 of 100 accepted", "  100%  100 of 100 accepted",
    ]  # fmt: skip
    assert not any("about -" in line for line in lines)
    assert "of $1.21 expected, at most $2.10" in lines[-1]


def test_a_run_that_cannot_make_one_call_is_not_named(
    clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tokens, heading in ((100, []), (None, ["run 1"])):
        with open_display(Settings(), SCOPE, clock=clock) as display:
            outcome = build_world(tmp_path / str(tokens), Wish(tokens=tokens)).apply(display)
        assert (outcome.run is None) == (not heading), outcome.diagnostics
        assert lines_of(capsys)[:1] == heading


@pytest.mark.parametrize(("verbose", "said"), [(0, 0), (1, 5)])
def test_verbose_says_what_happens_to_calls(
    verbose: int, said: int, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_display(Settings(verbose=verbose), SCOPE, clock=clock) as display:
        display.note(CallRetried(7, "writer", "rate_limit", 1, 0.0, 12.0))
        display.note(CallRetried(7, "writer", "rate_limit", 2, 0.0, None))
        display.note(StepEnded(7, "author", "rejected", check="fresh"))
        display.note(StepEnded(8, "author", "unanswered", failure="timeout"))
        display.note(StepEnded(9, "author", "accepted"))
        display.note(ModelStopped("writer", "RF6012"))
    lines = lines_of(capsys)
    assert len(lines) == said
    if said:
        assert lines == [
            "  writer: rate limit, try 2 in 12 s (step 7)",
            "  writer: rate limit, try 3 as soon as its rate allows (step 7)", "  step 7 author: rejected by fresh",
            "  step 8 author: no answer (timeout)", "  writer: stopped (RF6012)",
        ]


# ---- a terminal ------------------------------------------------------------------------------------------------------


@contextmanager
def terminal_on_stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Standard error is a terminal; what it was sent stands in the list afterwards."""
    parent, child = pty.openpty()
    pieces: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(parent, 65_536)
            except OSError:  # closed on the other side
                return
            pieces.append(piece)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    stream = io.TextIOWrapper(os.fdopen(child, "wb", buffering=0), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("LINES", "30")
    try:
        yield pieces
    finally:
        monkeypatch.undo()
        stream.close()
        reader.join(10)
        os.close(parent)


def show_on_terminal(monkeypatch: pytest.MonkeyPatch, clock: Clock, verbose: int = 0) -> str:
    settings = Settings(verbose=verbose)
    with terminal_on_stderr(monkeypatch) as pieces, open_display(settings, SCOPE, clock=clock) as display:
        display.start(4, priced_header())
        display.note(BatchMoved("writer", "batch_1", "running", 3, 40))
        for accepted in range(0, 61, 10):
            display.update(at(accepted, tokens=accepted * 200, calls=80))
            clock.pass_(1)
        display.note(CallRetried(7, "writer", "server", 1, 2.0, None))
    return b"".join(pieces).decode()


def test_a_terminal_shows_each_operator_and_the_whole(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = show_on_terminal(monkeypatch, clock, verbose=1)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    assert "run 4" in shown
    assert "writer: server, try 2 in 2.0 s (step 7)" in shown
    last = shown[shown.rindex("author") :]
    for part in (
        "60/100", "67 done, 7 rejected, 4 running, 2 cached, 12k tokens, $0.31", "60%", "12k tokens (2,000/s)",
        "$0.31 of $1.21 expected, at most $2.10", "80 calls, 3 retries", "about 4.0 s left",
        "writer: 1 batch with the provider, 3 of 40 requests done",
    ):
        assert part in last, (part, last)
    assert "\x1b[?25l" in screen  # the cursor is hidden while it lasts,
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")  # and comes back


def test_without_colours_the_display_is_live_all_the_same(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    coloured = show_on_terminal(monkeypatch, clock)
    assert re.search(r"\x1b\[[0-9;]*m", coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = show_on_terminal(monkeypatch, clock)
    assert not re.search(r"\x1b\[(3[0-7]|38|9[0-7]|4[0-7])[0-9;]*m", plain)
    assert "\x1b[?25h" in plain


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_redraw_gets_plain_lines(
    term: str, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    with terminal_on_stderr(monkeypatch) as pieces:
        monkeypatch.setenv("TERM", term)
        with open_display(Settings(), SCOPE, clock=clock) as display:
            display.update(at(50))
    screen = b"".join(pieces).decode()
    assert "\x1b" not in screen
    assert " 50%  50 of 100 accepted" in screen


def test_a_small_terminal_keeps_those_that_are_at_work(clock: Clock) -> None:
    from rich.console import Console

    operators = tuple(
        OperatorProgress(f"operator_{number}", 0, 10, 10 if number < 30 else 0, 0, int(number == 35), 0)
        for number in range(60)
    )
    assert [each.name for each in choose_rows(operators, 3)] == ["operator_30", "operator_31", "operator_35"]
    console = Console(file=io.StringIO(), width=80, height=12)
    progress = Progress(operators, 0, Decimal(0), 1, 0)
    with console.capture() as capture:
        console.print(draw_progress(progress, SCOPE, Forecast(clock), 3.0, width=80, height=12))
    lines = capture.get().splitlines()
    assert len(lines) <= 12
    assert "and 52 more" in lines
    assert any("operator_35" in line for line in lines)


# ---- commands that ask nobody ----------------------------------------------------------------------------------------


def test_a_count_is_told_every_thirty_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with open_count(Settings(), "results", clock=clock) as advance:
        for done in range(100):
            clock.pass_(1)
            advance(done, 1_000)
    assert lines_of(capsys) == [
        "  29 of 1,000 results, 30 s, time left unknown",
        "  59 of 1,000 results, 1m 00s, about 15m 41s left",
        "  89 of 1,000 results, 1m 30s, about 15m 11s left",
    ]


def test_a_count_is_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    with terminal_on_stderr(monkeypatch) as pieces, open_count(Settings(), "results", clock=clock) as advance:
        for done in range(11):
            clock.pass_(1)
            advance(done, 10)
    screen = b"".join(pieces).decode()
    assert "10 of 10 results, 11 s, done" in screen
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")
