"""RF69xx: loops, and the commands that they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.diagnostics.wording import shorten
from refinelab_dsl.source import Place, Span

_FINDINGS: Final = 5  # of a round are told


def render_command(command: Sequence[str]) -> str:
    """A command as a user would recognise it, cut short."""
    return shorten(" ".join(f'"{each}"' if " " in each or not each else each for each in command), 80)


def exec_not_allowed(command: Sequence[str], span: Span | None) -> Diagnostic:
    """RF6900: a spec's loop runs a command, and nobody allowed that."""
    return Diagnostic(
        "RF6900",
        "error",
        f"the loop runs a command, which needs your consent: `{render_command(command)}`",
        span=span,
        label="runs on this machine, as you",
        notes=("a spec does not run code by itself; read what the command does first",),
        help=(Help("run it with `refinec apply --allow-exec`"),),
    )


def command_failed(round_: int, code: int, log: str, last: Sequence[str]) -> Diagnostic:
    """RF6901: the command of a loop ended with an exit code that says it failed, or by a signal (a negative one).

    last: of what it printed, the last lines.
    """
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    return Diagnostic(
        "RF6901",
        "error",
        f"the command of round {round_} failed with {how}",
        notes=(*_printed(last), f"all that it printed stands in {log}"),
        help=(Help("mend it, then go on with `refinec apply --resume --allow-exec`: the round's items are kept"),),
    )


def command_not_started(round_: int, program: str, reason: str) -> Diagnostic:
    """RF6902: the command of a loop could not be started."""
    return Diagnostic(
        "RF6902",
        "error",
        f"the command of round {round_} cannot be started: `{shorten(program)}`: {reason}",
        notes=("it is started in the folder of the spec, and no shell reads it",),
        help=(Help("name a program that is there and may be executed, then go on with --resume"),),
    )


def command_hung(round_: int, seconds: float, log: str, last: Sequence[str]) -> Diagnostic:
    """RF6903: the command of a loop was still running when its time was up; it and all that it started were ended."""
    return Diagnostic(
        "RF6903",
        "error",
        f"the command of round {round_} was still running after {seconds:g} s, and was ended",
        notes=(*_printed(last), f"all that it printed stands in {log}"),
        help=(Help("allow it more by `timeout` of the loop, then go on with `refinec apply --resume --allow-exec`"),),
    )


def no_signals_written(round_: int, path: str, last: Sequence[str]) -> Diagnostic:
    """RF6904: the command of a loop ended well and wrote no signals."""
    return Diagnostic(
        "RF6904",
        "error",
        f"the command of round {round_} wrote no signals",
        place=Place(path),
        notes=_printed(last),
        help=(Help("it is to write its table to the path that takes the place of `{signals}`"),),
    )


def signals_unusable(round_: int, log: str) -> Diagnostic:
    """RF6905: what the command of a loop wrote are no signals of the items that it was given; why stands before."""
    return Diagnostic(
        "RF6905",
        "error",
        f"the signals of round {round_} cannot be used",
        notes=(f"what the command printed stands in {log}",),
        help=(Help("mend the command, then go on with `refinec apply --resume --allow-exec`: it is run again"),),
    )


def loop_unreadable(loop: int, path: str, reason: str, unfinished: Sequence[int] = ()) -> Diagnostic:
    """RF6906: what is kept of a loop is missing or not what it should be.

    unfinished: runs of its rounds that can go on by themselves.
    """
    return Diagnostic(
        "RF6906",
        "error",
        f"loop {loop} cannot go on: {reason}",
        place=Place(path),
        notes=("what its rounds read, wrote and printed is kept where it is, and so are their runs",),
        help=(
            Help("start it again with `refinec apply SPEC --allow-exec`: what it bought is not bought again"),
            *(Help(f"`refinec apply --resume={run}` ends run {run} of it alone") for run in unfinished),
        ),
    )


def loop_stale(loop: int, spec: str) -> Diagnostic:
    """RF6907: the spec of an unfinished loop has no loop any longer, has errors, or is gone."""
    return Diagnostic(
        "RF6907",
        "error",
        f"loop {loop} cannot go on: `{spec}` holds no such loop any longer",
        help=(Help("put the spec back, or start anew with `refinec apply SPEC --allow-exec`"),),
    )


def signals_from_loop(dataset: str, command: Sequence[str]) -> Diagnostic:
    """RF6908: the signals that a plan reads are those of a loop, whose command did not run yet."""
    return Diagnostic(
        "RF6908",
        "note",
        f"the loop's command writes dataset `{dataset}`: `{render_command(command)}`",
        help=(Help("`refinec apply SPEC --allow-exec` runs it; a plan by itself is of one round, and needs its file"),),
    )


def loop_interrupted(loop: int, signal: str) -> Diagnostic:
    """RF6909: a signal ended the command of a loop, and with it the loop."""
    return Diagnostic(
        "RF6909",
        "warning",
        f"loop {loop} was interrupted by {signal}; its command and all that it started were ended",
        help=(Help("go on with it: `refinec apply --resume --allow-exec`"),),
    )


def round_suspect(round_: int, findings: Sequence[str]) -> Diagnostic:
    """RF6910: a round of a loop lost labels, or spent tokens that moved nothing of a target that it missed.

    findings: one for each label and dimension.
    """
    shown = tuple(findings[:_FINDINGS])
    more = (f"and {len(findings) - _FINDINGS} more: `refinec show` of its run has them",)
    return Diagnostic(
        "RF6910",
        "warning",
        f"round {round_} may have made the set worse",
        notes=(*shown, *(more if len(findings) > _FINDINGS else ())),
        help=(
            Help("`constraints { floor = … }` keeps labels in the set; what was lost stands in the round's own items"),
        ),
    )


def _printed(last: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"it printed: {shorten(line, 120)}" for line in last)
