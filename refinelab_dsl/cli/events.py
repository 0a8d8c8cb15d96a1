"""A run as a program watches it: JSON Lines, an object per event, on standard output or in `--json-file`.

Names, figures and times alone: no prompt, no reply, no text of the dataset, no secret. What a verdict says in words may
quote an item, so a refused step names its check; `refinec logs RUN --rejected` has the words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.render import render_json
from refinelab_dsl.execute.observe import (
    BatchMoved,
    CallEnded,
    CallRetried,
    Event,
    ModelStopped,
    Progress,
    RoundMoved,
    RunOutcome,
    StepEnded,
)

EVERY = 1.0  # seconds between two events `progress`
RATE_LIMIT = "rate_limit"  # the kind of failure of a 429


def stamp(event: str, now: Callable[[], datetime], **members: Any) -> dict[str, Any]:
    """An event with its time, RFC 3339 in UTC."""
    return {"event": event, "time": now().isoformat(timespec="milliseconds").replace("+00:00", "Z"), **members}


def utc_now() -> datetime:
    return datetime.now(UTC)


class EventStream:
    """Writes the events of one run. A file that cannot be written any more ends the stream, and not the run."""

    def __init__(
        self, settings: Settings, title: str, clock: Callable[[], float], now: Callable[[], datetime] = utc_now
    ) -> None:
        """title: what the run is for, where it is a phase of something.

        Raises:
            OutputRefused: the file cannot be opened.
        """
        self._settings = settings
        self._title = title
        self._clock = clock
        self._now = now
        self._file: IO[str] | None = terminal.open_appended(settings.json_file)
        self._run = 0
        self._told_at: float | None = None
        self._held: Progress | None = None  # told when its time comes, or at the end

    def start(self, run: int, header: Header) -> None:
        self._run = run
        wanted: dict[str, int] = {}
        for action in header.actions:
            wanted[action.operator] = wanted.get(action.operator, 0) + action.count
        title = {"phase": self._title} if self._title else {}
        self._write(
            "started", spec=header.spec, **title, wanted=wanted,
            tokens={"expected": _whole(header.tokens.expected), "ceiling": _whole(header.tokens.ceiling)},
            usd={"expected": _spell(header.usd.expected), "ceiling": _spell(header.usd.ceiling)},
        )  # fmt: skip

    def begin(self, members: Mapping[str, Any]) -> None:
        """The event `started` of something that has no run."""
        self._write("started", **members)

    def update(self, progress: Progress) -> None:
        now = self._clock()
        self._held = progress
        if self._told_at is None or now - self._told_at >= EVERY:
            self._told_at = now
            self._tell()

    def say(self, diagnostic: Diagnostic) -> None:
        (entry,) = render_json(Diagnostics((diagnostic,)))["diagnostics"]
        self._write("diagnostic", **entry)

    def note(self, event: Event) -> None:
        match event:
            case CallEnded() if event.error == RATE_LIMIT:
                self._write("rate_limited", step=event.step, model=event.line)
            case CallRetried():
                self._write(
                    "retried", step=event.step, model=event.line, error=event.error, tries=event.tries,
                    delay=round(event.delay, 3), retry_after=event.retry_after,
                )  # fmt: skip
            case ModelStopped():
                self._write("model_stopped", model=event.line, code=event.code)
            case BatchMoved():
                self._write(
                    "batch", model=event.line, batch=event.batch, status=event.status, done=event.done,
                    total=event.total,
                )  # fmt: skip
            case RoundMoved():
                self._write(
                    "round", loop=event.loop, round=event.round, status=event.status,
                    seconds=None if event.seconds is None else round(event.seconds, 3), accepted=event.accepted,
                    reason=event.reason,
                )  # fmt: skip
            case StepEnded(outcome="rejected" | "unanswered"):
                self._write(
                    "rejected", step=event.step, operator=event.operator, check=event.check, failure=event.failure
                )
            case _:
                pass

    def end(self, outcome: RunOutcome) -> None:
        self._tell()
        self._write("ended", status=outcome.status, exit_code=int(outcome.exit_code))

    def close(self) -> None:
        self._tell()
        if self._file is not None:
            self._file.close()

    def _tell(self) -> None:
        if self._held is not None:
            progress, self._held = self._held, None
            operators = [{**asdict(each), "usd": _spell(each.usd)} for each in progress.operators]
            self._write("progress", **{**asdict(progress), "operators": operators, "usd": _spell(progress.usd)})

    def _write(self, event: str, **members: Any) -> None:
        run = {"run": self._run} if self._run else {}
        line = spell_event(stamp(event, self._now, **run, **members))
        if self._settings.format == "jsonl":
            terminal.write(line)
        if self._file is not None:
            try:
                self._file.write(line)
                self._file.flush()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                terminal.complain(f"{self._settings.json_file}: {reason}; the run goes on, its events end here")
                self._file = None


def write_result(settings: Settings, document: Mapping[str, Any]) -> None:
    """The last word of a command in the formats of programs: a document on standard output, or the last of the lines.

    Raises:
        OutputRefused: it cannot be written.
    """
    line = spell_event(stamp("result", utc_now, **document))
    if settings.is_json:
        terminal.write_json(document)
    elif settings.format == "jsonl":
        terminal.write(line)
    terminal.append_line(settings.json_file, line)


def spell_event(event: Mapping[str, Any]) -> str:
    """An event as its line."""
    return json.dumps(event, ensure_ascii=False) + "\n"


def _spell(usd: Decimal | None) -> str | None:
    return None if usd is None else format(usd, "f")


def _whole(tokens: Decimal | None) -> int | None:
    return None if tokens is None else int(tokens)
